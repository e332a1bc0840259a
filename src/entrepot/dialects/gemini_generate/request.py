"""What a client asks, to the canonical form. The model and whether to stream are in the address.

Rules of this file: the body may spell fields in camelCase or snake_case. Functions' results are messages of their own (role
`tool`), in their place. A call without an id is named by its position among the conversation's calls, and a result without an
id answers the earliest call of its function that has no result yet. Consecutive turns of the model are one message. Cached
content is part of the prompt that only Google has, so it is a part (`Unknown`), not a setting: no other dialect can leave it
out unseen.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote

import msgspec

from entrepot.canonical.request import (
    Message,
    Part,
    Reasoning,
    Request,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.gemini_generate.parts import join_reasoning, made_id, parse_part
from entrepot.dialects.gemini_generate.settings import parse_settings, parse_tool_choice, parse_tools
from entrepot.dialects.gemini_generate.wire import (
    DIALECT,
    WireContent,
    WireGeneration,
    WireRequest,
    WireToolConfig,
    decode_fields,
    decode_value,
    listed,
    normalize,
    rest,
)
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import InvalidRequest, NotFound

_ADDRESS = re.compile(r"/models/(?P<model>[^/]+(?:/[^/]+)*):(?P<action>generateContent|streamGenerateContent)$")
_ROLES: dict[str, Role] = {"user": "user", "model": "assistant", "function": "user", "": "user"}
_NO_ENVELOPE = Envelope()


def parse_request(body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
    """Bytes and their address to a request. Raises InvalidRequest naming the offending part, NotFound for an address that is
    none of this dialect's.

    `extra["alt"]` is the address's own setting: `sse`, or absent for a stream as a JSON array.
    """
    found = _ADDRESS.search(unquote(envelope.path))
    if found is None:
        raise NotFound("the path names no model: use /v1beta/models/{model}:generateContent or :streamGenerateContent")
    with taking_apart(body):
        fields = decode_fields(body)
        raw = _listed_throughout(normalize(decode_value(body)))
        wire = msgspec.convert(raw, WireRequest)
        request = _Reader().request(wire, raw)
    streams = found["action"] == "streamGenerateContent"
    alt = parse_qs(envelope.query).get("alt", [""])[0]
    addressed = msgspec.structs.replace(
        request,
        model=found["model"],
        stream=streams,
        include_usage=streams,
        extra={**request.extra, **({"alt": alt} if alt else {})},
    )
    return Asked(request=addressed, dialect=DIALECT, fields=fields)


def _listed_throughout(raw: dict[str, Any]) -> dict[str, Any]:
    """Lists where one object was given for them, as the JSON form of protocol buffers allows."""
    shaped = dict(raw)
    shaped.update((name, listed(raw[name])) for name in ("contents", "tools") if name in raw)
    contents = [*shaped.get("contents", ()), shaped.get("systemInstruction")]
    lists = [(content, "parts") for content in contents]
    lists.extend((tool, "functionDeclarations") for tool in shaped.get("tools", ()))
    for holder, name in lists:
        if isinstance(holder, dict) and isinstance(holder.get(name), dict):
            holder[name] = [holder[name]]
    return shaped


class _Reader:
    """Reads one request; remembers its calls, which results name by function only."""

    def __init__(self) -> None:
        self._calls = 0
        self._open: list[tuple[str, str]] = []

    def request(self, wire: WireRequest, raw: dict[str, Any]) -> Request:
        if not wire.contents:
            raise InvalidRequest("'contents' is empty: at least one turn is needed", param="contents")
        messages = self._system(wire, raw)
        for i, content in enumerate(wire.contents):
            for message in self._content(content, raw["contents"][i], f"contents[{i}]"):
                _append(messages, message)
        tools = tuple(
            tool
            for i, each in enumerate(wire.tools or ())
            for tool in parse_tools(each, raw["tools"][i], f"tools[{i}]")
        )
        choice, calling = parse_tool_choice(wire.tool_config)
        if allowed := (calling.get("functionCallingConfig") or {}).get("allowedFunctionNames"):
            tools = tuple(tool for tool in tools if tool.hosted is not None or tool.name in allowed)
        settings = parse_settings(wire.generation_config or WireGeneration(), raw.get("generationConfig") or {})
        extra = {**rest(raw, WireRequest), **settings.pop("extra")}
        if beside := {**rest(raw.get("toolConfig") or {}, WireToolConfig), **calling}:
            extra["toolConfig"] = beside
        return Request(model="", messages=tuple(messages), tools=tools, tool_choice=choice, extra=extra, **settings)

    def _system(self, wire: WireRequest, raw: dict[str, Any]) -> list[Message]:
        parts: list[Part] = []
        if wire.cached_content:
            parts.append(Unknown(DIALECT, {"cachedContent": wire.cached_content}))
        if wire.system_instruction is not None:
            parts.extend(self._parts(wire.system_instruction, raw["systemInstruction"]))
        return [Message("system", tuple(parts))] if parts else []

    def _content(self, content: WireContent, raw: dict[str, Any], at: str) -> list[Message]:
        role = _ROLES.get(content.role or "")
        if role is None:
            raise InvalidRequest(f"'{at}.role' is '{(content.role or '')[:40]}': use user or model", param=f"{at}.role")
        messages: list[Message] = []
        run: list[Part] = []
        for part in self._parts(content, raw):
            if run and isinstance(part, ToolResult) != isinstance(run[-1], ToolResult):
                messages.append(_message(role, run))
                run = []
            run.append(part)
        if run or not messages:
            messages.append(_message(role, run))
        return messages

    def _parts(self, content: WireContent, raw: dict[str, Any]) -> list[Part]:
        parts = []
        for wire, given in zip(content.parts or (), raw.get("parts") or (), strict=True):
            part = parse_part(wire, given, self._new_id, self._answered)
            if isinstance(part, ToolCall):
                self._calls += 1
                self._open.append((part.name, part.id))
            elif isinstance(part, ToolResult):
                self._close(part.call_id)
            parts.append(part)
        return parts

    def _new_id(self) -> str:
        return made_id(self._calls)

    def _answered(self, name: str) -> str | None:
        return next((call_id for function, call_id in self._open if function == name), None)

    def _close(self, call_id: str) -> None:
        for position, (_, open_id) in enumerate(self._open):
            if open_id == call_id:
                del self._open[position]
                return


def _message(role: Role, parts: list[Part]) -> Message:
    whole: list[Part] = []
    for part in parts:
        joined = _joined(whole[-1], part) if whole and isinstance(part, Reasoning) else None
        whole[-1:] = [joined] if joined is not None else [*whole[-1:], part]
    return Message("tool" if whole and isinstance(whole[0], ToolResult) else role, tuple(whole))


def _append(messages: list[Message], message: Message) -> None:
    """Add a message. Google's client keeps a stream's chunks as turns of their own: they are one, and so are their texts."""
    latest = messages[-1] if messages else None
    if latest is None or latest.role != "assistant" or message.role != "assistant":
        messages.append(message)
        return
    earlier, later = list(latest.parts), list(message.parts)
    if earlier and later and (joined := _joined(earlier[-1], later[0])) is not None:
        earlier[-1:], later = [joined], later[1:]
    messages[-1] = Message("assistant", (*earlier, *later))


def _joined(one: Part, other: Part) -> Part | None:
    """Two parts that a stream cut: text, or another provider's reasoning up to its signature."""
    if isinstance(one, Text) and isinstance(other, Text) and not one.extra and not other.extra:
        return Text(one.text + other.text)
    if isinstance(one, Reasoning) and isinstance(other, Reasoning) and one.bound_to != DIALECT:
        return join_reasoning(one, other)
    return None
