"""Requests as clients send them.

Rules of this file: the client's own fields are kept as the bytes they were, for a provider of the same dialect. Reasoning that a
provider sealed comes back in `reasoning_details` (`content.py`), a sealed call's signature in `extra_content` as Google has it.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

from entrepot.canonical.request import (
    Media,
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Refusal,
    Request,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.data_url import data_of, is_data_url
from entrepot.dialects.openai_chat.content import reasoning_of_detail
from entrepot.dialects.openai_chat.plain import read_plain
from entrepot.dialects.openai_chat.reasoning import reasoning_asked
from entrepot.dialects.openai_chat.tools import choose, tool_of
from entrepot.dialects.openai_chat.wire import (
    DIALECT,
    REQUEST_FIELDS,
    WireMessage,
    WireTool,
    WireToolCall,
    decode_any,
    decode_fields,
    decode_messages,
    decode_request,
)
from entrepot.dialects.openai_chat.wire import WireRequest as OpenAIRequest
from entrepot.dialects.request_body import taking_apart
from entrepot.dialects.seal import unseal
from entrepot.errors import InvalidRequest

MAX_CHOICES = 128
_ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "developer",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, _envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    plain = read_plain(body)
    return take_apart(body) if plain is None else plain


def take_apart(body: bytes) -> Asked:
    """As `parse_request`, whatever is in the request."""
    with taking_apart(body):
        fields = decode_fields(body)
        wire = decode_request(body)
        extra = {name: _decode_extra(name, raw) for name, raw in fields.items() if name not in REQUEST_FIELDS}
        if any(message.role == "developer" for message in wire.messages):
            decode_messages(fields["messages"])  # they may have to be taken apart for a provider
    return Asked(request=_canonical(wire, extra), dialect=DIALECT, fields=fields)


def _decode_extra(name: str, raw: msgspec.Raw) -> Any:  # noqa: ANN401 - whatever a client sends
    try:
        return decode_any(raw)
    except msgspec.ValidationError as error:
        raise InvalidRequest(f"'{name[:100]}': {error}", param=name[:100], code="invalid_type") from None


def _canonical(wire: OpenAIRequest, extra: dict[str, Any]) -> Request:
    if not wire.model:
        raise InvalidRequest("'model' is empty: name a route, a model or a deployment", param="model")
    if not wire.messages:
        raise InvalidRequest("'messages' is empty: at least one message is needed", param="messages")
    limit = wire.max_completion_tokens if wire.max_completion_tokens is not None else wire.max_tokens
    if limit is not None and limit < 1:
        raise InvalidRequest(f"the token limit is {limit}: it must be at least 1", param="max_tokens")
    if wire.n is not None and not 1 <= wire.n <= MAX_CHOICES:
        raise InvalidRequest(f"'n' is {wire.n}: it must be between 1 and {MAX_CHOICES}", param="n")
    given = [*(wire.tools or ()), *(WireTool(function=function) for function in wire.functions or ())]
    tools = tuple(tool_of(tool, f"tools[{i}]") for i, tool in enumerate(given))
    choice, tools = choose(wire.tool_choice if wire.tool_choice is not None else wire.function_call, tools)
    effort, budget = reasoning_asked(wire.reasoning_effort, extra)
    return Request(
        model=wire.model,
        messages=tuple(_message(message, f"messages[{i}]") for i, message in enumerate(wire.messages)),
        tools=tools,
        tool_choice=choice,
        parallel_tool_calls=wire.parallel_tool_calls,
        output_format=_output_format(wire.response_format),
        max_output_tokens=limit,
        temperature=wire.temperature,
        top_p=wire.top_p,
        stop=(wire.stop,) if isinstance(wire.stop, str) else tuple(wire.stop or ()),
        seed=wire.seed,
        n=wire.n or 1,
        reasoning_effort=effort,
        reasoning_budget_tokens=budget,
        user=wire.user,
        stream=bool(wire.stream),
        include_usage=bool((wire.stream_options or {}).get("include_usage")),
        extra=extra,
    )


def _message(wire: WireMessage, at: str) -> Message:
    role = _ROLES.get(wire.role)
    if role is None:
        raise InvalidRequest(f"'{at}.role' is '{wire.role[:40]}': use one of {', '.join(_ROLES)}", param=f"{at}.role")
    content = _content(wire.content, f"{at}.content")
    if role == "tool":
        if not wire.tool_call_id and wire.role == "tool":
            raise InvalidRequest(f"'{at}.tool_call_id' is missing: name the call answered", param=f"{at}.tool_call_id")
        kept = tuple(part for part in content if isinstance(part, Text | Media | Unknown))
        return Message(role="tool", parts=(ToolResult(wire.tool_call_id or wire.name or "", kept),), name=wire.name)
    parts: list[Part] = []
    if wire.reasoning_details:
        parts.extend(reasoning_of_detail(detail) for detail in wire.reasoning_details)
    elif reasoning := wire.reasoning_content or wire.reasoning:
        parts.append(Reasoning(reasoning, bound_to=DIALECT))
    parts.extend(content)
    if wire.refusal:
        parts.append(Refusal(wire.refusal))
    parts.extend(_tool_call(call) for call in wire.tool_calls or ())
    if wire.audio is not None:
        parts.append(Unknown(DIALECT, {"type": "audio", "audio": wire.audio}))  # it names what only its provider keeps
    if wire.function_call is not None:
        parts.append(_tool_call(WireToolCall(wire.function_call.name, function=wire.function_call)))
    if not parts and role != "assistant" and wire.content is None:
        raise InvalidRequest(f"'{at}.content' is missing", param=f"{at}.content")
    return Message(role=role, parts=tuple(parts), name=wire.name)


def _content(content: str | list[dict[str, Any]] | None, at: str) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Text(content),)
    return tuple(_part(part, f"{at}[{i}]") for i, part in enumerate(content))


def _part(part: dict[str, Any], at: str) -> Part:
    kind = part.get("type")
    if not isinstance(kind, str):
        raise InvalidRequest(f"'{at}.type' is missing: a content part names its type", param=f"{at}.type")
    value = part.get(kind)
    if kind == "text" or kind == "refusal":
        if not isinstance(value, str):
            raise InvalidRequest(f"'{at}.{kind}' must be a string", param=f"{at}.{kind}")
        return Text(value, _marker(part)) if kind == "text" else Refusal(value)
    if kind not in ("image_url", "input_audio", "file"):
        return Unknown(DIALECT, part)
    if kind == "image_url" and isinstance(value, str):
        value = {"url": value}
    if not isinstance(value, dict):
        raise InvalidRequest(f"'{at}.{kind}' must be an object", param=f"{at}.{kind}")
    return msgspec.structs.replace(_media(kind, value, f"{at}.{kind}"), extra=_marker(part))


def _marker(part: dict[str, Any]) -> dict[str, Any]:
    """The cache marker, as hosts with explicit caches take it in this dialect."""
    return {"cache_control": part["cache_control"]} if isinstance(part.get("cache_control"), dict) else {}


def _media(kind: str, value: dict[str, Any], at: str) -> Media:
    source = {"image_url": "url", "input_audio": "data", "file": "file_data"}[kind]
    given = value.get(source)
    if given is None and isinstance(value.get("file_id"), str):
        return Media("file", file_id=value["file_id"], name=value.get("filename"))
    if not isinstance(given, str):
        raise InvalidRequest(f"'{at}.{source}' must be a string", param=f"{at}.{source}")
    if kind == "input_audio":
        return Media("audio", media_type=f"audio/{value.get('format', 'wav')}", data=given)
    media: dict[str, Any] = {"url": given}
    if is_data_url(given):
        media = dict(zip(("media_type", "data"), data_of(given), strict=True))
    elif kind == "file" and "://" not in given:
        media = {"media_type": "application/pdf", "data": given}  # bare base64 is what PDFs were sent as at first
    if kind == "image_url":
        return Media("image", detail=value.get("detail"), **media)
    return Media("file", name=value.get("filename"), **media)


def _tool_call(wire: WireToolCall) -> ToolCall:
    function = wire.function
    arguments = function.arguments if function else None
    if not isinstance(arguments, str):  # some clients send the object itself
        arguments = json.dumps(arguments, ensure_ascii=False) if arguments else "{}"
    google = (wire.extra_content or {}).get("google")
    kept = google.get("thought_signature") if isinstance(google, dict) else None
    signature, bound_to = unseal(kept, DIALECT) if isinstance(kept, str) else (None, None)
    return ToolCall(
        id=wire.id or "",
        name=(function.name if function else None) or "",
        arguments=arguments or "{}",
        signature=signature,
        bound_to=bound_to,
    )


def _output_format(wire: dict[str, Any] | None) -> OutputFormat:
    kind = (wire or {}).get("type")
    if wire is None or kind not in ("json_object", "json_schema"):
        return OutputFormat()
    inner = wire.get("json_schema")
    if kind == "json_object" or not isinstance(inner, dict):
        return OutputFormat("json")
    schema = inner.get("schema")
    return OutputFormat(
        "json_schema", schema if isinstance(schema, dict) else None, inner.get("name"), inner.get("strict")
    )
