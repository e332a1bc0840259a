"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.gemini_generate.answer import GenerateParser
from entrepot.dialects.gemini_generate.body import render_request
from entrepot.dialects.gemini_generate.failure import error_body, parse_failure
from entrepot.dialects.gemini_generate.quirks import QUIRKS
from entrepot.dialects.gemini_generate.relay import StreamRelay, WholeRelay
from entrepot.dialects.gemini_generate.render import render_answer
from entrepot.dialects.gemini_generate.render_stream import BLANK_LINE, StreamRenderer
from entrepot.dialects.gemini_generate.request import parse_request
from entrepot.dialects.gemini_generate.wire import DIALECT
from entrepot.dialects.translation import Translation
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError

_JSON = b"application/json; charset=UTF-8"


class GeminiGenerate:
    """Gemini generateContent and streamGenerateContent, to clients and to providers."""

    name = DIALECT
    quirks = QUIRKS
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_relay(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay | None:
        """The passage between a provider and a client that both speak this dialect; None for a client that wants an array."""
        if _wants_array(asked):
            return None

        def open_translation() -> Relay:
            return Translation(
                GeminiGenerate.open_parser(asked, target, headers), GeminiGenerate.open_renderer(asked, 0)
            )

        return StreamRelay(open_translation) if asked.request.stream else WholeRelay(open_translation)

    @staticmethod
    def open_parser(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return GenerateParser(asked)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a whole answer, server-sent events or an array."""
        if not asked.request.stream:
            return WholeAnswer(render_answer, error_body, _JSON)
        return StreamRenderer(array=_wants_array(asked))

    @staticmethod
    def keep_alive(asked: Asked) -> bytes:
        """What keeps a stream's connection open."""
        return BLANK_LINE if asked.request.stream else b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error), _JSON)


def _wants_array(asked: Asked) -> bool:
    return asked.request.stream and asked.request.extra.get("alt") != "sse"
