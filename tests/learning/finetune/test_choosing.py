"""Which exchanges become lines: by outcome, terms and form, without doubles, split by time."""

from __future__ import annotations

import random

import msgspec
import pytest

from entrepot.canonical.request import Message, Text
from entrepot.catalog.load import load_catalog
from entrepot.learning.finetune.choosing import OF_TERMS, Candidate, LeftOut, Wanted, choose, consider
from entrepot.learning.finetune.facts import Facts
from entrepot.learning.finetune.terms import Answering, Terms
from entrepot.ledger.content.record import Said
from tests.learning.finetune.samples import kept_of, said_of

TERMS = Terms(load_catalog())
HERE = Answering("ours/qwen3-32b", "qwen3-32b", "alibaba", "vllm", on_premises=True)
GOOD = Facts("completed", HERE, 1.0, "user")
WORDS = [f"word{number}" for number in range(900)]


def text(seed: int, changed: int = 0) -> str:
    """Sixty words of chance; the first `changed` of them are others."""
    words = random.Random(seed).sample(WORDS, 60)
    return " ".join((*(f"other{number}" for number in range(changed)), *words[changed:]))


def candidate(
    number: int,
    question: str,
    answer: str = "An answer.",
    *,
    outcome: float = 1.0,
    key: str = "alice",
    said: Said | None = None,
) -> Candidate:
    facts = msgspec.structs.replace(GOOD, outcome=outcome)
    said = said or said_of(question, answer)
    found = consider(kept_of(number, said, key=key), said, facts, Wanted(), TERMS)
    assert isinstance(found, Candidate), found
    return found


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (None, "not in the ledger"),
        (msgspec.structs.replace(GOOD, answering=None), "the answer was not completed"),
        (msgspec.structs.replace(GOOD, state="broken"), "the answer was not completed"),
        (msgspec.structs.replace(GOOD, outcome=None), "nobody said what came of it"),
        (msgspec.structs.replace(GOOD, outcome=0.79), "the outcome is not good enough"),
        (msgspec.structs.replace(GOOD, answering=msgspec.structs.replace(HERE, on_premises=False)), OF_TERMS),
    ],
)
def test_what_is_left_out_by_itself_and_why(facts: Facts | None, reason: str) -> None:
    said = said_of("?")
    found = consider(kept_of(1, said), said, facts, Wanted(least_outcome=0.8), TERMS)
    assert isinstance(found, LeftOut)
    assert found.reason == reason
    assert (found.why is not None) == (reason == OF_TERMS)


def test_what_makes_no_line_is_left_out_with_its_reason() -> None:
    said = said_of("?", reason="length")
    found = consider(kept_of(1, said), said, GOOD, Wanted(), TERMS)
    assert isinstance(found, LeftOut)
    assert found.reason == "the answer did not end of itself"
    assert isinstance(consider(kept_of(1, said), None, GOOD, Wanted(), TERMS), LeftOut)


def test_only_first_answers_where_that_is_wanted() -> None:
    said = said_of("And then?", "Then.", Message("user", (Text("?"),)), Message("assistant", (Text("!"),)))
    found = consider(kept_of(1, said), said, GOOD, Wanted(several_turns=False), TERMS)
    assert isinstance(found, LeftOut)
    assert found.reason == "not the first answer of its conversation"


def test_of_what_is_the_same_or_nearly_the_best_stays_and_of_equals_the_newest() -> None:
    candidates = [
        candidate(1, text(1), outcome=0.9),
        candidate(2, text(1), outcome=1.0),
        candidate(3, text(1), outcome=0.9),
        candidate(4, text(2)),
        candidate(5, text(2, changed=2)),
        candidate(6, text(2, changed=45)),
    ]
    chosen = choose(candidates, Wanted(validation=0.0))
    kept = [candidates[place].exchange for place in (1, 4, 5)]
    assert list(chosen.sides) == kept
    assert {(one.exchange, one.reason, one.why) for one in chosen.left_out} == {
        (candidates[0].exchange, "the same as another", kept[0]),
        (candidates[2].exchange, "the same as another", kept[0]),
        (candidates[3].exchange, "nearly the same as another", kept[1]),
    }


def test_the_newest_are_held_back_but_not_of_conversations_that_are_trained_on() -> None:
    earlier = (Message("user", (Text(text(0)),)), Message("assistant", (Text("Yes."),)))
    following = said_of(text(77), "And so.", *earlier)
    candidates = [candidate(number, text(number)) for number in range(9)]
    candidates.append(candidate(9, "", said=following))
    others = candidate(9, "", said=following, key="bob")
    chosen = choose(candidates, Wanted(validation=0.2))
    assert list(chosen.sides.values()) == ["train"] * 8 + ["validation"]
    (out,) = chosen.left_out
    assert (out.exchange, out.reason) == (candidates[9].exchange, "its conversation is in the training file")
    elsewhere = choose([*candidates[:9], others], Wanted(validation=0.2))
    assert list(elsewhere.sides.values()) == ["train"] * 8 + ["validation"] * 2


def test_of_nothing_nothing_is_chosen() -> None:
    assert choose([], Wanted()).sides == {}
