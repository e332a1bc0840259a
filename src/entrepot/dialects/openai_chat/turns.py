"""Canonical messages as this dialect's `messages`.

Rules of this file: content that is text alone is a string, its parts joined by line ends, because many hosts take no lists of
text. A tool's results are messages of their own; they hold text only, so images of a result follow in a user message that
names the call, and an error is marked by a word. Reasoning goes to a provider that wants it back, and never where another
dialect's provider made it.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from typing import Any

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
from entrepot.dialects.names import Names, call_ids
from entrepot.dialects.openai_chat.content import OUR_MARK
from entrepot.dialects.openai_chat.wire import DIALECT
from entrepot.errors import InvalidRequest

_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}
_REPLAYS = frozenset({"replay_reasoning", "replay_think_tags"})
_MAX_ID = 40
_NONE_IS_BAD = re.compile(r"(?!)")
Quirks = frozenset[str]


def render_messages(request: Request, quirks: Quirks) -> list[dict[str, Any]]:
    """All messages."""
    ids = call_ids(request, _MAX_ID, _NONE_IS_BAD)
    rendered: list[dict[str, Any]] = []
    images: list[dict[str, Any]] = []
    for number, message in enumerate(request.messages):
        if images and message.role != "tool":
            rendered.append({"role": "user", "content": images})
            images = []
        for one in _messages(message, quirks, f"messages[{number}]"):
            images.extend(one.pop("images", ()))
            _shorten(one, ids)
            rendered.append(one)
    if images:
        rendered.append({"role": "user", "content": images})
    return rendered


def _shorten(wire: dict[str, Any], ids: Names) -> None:
    """Put call ids in place that are not too long."""
    for call in wire.get("tool_calls", ()):
        call["id"] = ids.there(call["id"])
    if "tool_call_id" in wire:
        wire["tool_call_id"] = ids.there(wire["tool_call_id"])


def _messages(message: Message, quirks: Quirks, at: str) -> Iterator[dict[str, Any]]:
    if message.role == "assistant":
        yield _assistant(message, quirks, at)
        return
    rest: list[Part] = []
    for number, part in enumerate(message.parts):
        if isinstance(part, ToolResult):
            yield _result(part, quirks, f"{at}.parts[{number}]")
        else:
            rest.append(part)
    if rest or message.role != "tool":
        role = "user" if message.role == "tool" else message.role
        named = {} if message.name is None else {"name": message.name}
        yield {"role": role, **named, "content": _content(rest, quirks, at)}


def _assistant(message: Message, quirks: Quirks, at: str) -> dict[str, Any]:
    spoken = [part for part in message.parts if isinstance(part, Text | Media | Unknown)]
    calls = [_call(part) for part in message.parts if isinstance(part, ToolCall)]
    refusals = [part.text for part in message.parts if isinstance(part, Refusal)]
    ours = [part.text for part in message.parts if isinstance(part, Reasoning) and part.bound_to in (None, DIALECT)]
    wire: dict[str, Any] = {"role": "assistant", "content": _content(spoken, quirks, at) if spoken else None}
    if spoken and not isinstance(wire["content"], str):
        _refuse_media(message, at)
    if ours and quirks & _REPLAYS:
        wire["reasoning_content"] = "".join(ours)
    if refusals:
        wire["refusal"] = "".join(refusals)
    if calls:
        wire["tool_calls"] = calls
    if wire["content"] is None and not calls and not refusals:
        wire["content"] = ""
    return wire


def _refuse_media(message: Message, at: str) -> None:
    for number, part in enumerate(message.parts):
        if isinstance(part, Media):
            where = f"{at}.parts[{number}]"
            raise InvalidRequest(
                f"{where} of the assistant is {part.kind}, which this model's provider cannot take there", param=where
            )


def without_foreign_seals(message: dict[str, Any]) -> dict[str, Any]:
    """A client's message without what another dialect's provider sealed, for a provider of this dialect."""
    kept = dict(message)
    if isinstance(details := kept.get("reasoning_details"), list):
        kept["reasoning_details"] = [d for d in details if not str(d.get("format", "")).startswith(OUR_MARK)]
        if not kept["reasoning_details"]:
            del kept["reasoning_details"]
    if isinstance(calls := kept.get("tool_calls"), list):
        kept["tool_calls"] = [
            {name: value for name, value in call.items() if name != "extra_content" or OUR_MARK not in str(value)}
            for call in calls
        ]
    return kept


def _call(part: ToolCall) -> dict[str, Any]:
    function = {"name": part.name, "arguments": part.arguments or "{}"}
    call: dict[str, Any] = {"id": part.id, "type": "function", "function": function}
    if part.signature is not None and part.bound_to == DIALECT:
        call["extra_content"] = {"google": {"thought_signature": part.signature}}
    return call


def _result(part: ToolResult, quirks: Quirks, at: str) -> dict[str, Any]:
    texts = [inner.text for inner in part.parts if isinstance(inner, Text)]
    text = "\n".join([*(["[error]"] if part.is_error else []), *texts])
    wire: dict[str, Any] = {"role": "tool", "tool_call_id": part.call_id, "content": text}
    others = [(n, inner) for n, inner in enumerate(part.parts) if not isinstance(inner, Text)]
    if others:
        shown = [_part(inner, quirks, f"{at}.parts[{n}]") for n, inner in others]
        wire["images"] = [{"type": "text", "text": f"[returned by the tool call {part.call_id}]"}, *shown]
    return wire


def _content(parts: Sequence[Part], quirks: Quirks, at: str) -> str | list[dict[str, Any]]:
    marked = "cache_control" in quirks and any("cache_control" in getattr(part, "extra", {}) for part in parts)
    if not marked and all(isinstance(part, Text) for part in parts):
        return "\n".join(part.text for part in parts if isinstance(part, Text))
    return [_part(part, quirks, f"{at}.parts[{number}]") for number, part in enumerate(parts)]


def _part(part: Part, quirks: Quirks, at: str) -> dict[str, Any]:
    marker = getattr(part, "extra", {}).get("cache_control") if "cache_control" in quirks else None
    marked = {} if marker is None else {"cache_control": marker}
    if isinstance(part, Text):
        return {"type": "text", "text": part.text, **marked}
    if isinstance(part, Unknown) and part.dialect == DIALECT:
        return part.raw
    if not isinstance(part, Media):
        kind = part.kind if isinstance(part, Unknown) else type(part).__name__.lower()
        raise InvalidRequest(f"{at} is of the kind '{kind}', which this model's provider cannot take there", param=at)
    return {**_media(part, at), **marked}


def _media(part: Media, at: str) -> dict[str, Any]:
    if part.file_id is not None:
        raise InvalidRequest(
            f"{at} names the file '{part.file_id}', which another provider keeps: send it itself", param=at
        )
    if part.kind == "image":
        url = part.url or f"data:{part.media_type};base64,{part.data or ''}"
        return {"type": "image_url", "image_url": {"url": url, **({"detail": part.detail} if part.detail else {})}}
    if part.kind == "audio" and part.data is not None and part.media_type in _AUDIO:
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": _AUDIO[part.media_type]}}
    if part.kind == "file" and part.data is not None:
        if part.media_type.startswith("text/"):
            return {"type": "text", "text": _plain(part, at)}
        file = {"filename": part.name or "file", "file_data": f"data:{part.media_type};base64,{part.data}"}
        return {"type": "file", "file": file}
    how = "by address" if part.url is not None else f"of the type '{part.media_type}'"
    raise InvalidRequest(f"{at} is {part.kind} {how}, which this model's provider cannot take", param=at)


def _plain(part: Media, at: str) -> str:
    try:
        text = base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest(f"{at} is not UTF-8 text in base64", param=at) from None
    return text if part.name is None else f"{part.name}\n{text}"
