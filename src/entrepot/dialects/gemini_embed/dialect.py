"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.base import AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.gemini_embed.answer import EmbedRenderer, read_answer
from entrepot.dialects.gemini_embed.body import render_request
from entrepot.dialects.gemini_embed.request import parse_request
from entrepot.dialects.gemini_embed.wire import DIALECT
from entrepot.dialects.gemini_generate.failure import parse_failure, render_error
from entrepot.dialects.translation import Translation
from entrepot.dialects.vectors import UnchangedRenderer, VectorsParser

_NO_HEADERS: Mapping[bytes, bytes] = {}


class GeminiEmbed:
    """Gemini embedContent and batchEmbedContents, to clients and to providers."""

    name = DIALECT
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)
    render_error = staticmethod(render_error)

    @staticmethod
    def open_relay(asked: Asked) -> Relay:
        """The relay between a provider and a client that both speak this dialect: vectors pass as the bytes they are."""
        parser = _parser(asked)
        return Translation(parser, UnchangedRenderer(parser, EmbedRenderer(asked.request)))

    @staticmethod
    def open_parser(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = _NO_HEADERS) -> VectorsParser:
        """A parser of a whole answer."""
        return _parser(asked)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of a whole answer."""
        return EmbedRenderer(asked.request)


def _parser(asked: Asked) -> VectorsParser:
    return VectorsParser(lambda body: read_answer(body, asked.request))
