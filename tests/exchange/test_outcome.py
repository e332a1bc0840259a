from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.outcome import outcome_id

words = st.lists(st.text(), min_size=1, max_size=4)


@given(words, words)
def test_an_id_is_the_same_for_the_same_parts_and_no_others(parts: list[str], others: list[str]) -> None:
    assert (outcome_id(*parts) == outcome_id(*others)) == (parts == others)


def test_parts_that_join_to_the_same_text_are_told_apart() -> None:
    assert outcome_id("ab", "c") != outcome_id("a", "bc")
    assert len(outcome_id("ab", "c")) == 32
