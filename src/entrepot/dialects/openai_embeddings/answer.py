"""Answers: read from providers, and rendered for clients.

Rules of this file: vectors are put in the order of their `index`. A client reads base64 where it asked for that, numbers
otherwise; an answer that already has the form asked for is passed on as it came. Where a provider does not count tokens, the
client is told our own count, because its libraries require one; the ledger marks it as estimated.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.canonical.request import Request
from entrepot.canonical.response import Response, Usage, Vector
from entrepot.canonical.stream import Ended, Failed, Failure, Noted, Started, StreamEvent, UsageReported
from entrepot.dialects.base import Asked
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_embeddings.wire import (
    DIALECT,
    WireEmbedding,
    decode_answer,
    decode_any,
    decode_fields,
    decode_items,
    decode_usage,
)
from entrepot.dialects.vectors import base64_of, check_vectors, numbers_of, vector_of

_TOP = frozenset({"object", "data", "model", "usage", "id", "created"})
_ITEM = frozenset({"object", "index", "embedding"})


def wants_base64(request: Request) -> bool:
    """Whether the client asked for base64; numbers are the dialect's default."""
    return request.extra.get("encoding_format") == "base64"


def read_answer(body: bytes, asked: Asked, *, passing: bool = False) -> tuple[list[StreamEvent], bool]:
    """The events of a whole answer, and whether its vectors have the form that this request asks for.

    What the wire says beside the vectors is looked at for a client of this dialect only, and not where the answer is `passing` as
    it is: it takes a second look at bytes that may be many.
    """
    wire, request = decode_answer(body), asked.request
    if wire.error:
        return [Failed(failure_of(wire.error, 0))], False
    if not wire.data:
        return [Failed(Failure("protocol", "the provider's answer holds no embeddings"))], False
    places = _places(wire.data)
    if places is None:
        return [Failed(Failure("protocol", "the provider's embeddings are not numbered one by one"))], False
    vectors = [vector_of(wire.data[place].embedding) for place in places]
    as_asked = all((vector.base64 is not None) == wants_base64(request) for vector in vectors)
    extra: dict[str, Any] = {}
    if asked.dialect == DIALECT and not (passing and as_asked):
        fields = decode_fields(body)
        extra = {name: decode_any(raw) for name, raw in fields.items() if name not in _TOP}
        items = decode_items(fields["data"])
        vectors = [_beside(vector, items[place]) for vector, place in zip(vectors, places, strict=True)]
    added = check_vectors(vectors, request)
    if isinstance(added[-1], Failed):
        return added, False
    events: list[StreamEvent] = [Started(wire.id or "", wire.model or "", int(wire.created or 0), DIALECT), *added]
    if extra:
        events.append(Noted(extra))
    if (usage := _usage(wire.usage)) is not None:
        events.append(UsageReported(usage))
    return [*events, Ended()], as_asked


def _places(data: list[WireEmbedding]) -> list[int] | None:
    """Where each input's vector is; None where two have one number. Hosts that number none mean the order given."""
    by_index = {place if item.index is None else item.index: place for place, item in enumerate(data)}
    return [by_index[index] for index in range(len(data))] if by_index.keys() == set(range(len(data))) else None


def _beside(vector: Vector, item: dict[str, msgspec.Raw]) -> Vector:
    beside = {name: decode_any(raw) for name, raw in item.items() if name not in _ITEM}
    return msgspec.structs.replace(vector, extra=beside) if beside else vector


def _usage(raw: msgspec.Raw) -> Usage | None:
    """The provider's count, with its own words beside it; some hosts count the total only."""
    wire = decode_usage(raw)
    if wire is None:
        return None
    given = wire.prompt_tokens if wire.prompt_tokens is not None else wire.total_tokens
    if given is None:
        return None
    read = max(0, given)
    cached = (wire.prompt_tokens_details.cached_tokens if wire.prompt_tokens_details else None) or 0
    cached = min(max(0, cached), read)
    return Usage(input_tokens=read - cached, cache_read_tokens=cached, extra=decode_any(raw))


def render_answer(response: Response, request: Request) -> dict[str, Any]:
    """The wire's object for a whole answer."""
    own = response.dialect == DIALECT
    packed = wants_base64(request)
    head = {"id": response.id, "created": response.created} if own else {}
    return {
        **{name: value for name, value in head.items() if value},
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64_of(vector) if packed else numbers_of(vector),
                **(vector.extra if own else {}),
            }
            for index, vector in enumerate(response.vectors)
        ],
        "model": response.model or request.model,
        "usage": _render_usage(response.usage, request, own),
        **(response.extra if own else {}),
    }


def _render_usage(usage: Usage | None, request: Request, own: bool) -> dict[str, Any]:
    read = estimate_input_tokens(request) if usage is None else usage.all_input
    if usage is not None and own:
        return usage.extra
    return {"prompt_tokens": read, "total_tokens": read}
