"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerParser, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.outgoing import folds_a_stream, render_request
from entrepot.dialects.openai_chat.quirks import QUIRKS
from entrepot.dialects.openai_chat.relay import StreamRelay, WholeRelay
from entrepot.dialects.openai_chat.render import render_response
from entrepot.dialects.openai_chat.render_stream import StreamRenderer
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.dialects.openai_chat.think import DECLARED, mentions_tag
from entrepot.dialects.openai_chat.wire import DIALECT
from entrepot.dialects.sse import COMMENT
from entrepot.dialects.translation import Translation
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
    def open_relay(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay | None:
        """The passage between a provider and a client of this dialect; None where an answer must be read to be given."""
        if target.quirks & DECLARED or folds_a_stream(asked, target):
            return None

        def open_translation() -> Relay:
            return Translation(OpenAIChat.open_parser(asked, target, headers), OpenAIChat.open_renderer(asked, 0))

        if asked.request.stream:
            return StreamRelay(open_translation, headers, include_usage=asked.request.include_usage)
        return WholeRelay(open_translation, headers)

    @staticmethod
    def open_parser(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return ChatParser(target.quirks, headers, tag_is_mentioned=mentions_tag(asked.request))

    @staticmethod
    def open_renderer(asked: Asked, created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        legacy = "functions" in asked.fields
        if asked.request.stream:
            return StreamRenderer(asked.request.include_usage, created_s, legacy=legacy)
        return WholeAnswer(partial(render_response, created_s=created_s, legacy=legacy), error_body)

    @staticmethod
    def keep_alive(asked: Asked) -> bytes:
        """What keeps a stream's connection open."""
        return COMMENT if asked.request.stream else b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
