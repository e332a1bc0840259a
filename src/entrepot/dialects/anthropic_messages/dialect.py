"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.anthropic_messages.answer import MessageParser
from entrepot.dialects.anthropic_messages.errors import error_body
from entrepot.dialects.anthropic_messages.outgoing import render_request
from entrepot.dialects.anthropic_messages.quirks import QUIRKS
from entrepot.dialects.anthropic_messages.render import render_response
from entrepot.dialects.anthropic_messages.render_stream import StreamRenderer
from entrepot.dialects.anthropic_messages.request import parse_request
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError


class AnthropicMessages:
    """Anthropic messages, to clients and to providers."""

    name = DIALECT
    quirks = QUIRKS
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_parser(asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return MessageParser(asked.request)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        return StreamRenderer() if asked.request.stream else WholeAnswer(render_response, error_body)

    @staticmethod
    def open_relay(_asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay | None:
        """None: an answer is translated even to the same dialect, by way of the events that keep all of it."""
        return None

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
