"""What may be done beside what was asked for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.allowance import MOST, Allowance, Allowances


def test_an_outage_is_answered_with_a_share_and_not_with_a_storm() -> None:
    allowance = Allowance(0.1)
    taken = 0
    for _ in range(1000):
        allowance.earn()
        taken += allowance.take()
    assert taken in (109, 110)  # what was saved up, and a tenth
    assert allowance.refused == 1000 - taken


@given(st.lists(st.booleans(), max_size=300), st.floats(0, 1))
def test_never_more_is_taken_than_was_saved_and_earned(steps: list[bool], share: float) -> None:
    allowance, earned, taken = Allowance(share), 0, 0
    for earn in steps:
        if earn:
            allowance.earn()
            earned += 1
        else:
            taken += allowance.take()
    assert taken <= MOST + share * earned + 1e-6
    assert 0 <= allowance.left <= MOST


def test_nothing_may_be_taken_of_no_share() -> None:
    allowance = Allowance(0.0)
    allowance.earn()
    assert not allowance.take()


def test_retries_and_hedges_are_counted_apart() -> None:
    both = Allowances(retries=0.5, hedges=0.0)
    both.earn()
    assert both.retries.take()
    assert not both.hedges.take()
