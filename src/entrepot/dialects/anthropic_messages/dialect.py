"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.anthropic_messages.answer import MessageParser
from entrepot.dialects.anthropic_messages.errors import error_body
from entrepot.dialects.anthropic_messages.outgoing import render_request
from entrepot.dialects.anthropic_messages.quirks import QUIRKS
from entrepot.dialects.anthropic_messages.relay import StreamRelay, WholeRelay
from entrepot.dialects.anthropic_messages.render import render_response
from entrepot.dialects.anthropic_messages.render_stream import PING, StreamRenderer
from entrepot.dialects.anthropic_messages.request import parse_request
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.translation import Translation
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
    def open_relay(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay:
        """The passage between a provider and a client that both speak this dialect."""

        def open_translation() -> Relay:
            parser = AnthropicMessages.open_parser(asked, target, headers)
            return Translation(parser, AnthropicMessages.open_renderer(asked, 0))

        return StreamRelay(open_translation) if asked.request.stream else WholeRelay(open_translation)

    @staticmethod
    def keep_alive(asked: Asked) -> bytes:
        """What keeps a stream's connection open."""
        return PING if asked.request.stream else b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
