from __future__ import annotations

from collections.abc import Mapping

import pytest

from entrepot.canonical.stream import Ended, StreamEvent
from entrepot.dialects.base import NO_HEADERS, AnswerParser, Asked, Target
from entrepot.dialects.checks import check_cut_off, check_dialect, check_garbage, check_unsayable_is_refused
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS


@pytest.mark.parametrize("name", sorted(CLIENT_DIALECTS.keys() & PROVIDER_DIALECTS.keys()))
def test_every_dialect_keeps_what_a_dialect_must(name: str) -> None:
    check_dialect(CLIENT_DIALECTS[name], PROVIDER_DIALECTS[name])


@pytest.mark.parametrize("name", sorted(PROVIDER_DIALECTS.keys() - CLIENT_DIALECTS.keys()))
def test_a_dialect_that_no_client_speaks_keeps_what_a_providers_must(name: str) -> None:
    check_unsayable_is_refused(PROVIDER_DIALECTS[name])
    check_garbage(PROVIDER_DIALECTS[name])


class Credulous(ChatParser):
    """Takes the end of the body for the end of the answer."""

    def close(self) -> list[StreamEvent]:
        return [Ended()]


class CredulousChat(OpenAIChat):
    @staticmethod
    def open_parser(_asked: Asked, _target: Target, _headers: Mapping[bytes, bytes] = NO_HEADERS) -> AnswerParser:
        return Credulous()


def test_a_dialect_that_takes_a_cut_for_an_end_is_found_out() -> None:
    with pytest.raises(AssertionError, match="a stream that was cut off ends with Ended"):
        check_cut_off(OpenAIChat(), CredulousChat())
    with pytest.raises(AssertionError, match="is understood as Ended"):
        check_garbage(CredulousChat())
