"""What is drawn to explore is drawn as often as is written down, and never what may not be."""

from __future__ import annotations

from typing import Literal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.explore import Exploration, explore
from entrepot.routing.holdout import hold_out
from entrepot.routing.utility import Decision, Goal, Weighed

KINDS: tuple[Literal["epsilon", "posterior"], ...] = ("epsilon", "posterior")


def a_candidate(name: str, p: float, error: float, usd: float | None) -> Weighed:
    return Weighed(name, name, p_correct=p, p_error=error, output_tokens=100, cost_usd=usd, basis="outcomes")


def a_decision(
    *candidates: Weighed, goal: Goal | None = None, worth: float | None = 0.1, promise: str | None = None
) -> Decision:
    first, *rest = candidates
    return Decision(
        order=tuple(one.deployment for one in candidates if one.rejected is None),
        candidates=(msgspec.structs.replace(first, propensity=1.0), *rest),
        reason="便宜 is cheap.",
        goal=goal or Goal(),
        reference="big",
        worth_usd=worth,
        promise=promise,
    )


CHEAP, MIDDLE, BIG = (
    a_candidate("便宜", 0.8, 0.05, 0.001),
    a_candidate("middle", 0.82, 0.05, 0.003),
    a_candidate("big", 0.9, 0.03, 0.02),
)


def propensities(decision: Decision) -> dict[str, float]:
    return {one.deployment: one.propensity for one in decision.candidates}


@pytest.mark.parametrize("kind", KINDS)
def test_each_is_drawn_as_often_as_its_propensity_says(kind: Literal["epsilon", "posterior"]) -> None:
    how = Exploration(kind, share=0.4, floor=0.02)
    chance = np.random.default_rng(0)
    decision = a_decision(CHEAP, MIDDLE, BIG)
    drawn = [explore(decision, how, lot).chosen for lot in chance.random(20_000).tolist()]
    for name, propensity in propensities(explore(decision, how, 0.0)).items():
        assert propensity >= 0.02
        error = 4 * (propensity * (1 - propensity) / len(drawn)) ** 0.5
        assert drawn.count(name) / len(drawn) == pytest.approx(propensity, abs=error)


def test_a_posterior_is_how_often_each_would_be_best_were_its_quality_drawn() -> None:
    how = Exploration("posterior", share=1.0, floor=0.0)
    chance = np.random.default_rng(1)
    trio = (CHEAP, MIDDLE, BIG)
    p, error, cost = (
        np.array([getattr(one, name) for one in trio], np.float64) for name in ("p_correct", "p_error", "cost_usd")
    )
    drawn = p + error * chance.standard_normal((200_000, 3))
    by_worth = np.bincount((0.1 * drawn - cost).argmax(axis=1), minlength=3) / len(drawn)
    found = propensities(explore(a_decision(*trio), how, 0.0))
    assert list(found.values()) == pytest.approx(by_worth, abs=0.01)
    passing = drawn >= drawn[:, [2]] - 0.05
    passing[:, 2] = True
    by_bar = np.bincount(passing.argmax(axis=1), minlength=3) / len(drawn)
    found = propensities(explore(a_decision(*trio, goal=Goal(max_loss=0.05), worth=None), how, 0.0))
    assert list(found.values()) == pytest.approx(by_bar, abs=0.01)


def test_who_is_drawn_goes_first_and_the_goals_choice_is_remembered() -> None:
    found = explore(a_decision(CHEAP, MIDDLE, BIG, promise="at most 2 points"), Exploration(share=0.3), 0.999)
    assert found.order == ("big", "便宜", "middle")
    assert found.explored == "便宜"
    assert found.promise == "nothing: the exchange was drawn to explore"
    assert found.reason.startswith("drawn to explore (it is with 10.")
    assert found.reason.endswith("otherwise: 便宜 is cheap.")


def test_what_is_rejected_over_the_bound_of_unknown_price_or_too_poor_is_never_explored() -> None:
    poor, unpriced = a_candidate("poor", 0.2, 0.3, 0.0001), a_candidate("unpriced", 0.9, 0.1, None)
    rejected = Weighed("forbidden", "forbidden", rejected="a rule")
    ill = msgspec.structs.replace(MIDDLE, deployment="ill", unhealthy="is down")
    decision = a_decision(CHEAP, MIDDLE, BIG, poor, unpriced, ill, rejected, goal=Goal(max_cost_usd=0.01))
    for kind in KINDS:
        found = propensities(explore(decision, Exploration(kind, share=1.0, floor=0.1, max_loss=0.3), 0.0))
        assert {name for name, propensity in found.items() if propensity > 0} == {"便宜", "middle"}


def test_a_choice_without_rivals_is_left_as_it_is() -> None:
    decision = a_decision(CHEAP)
    assert explore(decision, Exploration(share=1.0), 0.9) is decision
    by_name = Decision(("a", "b"), (Weighed("a", "a", propensity=1.0), Weighed("b", "b")), "asked for by name")
    assert explore(by_name, Exploration(share=1.0), 0.9) is by_name


candidates = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 0.5), st.floats(0, 1)), min_size=1, max_size=10)


@given(candidates, st.sampled_from(KINDS), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_propensities_sum_to_one_and_the_chosen_has_one(
    drawn: list[tuple[float, float, float]],
    kind: Literal["epsilon", "posterior"],
    share: float,
    floor: float,
    lot: float,
) -> None:
    decision = a_decision(*(a_candidate(str(i), p, error, usd) for i, (p, error, usd) in enumerate(drawn)))
    found = explore(decision, Exploration(kind, share, floor), lot)
    assert sum(propensities(found).values()) == pytest.approx(1)
    assert propensities(found)[found.chosen] > 0
    assert sorted(found.order) == sorted(decision.order)


@given(st.floats(0, 0.5), st.floats(0, 1, exclude_max=True), st.floats(0, 1, exclude_max=True))
def test_a_holdout_after_it_multiplies(share: float, lot: float, held: float) -> None:
    decision = a_decision(CHEAP, MIDDLE, BIG)
    explored = explore(decision, Exploration(share=0.2), lot)
    found = hold_out(explored, "big", share, held)
    before = propensities(explored)
    assert propensities(found)["便宜"] == pytest.approx((1 - share) * before["便宜"])
    assert propensities(found)["big"] == pytest.approx(share + (1 - share) * before["big"])
    assert propensities(found)[found.chosen] > 0
