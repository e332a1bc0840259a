"""Recorded Converse exchanges, and what a recorded request asks, in canonical form.

No client speaks Converse to us, so this reads as much of its requests as was recorded; what it does not know fails the test.
"""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from entrepot.dialects.bedrock_converse.media import media_of
from tests.dialects.recorded import Exchange, recorded

MARK = {"cache_control": {"type": "ephemeral"}}
MEDIA = ("image", "document", "video", "audio")


def exchanges(wire_dir: Path) -> list[Exchange]:
    return [*recorded(wire_dir, "/converse"), *recorded(wire_dir, "/converse-stream")]


def model_of(exchange: Exchange) -> str:
    return unquote(exchange["url"].split("/model/")[1].rpartition("/")[0])


def streams(exchange: Exchange) -> bool:
    return bool(exchange["url"].endswith("-stream"))


def bytes_of(exchange: Exchange) -> bytes:
    """A stream was recorded in base64, as text or under a name that says so."""
    body = exchange["response"]
    if isinstance(body, dict) and "$base64" in body:
        return base64.b64decode(body["$base64"])
    return base64.b64decode(body) if isinstance(body, str) else json.dumps(body).encode()


def asked_in(exchange: Exchange) -> Request:
    given = dict(exchange["request"])
    fields = dict(given.pop("additionalModelRequestFields", {}))
    messages = [Message("system", tuple(parts(given.pop("system", []))))]
    messages += [Message(each["role"], tuple(parts(each["content"]))) for each in given.pop("messages")]
    config = given.pop("toolConfig", {})
    inference = given.pop("inferenceConfig", {})
    request = Request(
        "m",
        tuple(message for message in messages if message.parts),
        tools=tuple(tools(config.get("tools", ()))),
        tool_choice=choice(config.get("toolChoice")),
        output_format=output_format(given.pop("outputConfig", None)),
        max_output_tokens=inference.get("maxTokens"),
        temperature=inference.get("temperature"),
        top_p=inference.get("topP"),
        stop=tuple(inference.get("stopSequences", ())),
        stream=streams(exchange),
        reasoning_effort=effort(fields),
        reasoning_budget_tokens=fields.get("thinking", {}).get("budget_tokens"),
        top_k=fields.get("top_k", fields.get("inferenceConfig", {}).get("topK")),
        extra={name: given.pop(name) for name in ("guardrailConfig",) if name in given},
    )
    assert not given.keys() - {"additionalModelResponseFieldPaths"}, given
    return request


def effort(fields: dict[str, Any]) -> str | None:
    said: str | None = fields.get("reasoning_effort") or fields.get("reasoning_config")
    return said or fields.get("output_config", {}).get("effort")


def parts(blocks: list[dict[str, Any]]) -> list[Part]:
    said: list[Part] = []
    for block in blocks:
        match block:
            case {"text": text}:
                said.append(Text(text))
            case {"cachePoint": _}:
                said[-1] = Text(said[-1].text, MARK) if isinstance(said[-1], Text) else marked(said[-1])
            case {"toolUse": use}:
                said.append(ToolCall(use["toolUseId"], use["name"], json.dumps(use["input"])))
            case {"toolResult": result}:
                inner = tuple(each for each in parts(result["content"]) if isinstance(each, Text | Media))
                assert len(inner) == len(result["content"])
                said.append(ToolResult(result["toolUseId"], inner, result.get("status") == "error"))
            case {"reasoningContent": {"reasoningText": text}}:
                said.append(Reasoning(text["text"], text["signature"], bound_to="anthropic-messages"))
            case {"reasoningContent": {"redactedContent": content}}:
                said.append(Reasoning("", content, redacted=True, bound_to="bedrock-converse"))
            case _:
                (name,) = block
                assert name in MEDIA, block
                media = media_of(name, plain(block)[name])
                assert media is not None
                said.append(media)
    return said


def marked(part: Part) -> Part:
    assert isinstance(part, Media | ToolResult | ToolCall)
    return type(part)(**{name: getattr(part, name) for name in part.__struct_fields__} | {"extra": MARK})


def tools(given: list[dict[str, Any]]) -> list[Tool]:
    found: list[Tool] = []
    for each in given:
        if "cachePoint" in each:
            last = found.pop()
            found.append(Tool(last.name, last.description, last.parameters, last.strict, extra=MARK))
        else:
            spec = each["toolSpec"]
            found.append(Tool(spec["name"], spec.get("description"), spec["inputSchema"]["json"], spec.get("strict")))
    return found


def choice(given: dict[str, Any] | None) -> ToolChoice | None:
    match given:
        case None | {"auto": _}:
            return None
        case {"any": _}:
            return ToolChoice("required")
        case {"tool": {"name": name}}:
            return ToolChoice("named", name)
    raise AssertionError(given)


def output_format(given: dict[str, Any] | None) -> OutputFormat:
    if given is None:
        return OutputFormat()
    schema = given["textFormat"]["structure"]["jsonSchema"]
    return OutputFormat("json_schema", json.loads(schema["schema"]), schema.get("name"))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what says nothing: empty settings, defaults that are spelled out, blank text, how turns are divided."""
    body = {name: value for name, value in body.items() if value not in ([], {})}
    body["messages"] = merged(body["messages"])
    if "outputConfig" in body:
        schema = dict(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"])
        schema.pop("description", None)  # of the schema as a whole, which the canonical form has no name for
        body["outputConfig"] = {**schema, "schema": json.loads(schema["schema"])}
    config = body.get("toolConfig")
    if config is not None and config.get("toolChoice") == {"auto": {}}:
        body["toolConfig"] = {"tools": config["tools"]}
    body.pop("additionalModelResponseFieldPaths", None)
    return body


def merged(messages: list[dict[str, Any]]) -> list[tuple[str, list[Any]]]:
    """Turns by role, without blank text. A marker behind a document stands before it, where Bedrock takes it."""
    turns: list[tuple[str, list[Any]]] = []
    for message in messages:
        blocks = [plain(block) for block in message["content"] if block.get("text", "x").strip()]
        if turns and turns[-1][0] == message["role"]:
            turns[-1][1].extend(blocks)
        else:
            turns.append((message["role"], blocks))
    for _, blocks in turns:
        for at in range(1, len(blocks)):
            if "cachePoint" in blocks[at] and "document" in blocks[at - 1]:
                blocks[at - 1], blocks[at] = blocks[at], blocks[at - 1]
    return turns


def plain(block: dict[str, Any]) -> dict[str, Any]:
    for name in MEDIA:
        if name in block:  # one recorded client wrote the media type where the format belongs
            return {name: {**block[name], "format": block[name]["format"].rpartition("/")[2]}}
    result = block.get("toolResult")
    if result is not None and result.get("status") == "success":
        return {"toolResult": {name: value for name, value in result.items() if name != "status"}}
    return block
