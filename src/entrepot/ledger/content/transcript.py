"""One exchange's words, as a document and as a text to read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.ledger.content.record import Kept, Said


def content_document(kept: Kept, said: Said | None) -> dict[str, Any]:
    """All that is kept of an exchange, as JSON takes it; without `request` where it was too long."""
    told: dict[str, Any] = {
        "exchange": kept.id,
        "started": _moment(kept.started_ns // 1_000_000_000),
        "key": kept.key,
        "team": kept.team,
        "route": kept.route,
        "dialect": kept.dialect,
        "kept_until": _moment(kept.keep_until_s),
        "encrypted_with": kept.sealed_by,
        "too_long": said is None,
    }
    return told if said is None else {**told, **msgspec.to_builtins(said)}


def render_transcript(kept: Kept, said: Said | None) -> str:
    """The same for people. What a terminal would act on is replaced."""
    sealed = "" if kept.sealed_by is None else f", encrypted with {kept.sealed_by}"
    told = (
        f"{kept.id}  {_moment(kept.started_ns // 1_000_000_000)}  {kept.route}  {kept.key or 'no key'}  {kept.dialect}"
    )
    lines = [f"{told}\nkept until {_moment(kept.keep_until_s)}{sealed}"]
    if said is None:
        return "\n".join((*lines, "It was longer than [content] max_mb: nothing else is kept of it."))
    lines += [_message(message) for message in said.request.messages]
    for choice in () if said.answer is None else said.answer.choices:
        lines.append(f"--- answer ({choice.finish_reason})\n{_parts(choice.parts)}")
    if said.unread is not None:
        lines.append(f"--- sent with status {said.status}\n{said.unread.decode('utf-8', 'replace')}")
    if not said.complete:
        lines.append("--- the answer was not completed")
    return _safe("\n".join(lines))


def render_question(said: Said) -> str:
    """What was asked, as in the transcript."""
    return _safe("\n".join(_message(message) for message in said.request.messages))


def render_answer(said: Said) -> str:
    """What was answered, without a word of who did."""
    choices = () if said.answer is None else said.answer.choices
    return _safe("\n".join(_parts(choice.parts) for choice in choices))


def _message(message: Message) -> str:
    return f"--- {message.role}\n{_parts(message.parts)}"


def _parts(parts: Iterable[Part]) -> str:
    return "\n".join(_part(part) for part in parts)


def _part(part: Part) -> str:
    match part:
        case Text() | Refusal():
            return part.text
        case Reasoning():
            return f"[reasoning] {part.text}"
        case ToolCall():
            return f"[calls {part.name}] {part.arguments}"
        case ToolResult():
            return f"[result of {part.call_id}] {_parts(part.parts)}"
        case Media():
            return f"[{part.kind} {part.media_type or part.url or part.file_id or ''}]"
        case Unknown():
            return f"[{part.kind} of {part.dialect}]"


def _moment(at_s: int) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def _safe(text: str) -> str:
    return "".join(sign if sign.isprintable() or sign in "\n\t" else "\ufffd" for sign in text)
