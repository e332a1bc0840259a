"""Goals over options, one request at a time."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.goals import Option, bounded, by_share, by_worth, draw_from, value_of, within_bar


def option(name: str, p_correct: float, cost_usd: float | None) -> Option:
    return Option(name, name, p_correct, 0.05, 100.0, cost_usd, "outcomes")


BIG, MIDDLE, SMALL = option("big", 0.9, 0.01), option("middle", 0.85, 0.001), option("小", 0.6, 0.0001)
ALL = [BIG, MIDDLE, SMALL]


@pytest.mark.parametrize(("worth", "chosen"), [(1.0, "big"), (0.1, "middle"), (0.001, "小")])
def test_the_more_a_right_answer_is_worth_the_better_the_candidate(worth: float, chosen: str) -> None:
    assert by_worth(ALL, worth, "big").first.deployment == chosen


def test_whoever_follows_is_the_next_best_by_worth() -> None:
    assert [one.deployment for one in by_worth(ALL, 0.1, "big").meeting] == ["middle", "big", "小"]


def test_what_is_dearer_than_the_reference_or_of_unknown_price_does_not_go_first() -> None:
    found = by_worth([*ALL, option("dear", 1.0, 1.0), option("unpriced", 1.0, None)], 100.0, "big")
    assert found.first.deployment == "big"
    assert {one.deployment for one in found.rest} == {"dear", "unpriced"}


def test_without_a_reference_the_dearest_may_go_first() -> None:
    assert by_worth([*ALL, option("dear", 1.0, 1.0)], 100.0, None).first.deployment == "dear"
    assert "the reference big is not eligible" in by_worth([MIDDLE, SMALL], 1.0, "big").reason


def test_only_those_named_may_go_first_unless_none_of_them_is_there() -> None:
    assert by_worth(ALL, 0.1, "big", among=("big", "小")).first.deployment == "big"
    assert by_worth([MIDDLE, SMALL], 0.1, "big", among=("big",)).first.deployment == "middle"


def test_a_bound_on_cost_moves_what_is_over_it_to_the_end() -> None:
    found = bounded(by_worth(ALL, 0.1, "big"), 0.002, "the aim")
    assert [one.deployment for one in (*found.meeting, *found.rest)] == ["middle", "小", "big"]
    found = bounded(by_worth(ALL, 1.0, "big"), 0.002, "the aim")
    assert found.first.deployment == "middle"
    assert found.reason.startswith("the aim cannot be kept under the cost allowed")


@given(st.floats(0, 1, exclude_max=True))
def test_shares_are_drawn_by_the_lot_and_sum_to_one(lot: float) -> None:
    ranked, parts = by_share(ALL, {"big": 0.25, "小": 0.75}, lot)
    assert parts == {"big": 0.25, "middle": 0.0, "小": 0.75}
    assert ranked.first.deployment == ("big" if lot < 0.25 else "小")
    assert len(ranked.meeting) + len(ranked.rest) == 3


def test_the_shares_of_those_that_are_not_eligible_go_to_the_others_in_proportion() -> None:
    parts = by_share([BIG, MIDDLE], {"big": 0.1, "middle": 0.3, "小": 0.6}, 0.0)[1]
    assert parts == pytest.approx({"big": 0.25, "middle": 0.75})
    assert by_share([BIG, MIDDLE], {"小": 1.0}, 0.0)[1] == {"big": 0.5, "middle": 0.5}


shares = st.lists(st.floats(0, 1), min_size=1, max_size=6).filter(lambda parts: sum(parts) > 0.01)


@given(shares, st.floats(0, 1, exclude_max=True))
def test_nobody_is_drawn_who_has_no_part(given_parts: list[float], lot: float) -> None:
    total = sum(given_parts)
    parts = {str(number): part / total for number, part in enumerate(given_parts)}
    assert parts[draw_from(parts, lot)] > 0


amounts = st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=6)


@given(amounts, st.floats(0.001, 10))
def test_the_choice_by_worth_is_the_best_value_of_what_is_no_dearer_than_the_reference(
    amounts: list[tuple[float, float]], worth: float
) -> None:
    options = [option(str(number), p, cost) for number, (p, cost) in enumerate(amounts)]
    found = by_worth(options, worth, "0").first
    allowed = [one for one in options if (one.cost_usd or 0) <= (options[0].cost_usd or 0)]
    assert value_of(found, worth) == max(value_of(one, worth) for one in allowed)


def test_a_bar_is_for_each_request_by_itself() -> None:
    assert within_bar(ALL, 0.05, "big").first.deployment == "middle"
    assert within_bar(ALL, 0.04, "big").first.deployment == "big"
