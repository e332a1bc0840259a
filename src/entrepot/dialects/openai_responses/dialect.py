"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.openai_responses.answer import ResponseParser
from entrepot.dialects.openai_responses.errors import error_body
from entrepot.dialects.openai_responses.outgoing import render_request
from entrepot.dialects.openai_responses.quirks import QUIRKS
from entrepot.dialects.openai_responses.relay import PassThrough
from entrepot.dialects.openai_responses.render import render_response
from entrepot.dialects.openai_responses.render_stream import StreamRenderer
from entrepot.dialects.openai_responses.request import parse_request
from entrepot.dialects.openai_responses.wire import DIALECT
from entrepot.dialects.sse import COMMENT
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError


class OpenAIResponses:
    """OpenAI responses, to clients and to providers."""

    name = DIALECT
    quirks = QUIRKS
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @classmethod
    def open_relay(cls, asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay:
        """The relay between a provider and a client that both speak this dialect."""
        return PassThrough(asked, cls.open_renderer(asked, 0))

    @staticmethod
    def open_parser(_asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return ResponseParser()

    @staticmethod
    def open_renderer(asked: Asked, created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        if asked.request.stream:
            return StreamRenderer(asked, created_s)
        return WholeAnswer(partial(render_response, asked=asked, created_s=created_s), error_body)

    @staticmethod
    def keep_alive(asked: Asked) -> bytes:
        """What keeps a stream's connection open."""
        return COMMENT if asked.request.stream else b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
