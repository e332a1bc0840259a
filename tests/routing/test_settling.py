"""What becomes of a decision in a session, goal by goal; whole conversations are told in tests/exchange/test_sessions.py."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.conversation import Conversation
from entrepot.routing.session import Remembered, Session, Worth
from entrepot.routing.settling import HYSTERESIS, MOST_TURNS_AHEAD, count_caches, settle
from entrepot.routing.utility import Decision, Goal, Weighed

IDS = ("a", "b", "c")


def talk(turns: int = 1, **more: Any) -> Conversation:
    plain = Conversation(b"w" * 16, (b"p" * 16,), 1, turns, False, frozenset(), 0, False)
    return msgspec.structs.replace(plain, **more)


def in_session(held: str | None = "b", **more: Any) -> Session:
    conversation = more.pop("conversation", talk())
    found = more.pop("found", Remembered(1, 1, 1, 0.0))
    return Session(conversation, (b"k" * 16,), 1.0, found, held, **{"warm": True, **more})


def weighed(id_: str, p_correct: float = 0.9, cost_usd: float | None = 0.01, propensity: float = 0.0) -> Weighed:
    return Weighed(id_, id_, p_correct, 0.05, 100.0, cost_usd, "outcomes", propensity)


def decided(*candidates: Weighed, goal: Goal | None = None, **more: Any) -> Decision:
    if not any(each.propensity for each in candidates):
        candidates = (msgspec.structs.replace(candidates[0], propensity=1.0), *candidates[1:])
    order = tuple(each.deployment for each in candidates)
    return Decision(order, candidates, "so.", goal=goal or Goal(), router="r", **more)


def outcome(decision: Decision, session: Session, **unhealthy: str) -> tuple[str, str | None]:
    found = settle(decision, session, unhealthy)
    return found.chosen, None if found.session is None else found.session.verdict


@pytest.mark.parametrize(("gain", "stays"), [(0.0, True), (HYSTERESIS - 0.001, True), (HYSTERESIS + 0.01, False)])
def test_where_quality_is_weighed_by_its_worth_a_move_has_to_be_worth_it(gain: float, stays: bool) -> None:
    decision = decided(weighed("a", 0.8 + gain), weighed("b", 0.8), worth_usd=1.0, reference="a")
    assert outcome(decision, in_session()) == (("b", "stayed") if stays else ("a", "moved"))


def test_a_cache_can_be_worth_more_than_quality() -> None:
    decision = decided(weighed("a", 0.9, 0.02), weighed("b", 0.85, 0.02), worth_usd=1.0)
    cached = in_session(worth={"b": Worth(now_usd=0.0, later_usd=0.0), "a": Worth(now_usd=0.0, later_usd=0.0)})
    assert outcome(decision, cached) == ("a", "moved")
    dear = decided(weighed("a", 0.9, 0.1), weighed("b", 0.85, 0.02), worth_usd=1.0)
    assert outcome(dear, cached) == ("b", "stayed")


def test_the_more_turns_a_conversation_had_the_more_a_cheaper_model_is_worth() -> None:
    worth = {"a": Worth(0.0, 0.05), "b": Worth(0.09, 0.09)}
    decision = decided(weighed("a", 0.9, 0.06), weighed("b", 0.9, 0.03))
    # a: 0.06 now, 0.01 on each turn to come; b: 0.03 on each
    for turns, chosen in ((1, "b"), (2, "a"), (MOST_TURNS_AHEAD + 5, "a")):
        assert outcome(decision, in_session(conversation=talk(turns), worth=worth))[0] == chosen


def test_costs_are_shown_with_what_is_cached() -> None:
    worth = {"a": Worth(-0.002), "b": Worth(0.008), "c": Worth(0.1)}
    found = count_caches(decided(weighed("a"), weighed("b"), weighed("c", cost_usd=None)), in_session(worth=worth))
    assert [each.cost_usd for each in found.candidates] == [pytest.approx(0.012), pytest.approx(0.002), None]


def test_where_a_promise_was_asked_for_staying_costs_no_quality() -> None:
    goal = Goal(confidence=0.95, max_loss=0.1)
    for held_quality, chosen in ((0.89, "a"), (0.9, "b")):
        decision = decided(weighed("a", 0.9), weighed("b", held_quality), goal=goal, promise="at most 10 points")
        found = settle(decision, in_session(), {})
        assert found.chosen == chosen
        assert found.promise == ("at most 10 points" if chosen == "a" else f"nothing: {found.session.reason}")  # type: ignore[union-attr]  # it has one: that is the point


def test_shares_are_left_as_they_are_but_for_an_answer_under_way() -> None:
    parts = (weighed("a", propensity=0.3), weighed("b", propensity=0.7))
    decision = decided(*parts, goal=Goal("shares"))
    assert outcome(decision, in_session(repeats=4)) == ("a", None)
    assert outcome(decision, in_session(conversation=talk(open=True))) == ("b", "must stay")


def test_a_bound_on_cost_is_stronger_than_a_cache() -> None:
    decision = decided(weighed("a", 0.5, 0.001), weighed("b", 0.9, 0.02), goal=Goal(max_cost_usd=0.01))
    assert outcome(decision, in_session()) == ("a", "moved")


def test_an_unknown_price_is_never_taken_for_cheap() -> None:
    assert outcome(decided(weighed("a"), weighed("b", cost_usd=None)), in_session()) == ("a", "moved")
    assert outcome(decided(weighed("a", cost_usd=None), weighed("b")), in_session()) == ("b", "stayed")


def test_what_was_drawn_to_explore_is_explored_only_where_it_is_asked() -> None:
    drawn = decided(weighed("c", 0.2, 0.5, propensity=0.1), weighed("b", propensity=0.9), explored="b")
    found = settle(drawn, in_session(), {})
    assert (found.chosen, found.explored) == ("b", None)
    assert [each.propensity for each in found.candidates] == [0.0, pytest.approx(1.0)]


def test_the_unhealthy_are_neither_stayed_with_nor_escalated_to() -> None:
    decision = decided(weighed("a", 0.8), weighed("b", 0.8), weighed("c", 0.95))
    assert outcome(decision, in_session(), b="is down") == ("a", "moved")
    assert outcome(decision, in_session(repeats=2)) == ("c", "escalated")
    assert outcome(decision, in_session(repeats=2), c="is down") == ("b", "stayed")
    assert outcome(decision, in_session(repeats=2), c="is down", b="is down") == ("a", "moved")
    assert outcome(decision, in_session(conversation=talk(open=True)), b="is down") == ("a", "moved")


def test_an_answer_under_way_fails_over_to_who_can_read_it_first() -> None:
    decision = decided(*(weighed(id_) for id_ in IDS))
    open_ = talk(open=True, bound_to=frozenset({"x"}))
    found = settle(decision, in_session(conversation=open_, readers=frozenset({"b", "c"})), {})
    assert found.order == ("b", "c", "a")


probabilities = st.lists(st.floats(0.01, 1), min_size=3, max_size=3).map(lambda parts: [p / sum(parts) for p in parts])


@given(
    probabilities,
    st.lists(st.floats(0, 1), min_size=3, max_size=3),
    st.lists(st.none() | st.floats(0, 1), min_size=3, max_size=3),
    st.sampled_from([None, *IDS]),
    st.integers(0, 7),
    st.booleans(),
    st.booleans(),
    st.sampled_from([Goal(), Goal("best_under", max_cost_usd=0.5), Goal("weighted", worth_usd=1.0), Goal("shares")]),
    st.frozensets(st.sampled_from(IDS)),
)
def test_propensities_stay_those_of_a_lot_and_the_chosen_has_one(
    parts: list[float],
    qualities: list[float],
    costs: list[float | None],
    held: str | None,
    repeats: int,
    is_open: bool,
    warm: bool,
    goal: Goal,
    ill: frozenset[str],
) -> None:
    candidates = [weighed(*each) for each in zip(IDS, qualities, costs, parts, strict=True)]
    decision = decided(*candidates, goal=goal, worth_usd=goal.worth_usd)
    session = in_session(held, conversation=talk(open=is_open), repeats=repeats, warm=warm)
    found = settle(decision, session, dict.fromkeys(ill, "is down"))
    assert sorted(found.order) == sorted(IDS)
    assert sum(each.propensity for each in found.candidates) == pytest.approx(1.0)
    assert next(each.propensity for each in found.candidates if each.deployment == found.chosen) > 0
    if is_open and held is not None and held not in ill:
        assert [each.propensity for each in found.candidates if each.deployment == held] == [pytest.approx(1.0)]
