"""The dialect as one object, for the tables that look dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from entrepot.dialects.base import NO_HEADERS, Answer, AnswerRenderer, Asked, Relay, Target
from entrepot.dialects.error_answer import error_answer
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_completions.render import CompletionStream, render_answer
from entrepot.dialects.openai_completions.request import parse_request
from entrepot.dialects.openai_completions.wire import DIALECT
from entrepot.dialects.sse import COMMENT
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import EntrepotError


class OpenAICompletions:
    """OpenAI's legacy completions, to clients."""

    name = DIALECT
    parse_request = staticmethod(parse_request)

    @staticmethod
    def open_relay(_asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> Relay | None:
        """None: no provider is spoken to in this dialect."""
        return None

    @staticmethod
    def open_renderer(asked: Asked, created_s: int) -> AnswerRenderer:
        """A renderer of what was asked for: a stream or a whole answer."""
        if asked.request.stream:
            return CompletionStream(asked.request, created_s)
        return WholeAnswer(partial(render_answer, request=asked.request, created_s=created_s), error_body)

    @staticmethod
    def keep_alive(asked: Asked) -> bytes:
        """What keeps a stream's connection open."""
        return COMMENT if asked.request.stream else b""

    @staticmethod
    def render_error(error: EntrepotError) -> Answer:
        """An error in the dialect's shape; only `error.public` is shown."""
        return error_answer(error, error_body(error))
