"""What an answer came to: the provider's count, ours where it gave none, and a loop that is told from a long list."""

from __future__ import annotations

import pytest

from entrepot.canonical.response import Usage
from entrepot.dialects import tally
from entrepot.dialects.tally import MAX_TOKENS, Tally


def test_the_providers_count_is_taken_and_a_later_one_replaces_it() -> None:
    counts = Tally()
    counts.say("x" * 400)
    counts.count(Usage(3, output_tokens=1))
    counts.count(Usage(3, output_tokens=2))
    counts.finished = True
    assert counts.summary(70).usage == Usage(3, output_tokens=2)


def test_what_the_provider_did_not_count_is_counted_by_us_and_marked() -> None:
    counts = Tally()
    counts.say("x" * 400)
    assert counts.summary(70).usage == Usage(70, output_tokens=100, estimated=True)
    counts.count(Usage(output_tokens=5))
    assert counts.summary(70).usage.input_tokens == 70


def test_what_a_cut_stream_delivered_counts_where_the_provider_had_counted_less() -> None:
    counts = Tally()
    counts.count(Usage(9, output_tokens=1))
    counts.say("x" * 400)
    assert counts.summary(70).usage == Usage(9, output_tokens=100, estimated=True)


def test_a_count_from_the_middle_of_a_stream_is_marked_also_where_it_is_more_than_was_said() -> None:
    counts = Tally()
    counts.count(Usage(9, output_tokens=1000))
    counts.say("x")
    assert counts.summary(70).usage == Usage(9, output_tokens=1000, estimated=True)
    counts.finished = True
    assert not counts.summary(70).usage.estimated


@pytest.mark.parametrize(
    "usage", [Usage(), Usage(MAX_TOKENS + 1, output_tokens=1), Usage(1, output_tokens=MAX_TOKENS + 1)]
)
def test_nothing_and_the_absurd_are_no_counts(usage: Usage) -> None:
    counts = Tally()
    counts.count(usage)
    assert counts.usage is None


def test_the_claimed_name_is_kept_short_and_an_empty_one_does_not_replace_it() -> None:
    counts = Tally()
    counts.claim("m" * 1000)
    counts.claim("")
    assert counts.summary(0).claimed_model == "m" * 200


@pytest.mark.parametrize("piece", ["\n", "  ", "0", ", ", "---"[:2]])
def test_what_rightly_repeats_is_no_loop(piece: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_REPEATS", 3)
    counts = Tally()
    for _ in range(10):
        counts.say(piece)
    assert not counts.loops


@pytest.mark.parametrize("piece", ["again", "再来一次"])
def test_the_same_piece_without_end_is_a_loop_and_another_between_is_none(
    piece: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MAX_REPEATS", 3)
    counts, broken = Tally(), Tally()
    for _ in range(4):
        counts.say(piece)
        broken.say(piece)
        broken.say("other")
    assert counts.loops
    assert not broken.loops
