"""Canonical messages as this dialect's `instructions` and `input` items.

Rules of this file: instructions that come before anything else are `instructions`; later ones are messages of their role. What an
assistant said is one item for each part, in its order. A call id longer than the dialect allows is shortened, call and result
alike. Reasoning goes back to a provider of this dialect where one sealed it; without a seal, only to a provider that wants it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
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
from entrepot.dialects.openai_responses.wire import DIALECT
from entrepot.errors import InvalidRequest

Item = dict[str, Any]
Quirks = frozenset[str]

MAX_CALL_ID = 64
_AUDIO = {"audio/wav": "wav", "audio/x-wav": "wav", "audio/mp3": "mp3", "audio/mpeg": "mp3"}


def render_turns(request: Request, quirks: Quirks, words: str | None) -> tuple[str | None, list[Item]]:
    """(instructions, input); `words` are added to the instructions."""
    messages = request.messages
    first = next((i for i, each in enumerate(messages) if not _instructs(each)), len(messages))
    if first == len(messages):
        first = 0  # there is nothing else to answer
    spoken = [message.text() for message in messages[:first]] + ([words] if words else [])
    items = [
        item
        for number, message in enumerate(messages[first:], first)
        for item in _items(message, quirks, f"messages[{number}]")
    ]
    return ("\n\n".join(spoken) or None), items


def _instructs(message: Message) -> bool:
    return message.role in ("system", "developer") and all(isinstance(part, Text) for part in message.parts)


def _items(message: Message, quirks: Quirks, at: str) -> Iterator[Item]:
    if message.role == "assistant":
        yield from _assistant(message, quirks, at)
        return
    rest: list[Item] = []
    for number, part in enumerate(message.parts):
        where = f"{at}.parts[{number}]"
        if isinstance(part, ToolResult):
            yield _result(part, where)
        elif isinstance(part, Unknown) and part.dialect == DIALECT and message.role != "tool":
            yield part.raw
        else:
            rest.append(_content(part, where))
    if rest or not message.parts:
        role = "user" if message.role == "tool" else message.role
        yield {"type": "message", "role": role, "content": rest}


def _assistant(message: Message, quirks: Quirks, at: str) -> Iterator[Item]:
    said: list[Item] = []
    for number, part in enumerate(message.parts):
        if isinstance(part, Text):
            said.append({"type": "output_text", "text": part.text})
            continue
        if isinstance(part, Refusal):
            said.append({"type": "refusal", "refusal": part.text})
            continue
        if isinstance(part, Reasoning) and not (items := list(_reasoning(part, quirks))):
            continue
        if said:
            yield _spoken(said)
            said = []
        if isinstance(part, Reasoning):
            yield from items
        else:
            yield _other(part, f"{at}.parts[{number}]")
    if said:
        yield _spoken(said)


def _spoken(said: list[Item]) -> Item:
    """What an assistant said; a single text as a string, which every host takes."""
    content = said[0]["text"] if len(said) == 1 and "text" in said[0] else said
    return {"type": "message", "role": "assistant", "content": content}


def _reasoning(part: Reasoning, quirks: Quirks) -> Iterator[Item]:
    if part.bound_to == DIALECT and part.signature is not None:
        summary = [{"type": "summary_text", "text": part.text}] if part.text else []
        yield {"type": "reasoning", "summary": summary, "encrypted_content": part.signature}
    elif part.bound_to in (None, DIALECT) and part.text and "replay_reasoning" in quirks:
        yield {"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": part.text}]}


def _other(part: Part, at: str) -> Item:
    if isinstance(part, ToolCall):
        call = {"call_id": short_call_id(part.id), "name": part.name, "arguments": part.arguments or "{}"}
        return {"type": "function_call", **call}
    if isinstance(part, Unknown) and part.dialect == DIALECT:
        return part.raw
    raise _unsayable(part, at)


def short_call_id(call_id: str) -> str:
    """The id as the dialect takes it: of 64 characters at most."""
    if len(call_id) <= MAX_CALL_ID:
        return call_id
    return "call_" + hashlib.sha256(call_id.encode("utf-8", "surrogatepass")).hexdigest()[:40]


def _result(part: ToolResult, at: str) -> Item:
    words = [Text("[error]")] if part.is_error else []
    shown: Sequence[Part] = (*words, *part.parts)
    output: str | list[Item]
    if all(isinstance(inner, Text) for inner in shown):
        output = "\n".join(inner.text for inner in shown if isinstance(inner, Text))
    else:
        output = [_content(inner, f"{at}.parts[{n - len(words)}]") for n, inner in enumerate(shown)]
    return {"type": "function_call_output", "call_id": short_call_id(part.call_id), "output": output}


def _content(part: Part, at: str) -> Item:
    match part:
        case Text():
            return {"type": "input_text", "text": part.text}
        case Media():
            return _media(part, at)
        case Unknown(dialect=dialect, raw=raw) if dialect == DIALECT:
            return raw
        case _:
            raise _unsayable(part, at)


def _unsayable(part: Part, at: str) -> InvalidRequest:
    kind = part.kind if isinstance(part, Unknown) else type(part).__name__.lower()
    return InvalidRequest(f"{at} is of the kind '{kind}', which this model's provider cannot take there", param=at)


def _media(part: Media, at: str) -> Item:
    if part.file_id is not None:
        raise InvalidRequest(
            f"{at} names the file '{part.file_id}', which another provider keeps: send it itself", param=at
        )
    data = f"data:{part.media_type or 'application/octet-stream'};base64,{part.data or ''}"
    if part.kind == "image":
        return {"type": "input_image", "image_url": part.url or data, "detail": part.detail or "auto"}
    if part.kind == "audio" and part.data is not None and part.media_type in _AUDIO:
        return {"type": "input_audio", "input_audio": {"data": part.data, "format": _AUDIO[part.media_type]}}
    if part.kind == "file" and part.media_type.startswith("text/") and part.data is not None:
        return {"type": "input_text", "text": _plain(part, at)}
    if part.kind == "file" and part.url is not None:
        return {"type": "input_file", "file_url": part.url}
    if part.kind == "file":
        return {"type": "input_file", "filename": part.name or "file", "file_data": data}
    how = "by address" if part.url is not None else f"of the type '{part.media_type}'"
    raise InvalidRequest(f"{at} is {part.kind} {how}, which this model's provider cannot take", param=at)


def _plain(part: Media, at: str) -> str:
    try:
        text = base64.b64decode(part.data or "", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        raise InvalidRequest(f"{at} is not UTF-8 text in base64", param=at) from None
    return text if part.name is None else f"{part.name}\n{text}"
