"""Requests and answers of `/api/embed`, and the dialect as one object.

Source: Ollama, docs/api.md "Generate Embeddings" and api/types.go `EmbedRequest`, `EmbedResponse`. Several texts make a list of
vectors in their order; `prompt_eval_count` is what was read of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.canonical.request import Request
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Ended, Failed, Failure, Noted, Started, StreamEvent, UsageReported
from entrepot.dialects.address import join_address
from entrepot.dialects.base import NO_HEADERS, Asked, Target, WireRequest
from entrepot.dialects.failure import failure_of, parse_failure
from entrepot.dialects.vectors import VectorsParser, check_vectors, dimensions_of, text_of, vector_of

DIALECT = "ollama-embed"


class WireAnswer(msgspec.Struct):
    """A whole answer."""

    embeddings: list[msgspec.Raw] | None = None
    model: str | None = None
    prompt_eval_count: int | None = None
    error: str | None = None
    total_duration: int | None = None
    load_duration: int | None = None


_decode_answer = msgspec.json.Decoder(WireAnswer).decode


class OllamaEmbed:
    """Ollama's embeddings, to providers."""

    name = DIALECT
    quirks: Mapping[str, str] = {}
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def render_request(asked: Asked, target: Target, _max_output_tokens: int | None) -> WireRequest:
        """The request for this target. Raises InvalidRequest for inputs that are not text."""
        request = asked.request
        wire = {
            "model": target.upstream_name,
            "input": [text_of(message, f"messages[{index}]") for index, message in enumerate(request.messages)],
            "truncate": False,
            "dimensions": dimensions_of(request),
        }
        body = msgspec.json.encode({name: value for name, value in wire.items() if value is not None})
        return WireRequest(url=join_address(target.base_url, "/api/embed", target.upstream_name), body=body)

    @staticmethod
    def open_parser(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> VectorsParser:
        """A parser of a whole answer."""
        return VectorsParser(lambda body: (read_answer(body, asked.request), False))


def read_answer(body: bytes, request: Request) -> list[StreamEvent]:
    """The events of a whole answer."""
    wire = _decode_answer(body)
    if wire.error:
        return [Failed(failure_of(wire.error, 0))]
    if not wire.embeddings:
        return [Failed(Failure("protocol", "the provider's answer holds no embeddings"))]
    added = check_vectors([vector_of(raw) for raw in wire.embeddings], request)
    if isinstance(added[-1], Failed):
        return added
    events: list[StreamEvent] = [Started("", wire.model or "", 0, DIALECT), *added]
    durations = {"total_duration": wire.total_duration, "load_duration": wire.load_duration}
    if extra := {name: value for name, value in durations.items() if value is not None}:
        events.append(Noted(extra))
    if wire.prompt_eval_count is not None:
        events.append(UsageReported(Usage(input_tokens=max(0, wire.prompt_eval_count))))
    return [*events, Ended()]
