"""What health makes of a decision."""

from __future__ import annotations

import msgspec
import pytest

from entrepot.exchange.demoting import demote, ease_in, split_slow
from entrepot.routing.utility import Decision, Weighed
from tests.exchange.things import a_deployment


def decision(*propensities: float) -> Decision:
    ids = ("a", "b", "c")
    return Decision(ids, tuple(Weighed(id_, id_, propensity=p) for id_, p in zip(ids, propensities, strict=True)), "so")


def test_the_unhealthy_go_last_and_their_propensity_to_the_first_who_is_well() -> None:
    found = demote(decision(0.7, 0.2, 0.1), {"a": "is down"})
    assert found.order == ("b", "c", "a")
    assert [each.propensity for each in found.candidates] == pytest.approx([0.0, 0.9, 0.1])
    assert found.candidates[0].unhealthy == "is down"
    assert found.reason == "a is down, so b goes first; otherwise: so"


def test_where_all_are_unhealthy_the_order_stays_and_each_says_so() -> None:
    ill = {"a": "is down", "b": "is down", "c": "is down"}
    found = demote(decision(1.0, 0.0, 0.0), ill)
    assert (found.order, found.reason) == (("a", "b", "c"), "so")
    assert [each.propensity for each in found.candidates] == [1.0, 0.0, 0.0]
    assert {each.unhealthy for each in found.candidates} == {"is down"}


def test_an_unhealthy_candidate_that_nobody_chose_is_marked_only() -> None:
    found = demote(decision(1.0, 0.0, 0.0), {"b": "is down"})
    assert (found.order, found.reason) == (("a", "c", "b"), "so")
    assert [each.propensity for each in found.candidates] == [1.0, 0.0, 0.0]
    assert demote(decision(1, 0, 0), {}) == decision(1, 0, 0)


def test_the_slow_are_set_apart_unless_all_are_slow_or_nothing_is_known() -> None:
    one, other = a_deployment("a/m"), a_deployment("b/m")
    assert split_slow((one, other), {"a/m": 9.0}, 5.0, None)[0] == [other]
    assert split_slow((one, other), {"a/m": 9.0}, 5.0, "a/m") == ((one, other), ())
    assert split_slow((one, other), {"a/m": 9.0, "b/m": 9.0}, 5.0, None) == ((one, other), ())
    assert split_slow((one, other), {"a/m": 9.0}, None, None) == ((one, other), ())


def test_nothing_is_promised_of_a_choice_that_is_ill() -> None:
    promised = msgspec.structs.replace(decision(1.0, 0.0, 0.0), promise="at most 2 points")
    assert demote(promised, {"a": "is down"}).promise == "nothing: a is down, so b goes first"
    assert demote(promised, {"b": "is down"}).promise == "at most 2 points"
    assert demote(decision(1.0, 0.0, 0.0), {"a": "is down"}).promise is None


def test_who_has_just_recovered_keeps_his_place_with_the_probability_of_his_share() -> None:
    kept = ease_in(decision(1.0, 0.0, 0.0), {"a": 0.25}, {}, lot=0.2)
    assert kept.order == ("a", "b", "c")
    left = ease_in(decision(1.0, 0.0, 0.0), {"a": 0.25}, {}, lot=0.3)
    assert left.order == ("b", "a", "c")
    for found in (kept, left):
        assert [each.propensity for each in found.candidates] == [0.25, 0.75, 0.0]
    assert left.reason == "a has just recovered and is given 25% of its part for now, so b goes first; otherwise: so"


def test_nobody_gives_way_to_the_ill_or_to_others_who_have_just_recovered() -> None:
    alone = decision(1.0, 0.0, 0.0)
    assert ease_in(alone, {"a": 0.1, "b": 0.1}, {"c": "is down"}, lot=0.9) == alone
    assert ease_in(alone, {"b": 0.1}, {}, lot=0.9) == alone
    assert ease_in(alone, {"a": 0.1, "b": 0.1}, {}, lot=0.9).chosen == "c"
