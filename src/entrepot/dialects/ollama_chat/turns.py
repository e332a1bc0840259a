"""Canonical messages as Ollama's.

Rules of this file: every message has one text and its images beside it; roles may follow in any order, system instructions stay
where they are, each tool's result is a message of its own that names the tool. Calls carry their ids, and results those of their
calls, for the servers that know ids; others pass them over.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.dialects.ollama_chat.wire import DIALECT
from entrepot.errors import InvalidRequest

_ROLES = {"developer": "system"}
_PLAIN_TYPES = frozenset({"application/json", "application/xml", "application/yaml"})
_OPEN_REASONING = frozenset({None, DIALECT, "openai-chat"})
"""Whose reasoning is text for anyone to read, as long as nothing seals it."""


def render_messages(request: Request) -> list[dict[str, Any]]:
    """The `messages`. Raises InvalidRequest for what Ollama cannot be told."""
    names = {part.id: part.name for part in request.parts() if isinstance(part, ToolCall)}
    messages: list[dict[str, Any]] = []
    for number, message in enumerate(request.messages):
        messages.extend(_render_message(message, f"messages[{number}]", names))
    if not messages:
        raise InvalidRequest("nothing is left to send: every message is empty", param="messages")
    return messages


def _render_message(message: Message, at: str, names: dict[str, str]) -> list[dict[str, Any]]:
    rendered: list[dict[str, Any]] = []
    wire: dict[str, Any] = {"role": "user" if message.role == "tool" else _ROLES.get(message.role, message.role)}
    texts: list[str] = []
    for number, part in enumerate(message.parts):
        where = f"{at}.parts[{number}]"
        if isinstance(part, ToolResult):
            rendered.append(_result(part, where, names))
        else:
            _take(part, where, message.role, wire, texts)
    wire["content"] = "\n".join(texts)
    if texts or len(wire) > 2:
        rendered.append(wire)
    return rendered


def _take(part: Part, at: str, role: str, wire: dict[str, Any], texts: list[str]) -> None:
    match part:
        case Text(text) | Refusal(text):
            texts.append(text)
        case Media():
            _take_media(part, at, wire, texts)
        case Reasoning() if role == "assistant":
            if part.signature is None and not part.redacted and part.bound_to in _OPEN_REASONING and part.text:
                wire["thinking"] = wire.get("thinking", "") + part.text
        case ToolCall() if role == "assistant":
            calls = wire.setdefault("tool_calls", [])
            function = {"index": len(calls), "name": part.name, "arguments": _arguments(part.arguments)}
            calls.append({"id": part.id, "function": function})
        case _:
            kind = part.raw.get("type", "unknown") if isinstance(part, Unknown) else type(part).__name__.lower()
            raise InvalidRequest(
                f"{at} of the {role} is of the kind '{kind}', which Ollama cannot take there", param=at
            )


def _take_media(part: Media, at: str, wire: dict[str, Any], texts: list[str]) -> None:
    if part.kind == "image":
        if not part.data:
            raise InvalidRequest(f"{at} is an address: Ollama fetches nothing, so send the image's data", param=at)
        wire.setdefault("images", []).append(part.data)
    elif part.kind == "file" and part.data and _is_plain(part.media_type):
        texts.append(f"{part.name}:\n{_plain(part, at)}" if part.name else _plain(part, at))
    else:
        raise InvalidRequest(
            f"{at} is {part.kind} of the type '{part.media_type}': Ollama takes images and text, as data", param=at
        )


def _result(part: ToolResult, at: str, names: dict[str, str]) -> dict[str, Any]:
    name = names.get(part.call_id)
    if name is None:
        raise InvalidRequest(f"{at} answers the call '{part.call_id}', which no message makes", param=at)
    wire: dict[str, Any] = {"role": "tool", "tool_name": name, "tool_call_id": part.call_id}
    texts = ["error:"] if part.is_error else []
    for number, inner in enumerate(part.parts):
        _take(inner, f"{at}.parts[{number}]", "tool", wire, texts)
    wire["content"] = "\n".join(texts)
    return wire


def _arguments(text: str) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text or "{}")
    except msgspec.DecodeError:
        return {"invalid_json": text}
    return value if isinstance(value, dict) else {"invalid_json": text}


def _is_plain(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip().lower()
    return plain.startswith("text/") or plain in _PLAIN_TYPES


def _plain(part: Media, at: str) -> str:
    try:
        return base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest(f"{at} is not UTF-8 text in base64", param=at) from None
