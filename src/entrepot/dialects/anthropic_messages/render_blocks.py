"""Canonical parts as content blocks of an answer."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Part, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.dialects.seal import seal


def block_of_part(part: Part, own: bool) -> dict[str, Any] | None:
    """The block; None for what the dialect has no words for. `own` says that `extra` is in this dialect's words."""
    rest = part.extra.get("rest", {}) if own and isinstance(part, Text | Reasoning | ToolCall) else {}
    match part:
        case Text():
            citations = [cited["raw"] for cited in part.extra.get("citations", ()) if own and "raw" in cited]
            block: dict[str, Any] = {"type": "text", "text": part.text}
            if citations:
                block["citations"] = citations
        case Refusal():
            block = {"type": "text", "text": part.text}
        case Reasoning(redacted=True):
            block = {"type": "redacted_thinking", "data": seal(part.signature, part.bound_to, DIALECT)}
        case Reasoning():
            signature = seal(part.signature, part.bound_to, DIALECT)
            block = {"type": "thinking", "thinking": part.text, "signature": signature}
        case ToolCall():
            block = {"type": "tool_use", "id": part.id, "name": part.name, "input": input_of(part.arguments)}
        case Unknown(dialect=dialect, raw=raw) if dialect == DIALECT:
            return raw
        case _:
            return None
    return {**block, **rest}


def input_of(arguments: str) -> dict[str, Any]:
    """Arguments as the object that this dialect wants; text that is no object is kept under a name that says so."""
    try:
        value = msgspec.json.decode(arguments or "{}")
    except msgspec.DecodeError:
        return {"invalid_json": arguments}
    return value if isinstance(value, dict) else {"invalid_json": arguments}
