"""What a decision becomes in the new arm, and what its propensities say."""

from __future__ import annotations

import msgspec

from entrepot.routing.trial import OnTrial, Trying, ask_first, tell_propensities
from entrepot.routing.utility import Decision, Goal, Weighed

TRIED = OnTrial("t", "new", "in", (("20 %", 0.2),), 0, "salt")
DECISION = Decision(
    ("old", "new"),
    (Weighed("old", "o", propensity=0.75, cost_usd=0.001), Weighed("new", "n", propensity=0.25, cost_usd=0.01)),
    "the cheapest",
    promise="kept",
)


def propensities(decision: Decision) -> dict[str, float]:
    return {one.deployment: round(one.propensity, 9) for one in decision.candidates}


def test_the_new_arm_asks_it_first_and_says_so_and_promises_nothing() -> None:
    found = ask_first(DECISION, TRIED)
    assert found.order == ("new", "old")
    assert "on trial" in found.reason
    assert found.promise == "nothing: new is on trial"


def test_it_does_not_go_first_where_it_is_ill_or_costs_more_than_is_allowed() -> None:
    ill = tuple(msgspec.structs.replace(one, unhealthy="is down") for one in DECISION.candidates)
    assert ask_first(msgspec.structs.replace(DECISION, candidates=ill), TRIED).chosen == "old"
    bounded = msgspec.structs.replace(DECISION, goal=Goal(max_cost_usd=0.005))
    assert ask_first(bounded, TRIED).chosen == "old"
    assert ask_first(msgspec.structs.replace(DECISION, order=("old",)), TRIED).order == ("old",)


def test_propensities_are_those_of_the_lot() -> None:
    new, running = Trying("t", "20 %", 0, "new", 0.2, 1), Trying("t", "20 %", 0, "running", 0.2, 1)
    assert propensities(tell_propensities(DECISION, TRIED, new)) == {"old": 0.0, "new": 0.2}
    assert propensities(tell_propensities(DECISION, TRIED, running)) == {"old": 0.6, "new": 0.2}
    leaving = msgspec.structs.replace(TRIED, direction="out")
    assert propensities(tell_propensities(DECISION, leaving, running)) == {"old": 0.6, "new": 0.2}


def test_after_the_last_stage_every_session_is_the_new_ones() -> None:
    assert (TRIED.share_of(0), TRIED.stage_of(0)) == (0.2, "20 %")
    assert (TRIED.share_of(1), TRIED.stage_of(1)) == (1.0, "full")
