"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.outgoing import render_request
from entrepot.dialects.openai_chat.quirks import QUIRKS
from entrepot.dialects.openai_chat.relay import StreamRelay, WholeRelay
from entrepot.dialects.openai_chat.render import render_response
from entrepot.dialects.openai_chat.render_stream import StreamRenderer
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.dialects.openai_chat.wire import DIALECT
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError


class OpenAIChat:
    """OpenAI chat completions, to clients and to providers."""

    name = DIALECT
    quirks = QUIRKS
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_relay(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay:
        """The relay between a provider and a client that both speak this dialect."""
        return StreamRelay(asked) if asked.request.stream else WholeRelay(asked)

    @staticmethod
    def open_parser(_asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return ChatParser()

    @staticmethod
    def open_renderer(asked: Asked, created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        if asked.request.stream:
            return StreamRenderer(asked.request.include_usage, created_s)
        return WholeAnswer(partial(render_response, created_s=created_s), error_body)

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
