"""Requests as clients send them: POST /v1/responses.

Rules of this file: the client's own fields are kept as the bytes they were, for a provider of the same dialect. Content that the
request only points at (an earlier response, a conversation, a stored prompt) stands in the messages as an Unknown part, so that
no other dialect can answer as if it were not there; the server puts the content in its place where it keeps it.

Settings that have no canonical name are kept in `Request.extra`: `include`, `truncation`, `metadata`, `service_tier`,
`prompt_cache_key`, `max_tool_calls`, `text.verbosity`, `reasoning.summary` and whatever else is sent. Another dialect is not
told of them, save for `logprobs`, which `include` may ask for.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import SEARCH_BESIDE, Message, OutputFormat, Request, Text, Tool, Unknown
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.openai_responses.items import ADDITIONAL_TOOLS, content_parts, messages_of
from entrepot.dialects.openai_responses.tools import choose, tools_of, without_search
from entrepot.dialects.openai_responses.wire import (
    DIALECT,
    REQUEST_FIELDS,
    WireRequest,
    decode_any,
    decode_fields,
    decode_request,
)
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import InvalidRequest

LOGPROBS = "message.output_text.logprobs"
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, _envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    with taking_apart(body):
        fields = decode_fields(body)
        wire = decode_request(body)
        extra = {name: decode_any(raw) for name, raw in fields.items() if name not in REQUEST_FIELDS}
    return Asked(request=_canonical(wire, extra), dialect=DIALECT, fields=fields)


def _canonical(wire: WireRequest, extra: dict[str, Any]) -> Request:
    if not wire.model:
        raise InvalidRequest("'model' is empty: name a route, a model or a deployment", param="model")
    if wire.max_output_tokens is not None and wire.max_output_tokens < 1:
        raise InvalidRequest(
            f"'max_output_tokens' is {wire.max_output_tokens}: it must be at least 1", param="max_output_tokens"
        )
    messages = (*_instructions(wire), *_elsewhere(wire), *_input(wire))
    if not messages or not (wire.input or _elsewhere(wire)):
        raise InvalidRequest("'input' is missing or empty: give a text or a list of items", param="input")
    tools = tools_of(wire.tools or [], "tools") + _additional_tools(wire)
    choice, tools = choose(wire.tool_choice, tools)
    offered, tools = tools, without_search(choice, tools)
    effort = (wire.reasoning or {}).get("effort")
    more: dict[str, Any] = {"include": wire.include} if wire.include else {}
    if LOGPROBS in (wire.include or ()):
        more = {**more, "logprobs": True}
    if searches := [tool.name for tool in offered if tool not in tools]:
        more = {**more, SEARCH_BESIDE: searches}
    return Request(
        model=wire.model,
        messages=messages,
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls,
        output_format=_output_format((wire.text or {}).get("format")),
        max_output_tokens=wire.max_output_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        reasoning_effort=effort if isinstance(effort, str) else None,
        user=wire.safety_identifier or wire.user,
        stream=bool(wire.stream),
        include_usage=True,
        extra={**extra, **more},
    )


def _instructions(wire: WireRequest) -> tuple[Message, ...]:
    if not wire.instructions:
        return ()
    if isinstance(wire.instructions, str):
        return (Message("system", (Text(wire.instructions),)),)
    return messages_of(wire.instructions, "instructions")


def _elsewhere(wire: WireRequest) -> tuple[Message, ...]:
    """What the request says by pointing at it."""
    pointers = {
        "prompt": wire.prompt,
        "conversation": wire.conversation,
        "previous_response_id": wire.previous_response_id,
    }
    return tuple(
        Message("user", (Unknown(DIALECT, {"type": name, name: value}),)) for name, value in pointers.items() if value
    )


def _input(wire: WireRequest) -> tuple[Message, ...]:
    if isinstance(wire.input, str):
        return (Message("user", content_parts(wire.input, "input")),)
    return messages_of(wire.input or ())


def _additional_tools(wire: WireRequest) -> tuple[Tool, ...]:
    """Tools that are given among the items; of several of one name the last."""
    found: dict[str, Tool] = {}
    for i, item in enumerate(wire.input if isinstance(wire.input, list) else ()):
        listed = item.get("tools") if item.get("type") == ADDITIONAL_TOOLS else None
        given = [tool for tool in listed if isinstance(tool, dict)] if isinstance(listed, list) else []
        found.update({tool.name: tool for tool in tools_of(given, f"input[{i}].tools")})
    return tuple(found.values())


def _output_format(wire: object) -> OutputFormat:
    if not isinstance(wire, dict):
        return OutputFormat()
    match wire.get("type"):
        case "json_object":
            return OutputFormat("json")
        case "json_schema":
            schema, name, strict = wire.get("schema"), wire.get("name"), wire.get("strict")
            if not isinstance(schema, dict):
                raise InvalidRequest("'text.format.schema' must be an object", param="text.format.schema")
            return OutputFormat(
                "json_schema",
                schema,
                name if isinstance(name, str) else None,
                strict if isinstance(strict, bool) else None,
            )
        case _:
            return OutputFormat()
