"""Answers: read from providers, and rendered for clients.

Rules of this file: one content's answer has one embedding, a batch's a list; Vertex's `predict` has a third shape. An answer
that already has the shape asked for is passed on as it came. A provider that counts no tokens is not counted for: the
client's libraries do without.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Request
from entrepot.canonical.response import Response, Usage, Vector
from entrepot.canonical.stream import Ended, Failed, Failure, Noted, Started, StreamEvent, UsageReported
from entrepot.dialects.gemini_embed.request import BATCH
from entrepot.dialects.gemini_embed.wire import (
    DIALECT,
    WireUsage,
    decode_head,
    decode_item,
    decode_items,
    decode_statistics,
)
from entrepot.dialects.gemini_generate.failure import failure_of
from entrepot.dialects.gemini_generate.wire import decode_fields, decode_value
from entrepot.dialects.vectors import check_vectors, numbers_of, vector_of

_TOP = frozenset({"embedding", "embeddings", "predictions", "usageMetadata"})


def read_answer(body: bytes, request: Request) -> tuple[list[StreamEvent], bool]:
    """The events of a whole answer, and whether it has the shape that this request asks for."""
    fields = decode_fields(body)
    head = decode_head(body)
    if head.error:
        return [Failed(failure_of(head.error, 0))], False
    named = next((name for name in ("embedding", "embeddings", "predictions") if name in fields), None)
    if named is None:
        return [Failed(Failure("protocol", "the provider's answer holds no embeddings"))], False
    items = [decode_item(fields[named])] if named == "embedding" else decode_items(fields[named])
    if named == "predictions":
        items = [decode_item(item["embeddings"]) if "embeddings" in item else {} for item in items]
    if any("values" not in item for item in items):
        return [Failed(Failure("protocol", "one of the provider's embeddings has no values"))], False
    added = check_vectors([_vector(item) for item in items], request)
    if not added or isinstance(added[-1], Failed):
        return added, False
    events: list[StreamEvent] = [Started("", "", 0, DIALECT), *added]
    if extra := {name: decode_value(raw) for name, raw in fields.items() if name not in _TOP}:
        events.append(Noted(extra))
    usage = _predicted(items) if named == "predictions" else _usage(head.usage_metadata, fields)
    if usage is not None:
        events.append(UsageReported(usage))
    return [*events, Ended()], named == _name(request)


def _name(request: Request) -> str:
    return "embeddings" if request.extra.get(BATCH) else "embedding"


def _vector(item: dict[str, msgspec.Raw]) -> Vector:
    beside = {name: decode_value(raw) for name, raw in item.items() if name != "values"}
    vector = vector_of(item["values"])
    return msgspec.structs.replace(vector, extra=beside) if beside else vector


def _usage(wire: WireUsage | None, fields: dict[str, msgspec.Raw]) -> Usage | None:
    if wire is None:
        return None
    read = wire.prompt_token_count if wire.prompt_token_count is not None else wire.total_token_count
    return None if read is None else Usage(input_tokens=max(0, read), extra=decode_value(fields["usageMetadata"]))


def _predicted(items: list[dict[str, msgspec.Raw]]) -> Usage | None:
    """What `predict` read: each input's own count, together. One that is missing leaves the sum unknown."""
    counts = [decode_statistics(item["statistics"]).token_count for item in items if "statistics" in item]
    known = [count for count in counts if count is not None]
    return Usage(input_tokens=round(sum(known))) if len(known) == len(items) else None


def render_answer(response: Response, request: Request) -> dict[str, Any]:
    """The wire's object for a whole answer."""
    own = response.dialect == DIALECT
    embeddings = [{"values": numbers_of(vector), **(vector.extra if own else {})} for vector in response.vectors]
    name = _name(request)
    answer: dict[str, Any] = {name: embeddings if name == "embeddings" else embeddings[0]}
    if response.usage is not None:
        counted = {"promptTokenCount": response.usage.all_input}
        answer["usageMetadata"] = (response.usage.extra if own else {}) or counted
    return {**answer, **(response.extra if own else {})}
