"""What clients of every dialect are told of tokens and caches, against the books of providers of every dialect."""

from __future__ import annotations

import pytest

from tests.end_to_end.clients import Ask, Client, User, status_of
from tests.end_to_end.pairs import CLIENTS, HELLO, MARKS, PROVIDERS, SHAPES, agree, booked, model_at, said_to
from tests.end_to_end.world import World

pytestmark = MARKS

CAN_MARK = ("openai-chat", "anthropic-messages")
WANTS_MARKS = ("anthropic-messages", "bedrock-converse")
CACHES_ITSELF = ("openai-chat", "openai-responses", "gemini-generate")


@SHAPES
def test_what_the_cache_gave_and_took_is_told(client: Client, provider: str, pairs: World, stream: bool) -> None:
    long = User(
        f"{client.dialect}, {provider}, {stream}: " + "数一数 these tokens, one after another. " * 150, marked=True
    )
    ask = Ask(model=model_at(provider, "echo"), turns=[long], stream=stream)
    rows = []
    for _ in range(2):
        told = client.ask(ask)
        rows.append(booked(pairs, provider).tokens)
        agree(told, booked(pairs, provider))
    caches = provider in CACHES_ITSELF or (provider in WANTS_MARKS and client.dialect in CAN_MARK)
    assert (rows[1].cache_read_tokens > 1000) == caches
    assert (rows[0].cache_write_tokens > 1000) == (caches and provider in WANTS_MARKS)


@pytest.mark.parametrize("client", [each for each in CLIENTS if each != "openai-responses"], indirect=True)
@SHAPES
def test_a_stop_text_ends_an_answer_or_is_refused_where_it_cannot_be_said(
    client: Client, provider: str, pairs: World, stream: bool
) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User(HELLO)], stop=("harbours", "You wrote"), stream=stream)
    if provider == "openai-responses":
        with pytest.raises(client.failures) as caught:
            client.ask(ask)
        assert status_of(caught.value) == 400
        return
    told = client.ask(ask)
    assert (told.text, told.finish) == (said_to("").removesuffix("You wrote: "), "stop")
    agree(told, booked(pairs, provider))


def test_every_provider_is_in_one_of_the_three_kinds() -> None:
    assert set(PROVIDERS) == {*WANTS_MARKS, *CACHES_ITSELF, "ollama-chat"}
