"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.gemini_embed.answer import read_answer, render_answer
from entrepot.dialects.gemini_embed.body import render_request
from entrepot.dialects.gemini_embed.request import parse_request
from entrepot.dialects.gemini_embed.wire import DIALECT
from entrepot.dialects.gemini_generate.failure import error_body, parse_failure
from entrepot.dialects.translation import Translation
from entrepot.dialects.vectors import UnchangedRenderer, VectorsParser
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError

_JSON = b"application/json; charset=UTF-8"


class GeminiEmbed:
    """Gemini embedContent and batchEmbedContents, to clients and to providers."""

    name = DIALECT
    quirks: Mapping[str, str] = {}
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_relay(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay:
        """The relay between a provider and a client that both speak this dialect: vectors pass as the bytes they are."""
        parser = _parser(asked, passing=True)
        return Translation(parser, UnchangedRenderer(parser, _renderer(asked)))

    @staticmethod
    def open_parser(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> VectorsParser:
        """A parser of a whole answer."""
        return _parser(asked)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of a whole answer."""
        return _renderer(asked)

    @staticmethod
    def keep_alive(_asked: Asked) -> bytes:
        """Nothing: vectors come whole."""
        return b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error), _JSON)


def _parser(asked: Asked, *, passing: bool = False) -> VectorsParser:
    return VectorsParser(lambda body: read_answer(body, asked, passing=passing))


def _renderer(asked: Asked) -> AnswerRenderer:
    return WholeAnswer(partial(render_answer, request=asked.request), error_body, _JSON)
