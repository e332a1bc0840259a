"""Requests as clients send them: POST /v1/messages, of both versions of the wire.

Rules of this file: the client's own fields are kept as the bytes they were. A turn's tool results become messages of their own
before the rest of the turn, as other dialects have them. What version 2026-10-21 refuses is refused here as well, so that a
program meets the same answer whichever maker serves it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from entrepot.canonical.request import (
    Message,
    OutputFormat,
    Part,
    Reasoning,
    Request,
    Role,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from entrepot.dialects.anthropic_messages.blocks import part_of_block
from entrepot.dialects.anthropic_messages.deferred import CHANGES, hidden_tools
from entrepot.dialects.anthropic_messages.wire import (
    DIALECT,
    REQUEST_FIELDS,
    WireMessage,
    WireRequest,
    decode_any,
    decode_fields,
    decode_request,
)
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.request_body import taking_apart
from entrepot.dialects.seal import unseal_call
from entrepot.errors import InvalidRequest

VERSIONS = ("2023-06-01", "2026-10-21", "2023-01-01")
_KEPT_HEADERS = (b"anthropic-version", b"anthropic-beta")
_NO_SAMPLING = ("temperature", "top_p", "top_k")
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system"}
_CHOICES: dict[str, ToolChoice] = {
    "auto": ToolChoice("auto"),
    "any": ToolChoice("required"),
    "none": ToolChoice("none"),
}
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes to a request. Raises InvalidRequest naming the offending part."""
    with taking_apart(body):
        fields = decode_fields(body)
        wire = decode_request(body)
        extra = {name: decode_any(raw) for name, raw in fields.items() if name not in REQUEST_FIELDS}
        decode_any(fields["messages"])  # they may have to be taken apart for a provider
    version = envelope.headers.get(b"anthropic-version", VERSIONS[0].encode()).decode("latin-1")
    if version not in VERSIONS:
        raise InvalidRequest(
            f"anthropic-version is '{version[:40]}': use one of {', '.join(VERSIONS)}", param="anthropic-version"
        )
    counting = envelope.path.endswith("/count_tokens")
    if wire.max_tokens is None and not counting:
        raise InvalidRequest("'max_tokens' is missing: this dialect asks for a limit", param="max_tokens")
    request = _canonical(wire, extra)
    if version == VERSIONS[1]:
        _check_2026_10_21(wire)
    headers = tuple((name, envelope.headers[name]) for name in _KEPT_HEADERS if name in envelope.headers)
    return Asked(request=request, dialect=DIALECT, fields=fields, headers=headers)


def _check_2026_10_21(wire: WireRequest) -> None:
    for name in _NO_SAMPLING:
        if getattr(wire, name) is not None:
            raise InvalidRequest(f"'{name}' is not part of anthropic-version {VERSIONS[1]}: leave it out", param=name)
    for i, message in enumerate(wire.messages):
        for j, block in enumerate(message.content if isinstance(message.content, list) else ()):
            at = f"messages[{i}].content[{j}]"
            if message.role == "assistant" and block.get("type") == "document":
                raise InvalidRequest(
                    f"'{at}': anthropic-version {VERSIONS[1]} takes documents from users only", param=at
                )
            if message.role == "user" and block.get("type") == "text" and block.get("citations"):
                raise InvalidRequest(f"'{at}': anthropic-version {VERSIONS[1]} takes no citations from users", param=at)


def _canonical(wire: WireRequest, extra: dict[str, Any]) -> Request:
    if not wire.model:
        raise InvalidRequest("'model' is empty: name a route, a model or a deployment", param="model")
    if not wire.messages:
        raise InvalidRequest("'messages' is empty: at least one message is needed", param="messages")
    if wire.max_tokens is not None and wire.max_tokens < 0:
        raise InvalidRequest(f"'max_tokens' is {wire.max_tokens}: it must not be negative", param="max_tokens")
    messages = [_system(wire.system)] if wire.system else []
    for i, message in enumerate(wire.messages):
        for one in _messages(message, f"messages[{i}]"):
            _append(messages, one)
    effort, budget = _reasoning(wire.thinking or {}, wire.output_config or {})
    user = (wire.metadata or {}).get("user_id")
    hidden = hidden_tools(wire.tools or (), wire.messages, wire.tool_choice)
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(wire.tools or ()) if i not in hidden]
    tools += [Tool(f"mcp_servers[{i}]", hosted=server) for i, server in enumerate(wire.mcp_servers or ())]
    parallel_off = (wire.tool_choice or {}).get("disable_parallel_tool_use")
    return Request(
        model=wire.model,
        messages=tuple(messages),
        tools=tuple(tools),
        tool_choice=_tool_choice(wire.tool_choice),
        parallel_tool_calls=None if parallel_off is None else not parallel_off,
        output_format=_output_format((wire.output_config or {}).get("format") or wire.output_format),
        max_output_tokens=wire.max_tokens,
        temperature=wire.temperature,
        top_p=wire.top_p,
        top_k=wire.top_k,
        stop=tuple(wire.stop_sequences or ()),
        reasoning_effort=effort,
        reasoning_budget_tokens=budget,
        user=user if isinstance(user, str) else None,
        stream=bool(wire.stream),
        include_usage=True,
        extra=extra,
    )


def _system(system: str | list[dict[str, Any]]) -> Message:
    if isinstance(system, str):
        return Message("system", (Text(system),))
    return Message("system", tuple(part_of_block(block, f"system[{i}]") for i, block in enumerate(system)))


def _messages(wire: WireMessage, at: str) -> Iterator[Message]:
    role = _ROLES.get(wire.role)
    if role is None:
        raise InvalidRequest(f"'{at}.role' is '{wire.role[:40]}': use one of {', '.join(_ROLES)}", param=f"{at}.role")
    if isinstance(wire.content, str):
        yield Message(role, (Text(wire.content),))
        return
    blocks = [(i, block) for i, block in enumerate(wire.content) if block.get("type") not in CHANGES]
    if wire.content and not blocks:
        return  # nothing but changes of the tools, which the tools themselves show
    parts = _with_call_signatures([part_of_block(block, f"{at}.content[{i}]") for i, block in blocks])
    results = [part for part in parts if isinstance(part, ToolResult)]
    for result in results:
        yield Message("tool", (result,))
    rest = tuple(part for part in parts if not isinstance(part, ToolResult))
    if rest or not results:
        yield Message(role, rest)


def _append(messages: list[Message], message: Message) -> None:
    """Add a message; neighbouring turns of the assistant are one, as the dialect has it (API reference, `messages`)."""
    if messages and messages[-1].role == message.role == "assistant":
        message = Message("assistant", (*messages.pop().parts, *message.parts))
    messages.append(message)


def _with_call_signatures(parts: list[Part]) -> list[Part]:
    """Give a call the signature that was kept for it in the block before."""
    joined: list[Part] = []
    waiting: tuple[str, str | None] | None = None
    for part in parts:
        if isinstance(part, Reasoning) and part.redacted and (found := unseal_call(part.signature or "")) is not None:
            waiting = found
        elif isinstance(part, ToolCall) and waiting is not None:
            joined.append(msgspec.structs.replace(part, signature=waiting[0], bound_to=waiting[1]))
            waiting = None
        else:
            joined.append(part)
    return joined


def _tool(wire: dict[str, Any], at: str) -> Tool:
    name = wire.get("name")
    if wire.get("type") not in (None, "custom"):
        return Tool(name if isinstance(name, str) else str(wire["type"]), hosted=wire)
    if not isinstance(name, str) or not name:
        raise InvalidRequest(f"'{at}.name' is missing", param=f"{at}.name")
    schema, description, strict = wire.get("input_schema"), wire.get("description"), wire.get("strict")
    known = ("type", "name", "description", "input_schema", "strict")
    return Tool(
        name,
        description if isinstance(description, str) else None,
        schema if isinstance(schema, dict) else None,
        strict if isinstance(strict, bool) else None,
        {key: value for key, value in wire.items() if key not in known},
    )


def _tool_choice(wire: dict[str, Any] | None) -> ToolChoice | None:
    if wire is None:
        return None
    kind, name = wire.get("type"), wire.get("name")
    if kind == "tool":
        if not isinstance(name, str):
            raise InvalidRequest("'tool_choice.name' is missing: name the tool to call", param="tool_choice.name")
        return ToolChoice("named", name)
    choice = _CHOICES.get(str(kind))
    if choice is None:
        raise InvalidRequest("'tool_choice.type' must be auto, any, tool or none", param="tool_choice.type")
    return choice


def _output_format(wire: object) -> OutputFormat:
    if isinstance(wire, dict) and wire.get("type") == "json_schema" and isinstance(wire.get("schema"), dict):
        return OutputFormat("json_schema", wire["schema"], strict=True)
    return OutputFormat()


def _reasoning(thinking: dict[str, Any], output_config: dict[str, Any]) -> tuple[str | None, int | None]:
    """Effort and budget. Adaptive thinking without an effort is the dialect's default of `high`."""
    effort, budget = output_config.get("effort"), thinking.get("budget_tokens")
    named = effort if isinstance(effort, str) else None
    match thinking.get("type"):
        case "enabled":
            return named, budget if isinstance(budget, int) else None
        case "disabled":
            return "none", None
        case None:
            return named, None
        case _:
            return named or "high", None
