"""The dialect as one object, for the table that looks dialects up by name."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.dialects.base import NO_HEADERS, AnswerParser, Asked, Target
from entrepot.dialects.bedrock_converse.answer import ConverseParser
from entrepot.dialects.bedrock_converse.failure import parse_failure
from entrepot.dialects.bedrock_converse.outgoing import render_request
from entrepot.dialects.bedrock_converse.quirks import QUIRKS
from entrepot.dialects.bedrock_converse.wire import DIALECT


class BedrockConverse:
    """Bedrock Converse, to providers."""

    name = DIALECT
    quirks = QUIRKS
    render_request = staticmethod(render_request)
    parse_failure = staticmethod(parse_failure)

    @staticmethod
    def open_parser(asked: Asked, target: Target, headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        """A parser of a whole answer or of a stream, whichever comes. The answer's id stands in its headers."""
        return ConverseParser(asked.request, target, headers.get(b"x-amzn-requestid", b"").decode("latin-1"))
