"""The dialect as one object, for the table that looks dialects up by name."""

from __future__ import annotations

from entrepot.dialects.base import AnswerParser, Asked, Target
from entrepot.dialects.bedrock_converse.answer import ConverseParser
from entrepot.dialects.bedrock_converse.failure import parse_failure
from entrepot.dialects.bedrock_converse.outgoing import QUIRKS, render_request
from entrepot.dialects.bedrock_converse.wire import DIALECT


class BedrockConverse:
    """Bedrock Converse, to providers."""

    name = DIALECT
    quirks = QUIRKS
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_parser(asked: Asked, target: Target) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes."""
        return ConverseParser(asked.request, target)
