"""The lot that gives exchanges to people, and what is made of their labels."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import DataError
from entrepot.learning.people import Asked, draw, outcomes_of, read_asked, write_asked

IDS = [f"019b0000-0000-7000-8000-{number:012x}" for number in range(400)]
SCORES = {"good": 1.0, "bad": 0.0}


@given(st.integers(1, 500), st.integers(1, 500))
def test_the_smaller_sample_is_part_of_the_larger_in_whatever_order_they_stand(one: int, other: int) -> None:
    turned = list(reversed(IDS))
    small, large = sorted((draw(IDS, one), draw(turned, other)), key=lambda drawn: len(drawn.exchanges))
    assert large.exchanges[: len(small.exchanges)] == small.exchanges
    assert small.chance == min(1.0, min(one, other) / len(IDS))


def test_none_are_drawn_of_none() -> None:
    assert draw([], 5) == draw(iter(()), 7)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    asked = [Asked("a", 1 / 3, 'what "is", it?\n客户', "=1+1", "good"), Asked("b", 1.0)]
    write_asked(asked, tmp_path / "s.csv")
    assert [(one.exchange, one.chance, one.label) for one in read_asked(tmp_path / "s.csv")] == [
        ("a", 1 / 3, "good"),
        ("b", 1.0, ""),
    ]
    assert "'=1+1" in (tmp_path / "s.csv").read_text(encoding="utf-8-sig")
    with pytest.raises(DataError, match="exists"):
        write_asked(asked, tmp_path / "s.csv")


def test_a_label_becomes_an_outcome_with_its_chance() -> None:
    (found,) = outcomes_of([Asked("a", 0.25, label="bad"), Asked("b", 0.25)], "alice", SCORES, 7, Path("f"))
    assert (found.exchange, found.source, found.who, found.score, found.chance) == ("a", "person", "alice", 0.0, 0.25)
    with pytest.raises(DataError, match="lies between 0 and 1"):
        outcomes_of([Asked("a", 0.25, label="nan")], "alice", SCORES, 7, Path("f"))
