from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.cascade import MOST_CONSIDERED, Member, Rule, make_rule, next_member, second_member, spare
from entrepot.routing.utility import Goal
from entrepot.routing.votes import SHIPPED_VOTES, Belief, right_at

HABITS = SHIPPED_VOTES.of("number")
SMALL, LITTLE = Member("small", "anna", 0.62, 0.0001), Member("little", "bert", 0.6, 0.00011)
SISTER, LARGE = Member("sister", "anna", 0.61, 0.00005), Member("large", "rosa", 0.8, 0.01)
ALL = (SMALL, LITTLE, LARGE)


def after(rule: Rule, *votes: tuple[str, int]) -> Belief:
    belief = Belief(rule.habits)
    known = {member.deployment: member for member in rule.members}
    for name, answer in votes:
        belief = belief.after(right_at(rule.habits, known[name].p_correct), answer)
    return belief


def rule_for(*members: Member, goal: Goal | None = None, most_calls: int = 4) -> Rule:
    return make_rule(members, HABITS, goal or Goal(max_loss=0.0), "large", most_calls)


def test_the_cheap_are_asked_first_and_the_reference_only_where_they_differ() -> None:
    rule = rule_for(*ALL)
    assert next_member(rule, Belief(HABITS), [], 0) == "small"
    assert next_member(rule, after(rule, ("small", 0)), ["small"], 1, "small") == "little"
    both = ["small", "little"]
    assert next_member(rule, after(rule, ("small", 0), ("little", 0)), both, 2) is None
    assert next_member(rule, after(rule, ("small", 0), ("little", 1)), both, 2) == "large"


def test_the_plan_is_expected_to_be_as_good_as_the_reference_for_less() -> None:
    rule = rule_for(*ALL)
    assert rule.bar is not None
    assert rule.expected.p_correct >= rule.bar
    assert rule.expected.cost_usd < 0.7 * 0.01
    assert 2 <= rule.expected.calls <= 3


def test_the_more_may_be_lost_the_less_is_spent() -> None:
    costs = [rule_for(*ALL, goal=Goal(max_loss=loss)).expected.cost_usd for loss in (0.0, 0.05, 0.1, 0.3)]
    assert costs == sorted(costs, reverse=True)
    assert costs[-1] < costs[0]


def test_the_best_under_a_cost_keeps_its_expected_cost_under_it() -> None:
    poor = rule_for(*ALL, goal=Goal("best_under", max_cost_usd=0.0005))
    rich = rule_for(*ALL, goal=Goal("best_under", max_cost_usd=0.02))
    assert poor.expected.cost_usd <= 0.0005
    assert rich.expected.p_correct > poor.expected.p_correct


def test_the_second_answer_is_another_makers_where_one_is_left() -> None:
    rule = rule_for(SMALL, SISTER, LITTLE, LARGE)
    first = next_member(rule, Belief(HABITS), [], 0)
    assert first in ("sister", "small")
    second = next_member(rule, after(rule, (first or "", 0)), [first or ""], 1, first)
    assert second in ("little", "large")
    alike = rule_for(SMALL, SISTER, most_calls=2)
    assert next_member(alike, after(alike, ("sister", 0)), ["sister"], 1, "sister") in ("small", None)


def test_whom_to_ask_at_once_is_whom_one_would_ask_next() -> None:
    rule = rule_for(*ALL)
    assert second_member(rule, Belief(HABITS), "small") == "little"
    assert second_member(rule, Belief(HABITS), "large") == next_member(
        rule, after(rule, ("large", 0)), ["large"], 1, "large"
    )


def test_no_more_than_allowed_are_asked() -> None:
    rule = rule_for(*ALL, most_calls=2)
    assert next_member(rule, after(rule, ("small", 0), ("little", 1)), ["small", "little"], 2) is None


def test_what_is_left_of_the_budget_is_not_overspent() -> None:
    rule = rule_for(*ALL)
    belief, asked = after(rule, ("small", 0), ("little", 1)), ["small", "little"]
    assert next_member(rule, belief, asked, 2, budget_usd=0.02) == "large"
    assert next_member(rule, belief, asked, 2, budget_usd=0.005) is None
    assert next_member(rule, Belief(HABITS), [], 0, budget_usd=0.0) is not None  # somebody has to answer


def test_without_one_that_has_nothing_to_say_the_others_reach_the_same_goal() -> None:
    rule = spare(rule_for(*ALL), "small")
    assert [member.deployment for member in rule.members] == ["little", "large"]
    assert next_member(rule, Belief(HABITS), ["small"], 0) == "large"
    alone = spare(spare(rule, "large"), "little")
    assert [member.deployment for member in alone.members] == ["little"]


def test_one_of_unknown_price_is_not_taken_for_cheap() -> None:
    unknown = Member("unknown", "ursa", 0.95, None)
    assert "unknown" not in [member.deployment for member in rule_for(unknown, *ALL).members]
    nobody = [Member(m.deployment, m.maker, m.p_correct, None) for m in (SMALL, LITTLE)]
    rule = make_rule(nobody, HABITS, Goal(), None, 3)
    assert next_member(rule, Belief(HABITS), [], 0) is not None


def test_of_many_the_reference_the_best_and_the_good_for_their_price_are_considered() -> None:
    many = [Member(f"m{i}", f"maker{i}", 0.3 + 0.01 * i, 0.001 + 0.0001 * i) for i in range(20)]
    best, cheap = Member("best", "x", 0.9, 0.05), Member("cheap", "y", 0.6, 0.0001)
    rule = make_rule([*many, best, LARGE, cheap], HABITS, Goal(), "large", 4)
    names = [member.deployment for member in rule.members]
    assert len(names) == MOST_CONSIDERED
    assert {"best", "large", "cheap"} <= set(names)


@given(
    st.lists(st.tuples(st.floats(0.05, 0.98), st.floats(1e-6, 0.1)), min_size=2, max_size=6),
    st.floats(0, 0.2),
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
)
def test_whatever_is_said_it_ends_and_nobody_is_asked_twice(
    given_: list[tuple[float, float]], max_loss: float, says: list[int]
) -> None:
    members = [Member(str(i), str(i % 3), p, cost) for i, (p, cost) in enumerate(given_)]
    rule = make_rule(members, HABITS, Goal(max_loss=max_loss), "0", 4)
    belief, asked, numbers = Belief(HABITS), list[str](), dict[int, int]()
    while (
        following := next_member(rule, belief, asked, len(asked), asked[0] if len(asked) == 1 else None)
    ) is not None:
        assert following not in asked
        p_correct = members[int(following)].p_correct
        answer = numbers.setdefault(says[len(asked)], len(numbers))
        belief = belief.after(right_at(HABITS, p_correct), answer)
        asked.append(following)
    assert 1 <= len(asked) <= 4
    assert rule.expected.calls == pytest.approx(rule.expected.calls)


def test_where_all_is_free_another_opinion_is_asked_for() -> None:
    free = [Member(m.deployment, m.maker, m.p_correct, 0.0) for m in ALL]
    rule = rule_for(*free)
    first = next_member(rule, Belief(HABITS), [], 0)
    assert first is not None
    assert next_member(rule, Belief(HABITS), [], 0, budget_usd=0.0) == first
    assert rule.expected.p_correct >= (rule.bar or 1)


def test_a_reference_of_unknown_price_comes_last() -> None:
    unpriced = Member("large", "rosa", 0.8, None)
    rule = rule_for(SMALL, LITTLE, unpriced)
    assert next_member(rule, Belief(HABITS), [], 0) in ("small", "little")
