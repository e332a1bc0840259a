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
from entrepot.dialects.base import Asked
from entrepot.dialects.gemini_embed.request import BATCH
from entrepot.dialects.gemini_embed.wire import (
    DIALECT,
    WireAnswer,
    WireEmbedding,
    decode_answer,
    decode_items,
    decode_usage,
)
from entrepot.dialects.gemini_generate.failure import failure_of
from entrepot.dialects.gemini_generate.wire import decode_fields, decode_value
from entrepot.dialects.vectors import check_vectors, numbers_of, vector_of

_TOP = frozenset({"embedding", "embeddings", "predictions", "usageMetadata"})


def read_answer(body: bytes, asked: Asked, *, passing: bool = False) -> tuple[list[StreamEvent], bool]:
    """The events of a whole answer, and whether it has the shape that this request asks for.

    What the wire says beside the vectors is looked at for a client of this dialect only, and not where the answer is `passing` as
    it is: it takes a second look at bytes that may be many.
    """
    wire, request = decode_answer(body), asked.request
    if wire.error:
        return [Failed(failure_of(wire.error, 0))], False
    name, items = _found(wire)
    if not items:
        return [Failed(Failure("protocol", "the provider's answer holds no embeddings"))], False
    vectors = [vector_of(item.values) for item in items]
    as_asked = name == _name(request)
    extra: dict[str, Any] = {}
    if asked.dialect == DIALECT and as_asked and not passing:
        fields = decode_fields(body)
        extra = {field: decode_value(raw) for field, raw in fields.items() if field not in _TOP}
        beside = [decode_fields(fields[name])] if name == "embedding" else decode_items(fields[name])
        vectors = [_beside(vector, item) for vector, item in zip(vectors, beside, strict=True)]
    added = check_vectors(vectors, request)
    if isinstance(added[-1], Failed):
        return added, False
    events: list[StreamEvent] = [Started("", "", 0, DIALECT), *added]
    if extra:
        events.append(Noted(extra))
    usage = _predicted(items) if name == "predictions" else _usage(wire.usage_metadata)
    if usage is not None:
        events.append(UsageReported(usage))
    return [*events, Ended()], as_asked


def _found(wire: WireAnswer) -> tuple[str, list[WireEmbedding]]:
    """The name under which the vectors are, and what is there."""
    if wire.embedding is not None:
        return "embedding", [wire.embedding]
    if wire.predictions is not None:
        return "predictions", [each.embeddings for each in wire.predictions]
    return "embeddings", wire.embeddings or []


def _name(request: Request) -> str:
    return "embeddings" if request.extra.get(BATCH) else "embedding"


def _beside(vector: Vector, item: dict[str, msgspec.Raw]) -> Vector:
    beside = {name: decode_value(raw) for name, raw in item.items() if name != "values"}
    return msgspec.structs.replace(vector, extra=beside) if beside else vector


def _usage(raw: msgspec.Raw) -> Usage | None:
    wire = decode_usage(raw)
    if wire is None:
        return None
    read = wire.prompt_token_count if wire.prompt_token_count is not None else wire.total_token_count
    return None if read is None else Usage(input_tokens=max(0, read), extra=decode_value(raw))


def _predicted(items: list[WireEmbedding]) -> Usage | None:
    """What `predict` read: each input's own count, together. One that is missing leaves the sum unknown."""
    counts = [None if item.statistics is None else item.statistics.token_count for item in items]
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
