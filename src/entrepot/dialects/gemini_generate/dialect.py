"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from entrepot.dialects.base import AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.gemini_generate.answer import GenerateParser
from entrepot.dialects.gemini_generate.body import render_request
from entrepot.dialects.gemini_generate.failure import parse_failure, render_error
from entrepot.dialects.gemini_generate.render import WholeRenderer
from entrepot.dialects.gemini_generate.render_stream import StreamRenderer
from entrepot.dialects.gemini_generate.request import parse_request
from entrepot.dialects.gemini_generate.wire import DIALECT


class GeminiGenerate:
    """Gemini generateContent and streamGenerateContent, to clients and to providers."""

    name = DIALECT
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)
    render_error = staticmethod(render_error)

    @staticmethod
    def open_relay(_asked: Asked) -> Relay | None:
        """None: an answer is parsed and rendered even between two of this dialect, which loses nothing of it."""
        return None

    @staticmethod
    def open_parser(asked: Asked, _target: Target) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return GenerateParser(asked)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a whole answer, server-sent events or an array."""
        if not asked.request.stream:
            return WholeRenderer()
        return StreamRenderer(array=asked.request.extra.get("alt") != "sse")
