"""The dialect as one object, for the table that looks dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.base import NO_HEADERS, AnswerParser, Asked, Target
from entrepot.dialects.failure import parse_failure
from entrepot.dialects.ollama_chat.answer import ChatParser
from entrepot.dialects.ollama_chat.outgoing import render_request
from entrepot.dialects.ollama_chat.quirks import QUIRKS
from entrepot.dialects.ollama_chat.wire import DIALECT


class OllamaChat:
    """Ollama chat, to providers. Its errors are `{"error": "text"}`, classified by status and words."""

    name = DIALECT
    quirks = QUIRKS
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_parser(asked: Asked, target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of lines, whichever comes."""
        return ChatParser(asked.request, target.quirks)
