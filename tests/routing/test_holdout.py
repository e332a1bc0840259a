from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.holdout import Lot, hold_out, lot_of
from entrepot.routing.utility import Decision, Goal, Weighed


def a_decision(
    *order: str, rejected: tuple[str, ...] = (), goal: Goal | None = None, usd: float | None = 1
) -> Decision:
    return Decision(
        order=order,
        candidates=(
            *(Weighed(id, id, cost_usd=usd, propensity=1.0 if id == order[0] else 0.0) for id in order),
            *(Weighed(id, id, rejected="a rule") for id in rejected),
        ),
        reason="cheap is cheap.",
        goal=goal,
    )


def test_the_lot_puts_the_baseline_first_and_says_what_it_displaced() -> None:
    found = hold_out(a_decision("cheap", "middling", "dear"), "dear", 0.1, 0.05)
    assert found.order == ("dear", "cheap", "middling")
    assert found.displaced == "cheap"
    assert (
        found.reason == "drawn for the holdout (10% of exchanges go to the baseline, dear); otherwise: cheap is cheap."
    )


def test_what_is_not_drawn_keeps_its_order_but_not_its_propensities() -> None:
    found = hold_out(a_decision("cheap", "dear"), "dear", 0.1, 0.1)
    assert found.order == ("cheap", "dear")
    assert found.displaced is None
    assert [weighed.propensity for weighed in found.candidates] == pytest.approx([0.9, 0.1])


def test_a_baseline_that_is_chosen_anyway_is_not_drawn() -> None:
    found = hold_out(a_decision("dear", "cheap"), "dear", 0.5, 0.0)
    assert found.displaced is None
    assert [weighed.propensity for weighed in found.candidates] == [1.0, 0.0]


def test_the_lot_never_reaches_a_baseline_that_is_not_eligible() -> None:
    before = a_decision("cheap", rejected=("dear",))
    assert hold_out(before, "dear", 1.0, 0.0) is before


@pytest.mark.parametrize(("usd", "drawn"), [(0.5, True), (0.51, False), (None, False)])
def test_the_lot_never_goes_over_the_cost_allowed(usd: float | None, drawn: bool) -> None:
    before = a_decision("cheap", "dear", goal=Goal(max_cost_usd=0.5), usd=usd)
    assert (hold_out(before, "dear", 1.0, 0.0).displaced == "cheap") is drawn


@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True), st.permutations(["a", "b", "c"]))
def test_the_lot_only_reorders_and_propensities_stay_one_together(share: float, draw: float, order: list[str]) -> None:
    before = a_decision(*order)
    found = hold_out(before, "b", share, draw)
    assert sorted(found.order) == sorted(before.order)
    assert [id for id in found.order if id != "b"] == [id for id in before.order if id != "b"]
    assert sum(weighed.propensity for weighed in found.candidates) == pytest.approx(1)


def test_the_lot_tells_both_expected_costs_whatever_it_drew() -> None:
    decision = a_decision("cheap", "dear", usd=2e-6)
    drawn = hold_out(decision, "dear", 0.1, 0.05)
    for made, draw in ((decision, 0.5), (drawn, 0.05)):
        assert lot_of(made, "dear", 0.1, draw, 7) == Lot("dear", 0.1, draw < 0.1, 7, 2000, 2000)


def test_there_is_no_lot_where_the_baseline_could_not_be_drawn() -> None:
    assert lot_of(a_decision("cheap", rejected=("dear",)), "dear", 0.5, 0.1, 7) is None
    assert lot_of(a_decision("cheap", "dear"), "dear", 0.0, 0.1, 7) is None


def test_an_unknown_price_is_no_cost_in_a_lot() -> None:
    lot = lot_of(a_decision("cheap", "dear", usd=None), "dear", 0.5, 0.1, 7)
    assert lot is not None
    assert (lot.baseline_nano_usd, lot.routed_nano_usd) == (None, None)
