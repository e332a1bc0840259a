"""A dialect of embeddings as one object, made of what differs between them: how requests, answers and errors are said."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol

from entrepot.canonical.response import Response
from entrepot.canonical.stream import Failure, StreamEvent
from entrepot.dialects.base import NO_HEADERS, Answer, AnswerRenderer, Asked, Envelope, Relay, Target, WireRequest
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.translation import Translation
from entrepot.dialects.vectors import UnchangedRenderer, VectorsParser
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError

JSON = b"application/json"
_NO_ENVELOPE = Envelope()


class ReadAnswer(Protocol):
    """The events of a whole answer, and whether its vectors have the form that this request asks for.

    `passing`: the answer goes to a client of the same dialect as it is, so that what stands beside the vectors is not looked at.
    """

    def __call__(self, body: bytes, asked: Asked, *, passing: bool = False) -> tuple[list[StreamEvent], bool]:
        """Raises what msgspec raises where the bytes are not the dialect's."""
        ...


class EmbeddingDialect:
    """Embeddings in one wire form, to clients and to providers: between two of the same, vectors pass as the bytes they are."""

    def __init__(
        self,
        name: str,
        *,
        parse_request: Callable[[bytes, Envelope], Asked],
        render_request: Callable[[Asked, Target, int | None], WireRequest],
        read_answer: ReadAnswer,
        render_answer: Callable[..., dict[str, Any]],
        error_body: Callable[[EntrepotError], dict[str, Any]],
        parse_failure: Callable[[int, Mapping[bytes, bytes], bytes, float | None], Failure],
        quirks: Mapping[str, str] | None = None,
        content_type: bytes = JSON,
    ) -> None:
        self.name = name
        self.quirks: Mapping[str, str] = quirks or {}
        self._parse_request = parse_request
        self.render_request = render_request
        self.parse_failure = parse_failure
        self._read_answer = read_answer
        self._render_answer = render_answer
        self._error_body = error_body
        self._content_type = content_type

    def parse_request(self, body: bytes, envelope: Envelope = _NO_ENVELOPE) -> Asked:
        """Bytes and their address to a request. Raises InvalidRequest naming the offending part."""
        return self._parse_request(body, envelope)

    def open_relay(self, asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay:
        """The relay between a provider and a client that both speak this dialect."""
        parser = VectorsParser(partial(self._read_answer, asked=asked, passing=True))
        return Translation(parser, UnchangedRenderer(parser, self.open_renderer(asked, 0)))

    def open_parser(self, asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> VectorsParser:
        """A parser of a whole answer."""
        return VectorsParser(partial(self._read_answer, asked=asked))

    def open_renderer(self, asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of a whole answer."""
        render: Callable[[Response], dict[str, Any]] = partial(self._render_answer, request=asked.request)
        return WholeAnswer(render, self._error_body, self._content_type)

    def keep_alive(self, _asked: Asked) -> bytes:
        """Nothing: vectors come whole."""
        return b""

    def render_error(self, error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, self._error_body(error), self._content_type)
