"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.canonical.stream import Failure
from entrepot.dialects.anthropic_messages.answer import MessageParser
from entrepot.dialects.anthropic_messages.errors import render_error
from entrepot.dialects.anthropic_messages.outgoing import render_request
from entrepot.dialects.anthropic_messages.render import WholeRenderer
from entrepot.dialects.anthropic_messages.render_stream import StreamRenderer
from entrepot.dialects.anthropic_messages.request import parse_request
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.dialects.base import AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.failure import parse_failure


class AnthropicMessages:
    """Anthropic messages, to clients and to providers."""

    name = DIALECT
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    render_error = staticmethod(render_error)

    @staticmethod
    def parse_failure(status: int, headers: Mapping[bytes, bytes], body: bytes, now_s: float | None = None) -> Failure:
        """An error answer, classified."""
        return parse_failure(status, headers, body, now_s)

    @staticmethod
    def open_parser(asked: Asked, _target: Target) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return MessageParser(asked.request)

    @staticmethod
    def open_renderer(asked: Asked, _created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        return StreamRenderer() if asked.request.stream else WholeRenderer()

    @staticmethod
    def open_relay(_asked: Asked) -> Relay | None:
        """None: an answer is translated even to the same dialect, by way of the events that keep all of it."""
        return None
