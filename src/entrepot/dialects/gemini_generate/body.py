"""What we send a provider: the client's own fields where it speaks this dialect, else the canonical request in its words.

Rules of this file: all system and developer messages become `systemInstruction`, in their order. Consecutive assistant messages
are one turn (a call must directly follow the turn that it answers), and so are consecutive results, in the order of their
calls. Empty texts are left out: the API refuses them. From generation 3 on a model turn whose first call has no signature is
refused, so Google's stand-in for one is put there, whoever the client is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from entrepot.canonical.request import Message, Part, Reasoning, Request, Role, Text, Tool, ToolCall, ToolResult
from entrepot.dialects.address import join_address
from entrepot.dialects.base import Asked, Target, WireRequest
from entrepot.dialects.gemini_generate.parts import SKIP_VALIDATION, render_part
from entrepot.dialects.gemini_generate.schema import to_api_schema
from entrepot.dialects.gemini_generate.seal import is_sealed
from entrepot.dialects.gemini_generate.thinking import generation_of, render_thinking
from entrepot.dialects.gemini_generate.wire import DIALECT, camel_case, decode_value, encode, listed
from entrepot.errors import InvalidRequest

_Placed = tuple[int, dict[str, Any]]
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "named": "ANY"}


def render_request(asked: Asked, target: Target, max_output_tokens: int | None) -> WireRequest:
    """The request for this target. Raises InvalidRequest for content that Gemini could not be told."""
    if asked.dialect == DIALECT:
        body = encode(_own_fields(asked, target, max_output_tokens))
    else:
        body = encode(render_body(asked.request, target, max_output_tokens, own=False))
    name = target.upstream_name if "/" in target.upstream_name else f"models/{target.upstream_name}"
    action = "streamGenerateContent?alt=sse" if asked.request.stream else "generateContent"
    return WireRequest(url=join_address(target.base_url, f"/{name}:{action}", target.upstream_name), body=body)


def _own_fields(asked: Asked, target: Target, max_output_tokens: int | None) -> dict[str, msgspec.Raw]:
    fields = dict(asked.fields)
    if asked.request.max_output_tokens is None and max_output_tokens is not None:
        name = next((name for name in fields if camel_case(name) == "generationConfig"), "generationConfig")
        given = decode_value(fields[name]) if name in fields else {}
        fields[name] = msgspec.Raw(encode({**(given or {}), "maxOutputTokens": max_output_tokens}))
    needed = _needs_signatures(target)
    if any(_is_foreign(part) for part in asked.request.parts()) or (
        needed and any(_lacks_signature(message) for message in asked.request.messages)
    ):
        contents = [
            left for content in listed(decode_value(fields["contents"])) if (left := _without_foreign(content))["parts"]
        ]
        fields["contents"] = msgspec.Raw(encode([_signed_content(each) if needed else each for each in contents]))
    return fields


def _needs_signatures(target: Target) -> bool:
    return generation_of(target.upstream_name) >= (3, 0) and "no_thought_signatures" not in target.quirks


def _is_foreign(part: Part) -> bool:
    return isinstance(part, Reasoning | ToolCall) and part.bound_to not in (None, DIALECT)


def _without_foreign(content: dict[str, Any]) -> dict[str, Any]:
    """A turn without what is bound to other providers: their thoughts, and the signatures of their calls."""
    kept = []
    for part in listed(content.get("parts")):
        name = "thoughtSignature" if "thoughtSignature" in part else "thought_signature"
        if not is_sealed(str(part.get(name) or "")):
            kept.append(part)
        elif "functionCall" in part or "function_call" in part:
            kept.append({key: value for key, value in part.items() if key != name})
    return {**content, "parts": kept}


def _lacks_signature(message: Message) -> bool:
    first = next((part for part in message.parts if isinstance(part, ToolCall)), None)
    return first is not None and first.signature is None


def _signed_content(content: dict[str, Any]) -> dict[str, Any]:
    """A turn whose first call has a signature, if only the stand-in."""
    parts = listed(content.get("parts"))
    for i, part in enumerate(parts):
        if isinstance(part, dict) and ("functionCall" in part or "function_call" in part):
            if "thoughtSignature" in part or "thought_signature" in part:
                return content
            signed = {**part, "thoughtSignature": SKIP_VALIDATION}
            return {**content, "parts": [*parts[:i], signed, *parts[i + 1 :]]}
    return content


def render_body(request: Request, target: Target, max_output_tokens: int | None, *, own: bool) -> dict[str, Any]:
    """The canonical request in this dialect's words. `own`: its `extra` are such words already."""
    extra = {k: v for k, v in request.extra.items() if k not in ("alt", "logprobs", "top_logprobs")} if own else {}
    system, contents = _conversation(request, target, own)
    body: dict[str, Any] = {**extra, "contents": contents}
    cached = [part for part in system if "cachedContent" in part]
    if cached:
        body.update(cached[0])
    if instructions := [part for part in system if "cachedContent" not in part]:
        body["systemInstruction"] = {"parts": instructions}
    if tools := _tools(request.tools, target, own):
        body["tools"] = tools
    if config := _tool_config(request, extra.get("toolConfig") or {}):
        body["toolConfig"] = config
    if generation := _generation(request, target, max_output_tokens, extra.get("generationConfig") or {}):
        body["generationConfig"] = generation
    return body


def _conversation(request: Request, target: Target, own: bool) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The parts of the instruction, and the turns."""
    system: list[dict[str, Any]] = []
    turns: list[tuple[Role, list[_Placed]]] = []
    for role, placed in _rendered(request, own, call_ids="no_call_ids" not in target.quirks):
        if role in ("system", "developer"):
            system.extend(wire for _, wire in placed)
        elif placed and turns and turns[-1][0] == role and role in ("assistant", "tool") and not own:
            turns[-1][1].extend(placed)
        elif placed:
            turns.append((role, placed))
    if not turns:
        raise InvalidRequest(f"'messages' holds no turn of a user, and {DIALECT} needs one", param="messages")
    contents = []
    for role, placed in turns:
        ordered = sorted(placed, key=lambda each: each[0]) if role == "tool" else placed
        contents.append({"role": "model" if role == "assistant" else "user", "parts": [wire for _, wire in ordered]})
    if _needs_signatures(target):
        contents = [_signed_content(content) if content["role"] == "model" else content for content in contents]
    return system, contents


def _rendered(request: Request, own: bool, *, call_ids: bool) -> Iterator[tuple[Role, list[_Placed]]]:
    """Each message's parts; a result with the position of its call among all calls. Some clients use an id again."""
    names: dict[str, str] = {}
    positions: dict[str, int] = {}
    made = 0
    for i, message in enumerate(request.messages):
        for part in message.parts:
            if isinstance(part, ToolCall):
                names[part.id], positions[part.id] = part.name, made
                made += 1
        placed: list[_Placed] = []
        for j, part in enumerate(message.parts):
            if isinstance(part, Text) and not part.text and not own:
                continue
            wire = render_part(part, names, f"messages[{i}].parts[{j}]", own=own, call_ids=call_ids)
            if wire is not None:
                placed.append((positions.get(part.call_id, -1) if isinstance(part, ToolResult) else 0, wire))
        yield message.role, placed


def _tools(tools: tuple[Tool, ...], target: Target, own: bool) -> list[dict[str, Any]]:
    groups: list[dict[str, Any]] = []
    declared: list[dict[str, Any]] = []
    for i, tool in enumerate(tools):
        if tool.hosted is None:
            if not declared:
                groups.append({"functionDeclarations": declared})
            declared.append(_declaration(tool, target, own))
        elif own:
            groups.append(tool.hosted)
        else:
            at = f"tools[{i}]"
            raise InvalidRequest(f"'{at}' is '{tool.name}', a tool that only another maker's models have", param=at)
    return groups


def _declaration(tool: Tool, target: Target, own: bool) -> dict[str, Any]:
    wire: dict[str, Any] = {**(tool.extra if own else {}), "name": tool.name}
    if tool.description is not None:
        wire["description"] = tool.description
    if tool.parameters is not None:
        wire.update(_schema("parameters", "parametersJsonSchema", tool.parameters, target))
    return wire


def _schema(api_name: str, json_name: str, schema: dict[str, Any], target: Target) -> dict[str, Any]:
    """A schema under the name that says which kind it is."""
    if "api_schema" in target.quirks:
        narrow = to_api_schema(schema)
        # An object without properties is refused; no parameters at all say the same.
        return {api_name: narrow} if narrow.get("type") != "OBJECT" or narrow.get("properties") else {}
    return {json_name: {name: value for name, value in schema.items() if name != "$schema"}}


def _tool_config(request: Request, beside: dict[str, Any]) -> dict[str, Any]:
    choice = request.tool_choice
    config = dict(beside)
    if choice is not None:
        calling: dict[str, Any] = {"mode": _MODES[choice.mode]}
        if choice.mode == "named" and choice.name:
            calling["allowedFunctionNames"] = [choice.name]
        config["functionCallingConfig"] = {**calling, **beside.get("functionCallingConfig", {})}
    return config


def _generation(
    request: Request, target: Target, max_output_tokens: int | None, beside: dict[str, Any]
) -> dict[str, Any]:
    limit = request.max_output_tokens if request.max_output_tokens is not None else max_output_tokens
    settings: dict[str, Any] = {
        "temperature": request.temperature,
        "topP": request.top_p,
        "topK": request.top_k,
        "maxOutputTokens": limit,
        "stopSequences": list(request.stop) or None,
        "seed": request.seed,
        "candidateCount": request.n if request.n > 1 else None,
    }
    generation = {name: value for name, value in settings.items() if value is not None} | beside
    if request.extra.get("logprobs") is True:  # as OpenAI chat names it, and this dialect's own client
        generation["responseLogprobs"] = True
        if isinstance(request.extra.get("top_logprobs"), int):
            generation["logprobs"] = request.extra["top_logprobs"]
    thinking = {**(render_thinking(request, target) or {}), **beside.get("thinkingConfig", {})}
    if thinking:
        generation["thinkingConfig"] = thinking
    wanted = request.output_format
    if wanted.kind != "text":
        generation["responseMimeType"] = "application/json"
    if wanted.kind == "json_schema" and wanted.schema is not None:
        generation.update(_schema("responseSchema", "responseJsonSchema", wanted.schema, target))
    return generation
