"""Reasoning through every pair: shown to the client, carried by it, and back at the provider that alone can read it."""

from __future__ import annotations

import msgspec
import pytest

from tests.end_to_end.clients import Ask, Client, Results, Told, Turn, User
from tests.end_to_end.pairs import BOTH, MARKS, PROVIDERS, SHAPES, TOOLS, agree, booked, model_at, said_to
from tests.end_to_end.world import World

pytestmark = MARKS

THOUGHT = "Let me think this through once more."
REDACTS = "ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING"


def answered(told: Told, before: list[Turn]) -> list[Turn]:
    """The conversation once its calls are answered."""
    return [*before, told.back, Results(tuple((call, f"{call.name} done") for call in told.calls))]


@SHAPES
def test_reasoning_is_shown_and_comes_back_sealed_as_it_was(
    client: Client, provider: str, pairs: World, stream: bool
) -> None:
    ask = Ask(model=model_at(provider, "thinker"), turns=[User(BOTH)], tools=TOOLS, thinks=True, stream=stream)
    first = client.ask(ask)
    agree(first, booked(pairs, provider))
    # OpenAI tells others than its own clients that there was reasoning, not what it was.
    if provider != "openai-responses" or client.dialect == "openai-responses":
        assert first.reasoning.strip().startswith(THOUGHT[:20])
    turns = answered(first, [User(BOTH)])
    second = client.ask(msgspec.structs.replace(ask, turns=turns))
    assert second.text == "The tool returned: get_weather done; get_time done"
    (replayed,) = pairs.simulator.heard(provider).replayed
    assert replayed.strip().startswith(THOUGHT[:20])
    assert first.reasoning in (replayed, "")
    third = client.ask(msgspec.structs.replace(ask, turns=[*turns, second.back, User("谢谢")]))
    assert third.text == said_to("谢谢")


@SHAPES
@pytest.mark.parametrize("provider", ["anthropic-messages", "bedrock-converse"])
def test_reasoning_that_nobody_may_read_comes_back_too(
    client: Client, provider: str, pairs: World, stream: bool
) -> None:
    asks = User(f"{REDACTS} {BOTH}")
    ask = Ask(model=model_at(provider, "thinker"), turns=[asks], tools=TOOLS, thinks=True, stream=stream)
    first = client.ask(ask)
    assert first.reasoning == ""
    client.ask(msgspec.structs.replace(ask, turns=answered(first, [asks])))
    (replayed,) = pairs.simulator.heard(provider).replayed
    assert replayed.strip().startswith(THOUGHT[:20])


@pytest.mark.parametrize("other", PROVIDERS)
def test_a_conversation_goes_on_at_a_provider_that_cannot_read_the_reasoning(
    client: Client, provider: str, other: str, pairs: World
) -> None:
    ask = Ask(model=model_at(provider, "thinker"), turns=[User(BOTH)], tools=TOOLS, thinks=True)
    first = client.ask(ask)
    turns = answered(first, [User(BOTH)])
    second = client.ask(msgspec.structs.replace(ask, model=model_at(other, "thinker"), turns=turns))
    assert second.text == "The tool returned: get_weather done; get_time done"
    if other != provider:
        assert pairs.simulator.heard(other).replayed == ()
    # And back: what the first provider sealed is still there for it, and what the second did is not.
    back = client.ask(msgspec.structs.replace(ask, turns=[*turns, second.back, User("谢谢")]))
    assert back.text == said_to("谢谢")
