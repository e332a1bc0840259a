"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from entrepot.dialects.base import Answer, AnswerParser, AnswerRenderer, Asked, HeaderPairs, Relay, Target
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.errors import error_body, error_type
from entrepot.dialects.openai_chat.outgoing import render_request
from entrepot.dialects.openai_chat.relay import StreamRelay, WholeRelay
from entrepot.dialects.openai_chat.render import StreamRenderer, WholeRenderer
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.dialects.openai_chat.wire import DIALECT, encode
from entrepot.errors import EntrepotError


class OpenAIChat:
    """OpenAI chat completions, to clients and to providers."""

    name = DIALECT
    parse_request = staticmethod(parse_request)
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_relay(asked: Asked) -> Relay:
        """The relay between a provider and a client that both speak this dialect."""
        return StreamRelay(asked) if asked.request.stream else WholeRelay(asked)

    @staticmethod
    def open_parser(_asked: Asked, _target: Target) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return ChatParser()

    @staticmethod
    def open_renderer(asked: Asked, created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        if asked.request.stream:
            return StreamRenderer(asked.request.include_usage, created_s)
        return WholeRenderer(created_s)

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        headers: list[tuple[bytes, bytes]] = [(b"content-type", b"application/json")]
        retry_after_s = getattr(error, "retry_after_s", None)
        if retry_after_s is not None:
            # Whole seconds, rounded up: a client that waits them is never early.
            headers.append((b"retry-after", str(max(1, -int(-retry_after_s // 1))).encode()))
        pairs: HeaderPairs = tuple(headers)
        return Answer(error.status, pairs, encode(error_body(error, error_type(error.status))))
