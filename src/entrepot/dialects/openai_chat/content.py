"""Content that is more than a string: Mistral's lists of parts, OpenRouter's reasoning details, url citations.

`reasoning_details` (OpenRouter API reference, "Preserving reasoning") is how reasoning with a signature crosses this dialect
both ways: `format` says whose signature it is. A detail that we made is marked as ours and never sent to a provider.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from entrepot.canonical.request import Reasoning, Unknown
from entrepot.canonical.stream import PartAdded, ReasoningDelta, StreamEvent, TextDelta
from entrepot.dialects.openai_chat.wire import DIALECT

# `format` of a reasoning detail -> the dialect whose provider understands its signature.
_BOUND_TO = {
    "anthropic-claude-v1": "anthropic-messages",
    "google-gemini-v1": "gemini-generate",
    "openai-responses-v1": "openai-responses",
}
OUR_MARK = "entrepot:"
"""Before the name of the dialect, in the format of details that we made: no provider has this format."""


def content_events(content: object, index: int, *, begins: bool) -> Iterator[StreamEvent]:
    """A list of parts as Mistral answers with: text and thinking."""
    for part in content if isinstance(content, list) else ():
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            yield TextDelta(part["text"], index, begins=begins, extra={"in_list": True})
        elif kind == "thinking":
            thinking = part.get("thinking")
            pieces = thinking if isinstance(thinking, list) else [{"text": thinking}]
            text = "".join(piece["text"] for piece in pieces if isinstance(piece, dict) and _is_text(piece.get("text")))
            rest = {name: value for name, value in part.items() if name not in ("type", "thinking")}
            yield ReasoningDelta(text, index=index, begins=begins, bound_to=DIALECT, extra={"in_list": True, **rest})
        elif isinstance(part, dict):
            yield PartAdded(Unknown(DIALECT, part), index)


def reasoning_details_events(
    details: Sequence[object], index: int, fields: list[str], earlier: tuple[object, object] | None
) -> Iterator[tuple[tuple[object, object], StreamEvent]]:
    """Reasoning with what seals it, each event with the key that tells which detail it is a piece of.

    `fields` names the plain fields that repeat its text; `earlier` is the key of the choice's latest detail.
    """
    for detail in details:
        if not isinstance(detail, dict):
            continue
        key = (detail.get("index"), detail.get("type"))
        part = reasoning_of_detail(detail)
        rest = {name: value for name, value in detail.items() if name not in ("text", "data", "signature", "summary")}
        extra = {"detail": rest, "fields": fields}
        yield key, ReasoningDelta(part.text, part.signature, index, key != earlier, part.redacted, part.bound_to, extra)
        earlier = key


def reasoning_of_detail(detail: Mapping[str, Any]) -> Reasoning:
    """One detail, which may be a piece of one."""
    format_ = str(detail.get("format") or "")
    bound_to = format_.removeprefix(OUR_MARK) if format_.startswith(OUR_MARK) else _BOUND_TO.get(format_, DIALECT)
    if detail.get("type") == "reasoning.encrypted":
        return Reasoning("", str(detail.get("data") or ""), True, bound_to)
    text = detail.get("text") if detail.get("type") == "reasoning.text" else detail.get("summary")
    signature = detail.get("signature")
    return Reasoning(str(text or ""), signature if _is_text(signature) else None, False, bound_to)


def detail_of_reasoning(part: Reasoning, position: int) -> dict[str, Any]:
    """A sealed part as a detail."""
    base = part.extra.get("detail") or {
        "type": "reasoning.encrypted" if part.redacted else "reasoning.text",
        "format": f"{OUR_MARK}{part.bound_to or ''}",
        "index": position,
    }
    if part.redacted:
        return {**base, "data": part.signature or ""}
    text = "summary" if base["type"] == "reasoning.summary" else "text"
    return {**base, text: part.text, **({} if part.signature is None else {"signature": part.signature})}


def url_citations(annotations: object) -> list[dict[str, Any]]:
    """Citations in the shared form (request.SHARED_EXTRA) from a message's annotations."""
    found = []
    for each in annotations if isinstance(annotations, list) else ():
        cited = each.get("url_citation") if isinstance(each, dict) else None
        if isinstance(cited, dict):
            names = (("url", "url"), ("title", "title"), ("start_index", "start"), ("end_index", "end"))
            found.append({ours: cited[theirs] for theirs, ours in names if theirs in cited})
    return found


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
