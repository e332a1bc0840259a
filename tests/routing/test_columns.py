"""Choices made for many requests at once are those that `decide` makes for each."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple, TypeVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.exchange.demoting import demote
from entrepot.routing.base import Basis, Estimates, Prompt
from entrepot.routing.columns import NOBODY, Columns, first_choices, rule_of
from entrepot.routing.guarantee import Promise
from entrepot.routing.utility import Goal, GoalKind, bound_output, decide
from entrepot.routing.worth import Knob

T = TypeVar("T")

RATES = ExchangeRates(usd_per_cny=Decimal("0.14"), as_of="2026-10-01", source="a page")
IDS = ("a/one", "b/two", "c/three", "d/four")
INPUT_TOKENS = 1000

# few values, so that ties occur
qualities = st.sampled_from([0.2, 0.5, 0.52, 0.7, 0.71, 0.9])
PRICES = ("0", "0.1", "1", "1.5", "10")
prices = st.sampled_from(PRICES)
limits = st.none() | st.sampled_from([0.0, 0.0004, 0.002, 0.1])
PROMISE = Promise("a/one", 0.02, 0.9, None, 100, 1.0)

goals = st.one_of(
    st.builds(
        Goal, st.just("cheapest_within"), st.sampled_from([0.0, 0.02, 0.2, 1.0]), limits, each_request=st.booleans()
    ),
    st.builds(Goal, st.just("weighted"), max_cost_usd=limits, worth_usd=st.sampled_from([0.0, 0.001, 0.1])),
    st.builds(Goal, st.just("best_under"), max_cost_usd=st.sampled_from([0.0, 0.0004, 0.002, 0.1])),
    st.builds(
        Goal,
        st.just("shares"),
        max_cost_usd=limits,
        shares=st.sampled_from([(("a/one", 0.5), ("c/three", 0.5)), (("b/two", 0.25), ("d/four", 0.75))]),
    ),
)
knobs = st.none() | st.builds(
    Knob,
    st.sampled_from([0.0, 0.0005, 0.01, 1.0]),
    st.just(0.0),
    st.just(1.0),
    st.just(0.5),
    st.just(100),
    st.just(True),
    among=st.none() | st.sets(st.sampled_from(IDS), min_size=1).map(lambda names: tuple(sorted(names))),
    promise=st.sampled_from([None, None, PROMISE]),
)


class Case(NamedTuple):
    """One request with four candidates: what is expected of each, and which may be asked."""

    p_correct: tuple[float, ...]
    prices: tuple[str | None, ...]
    output_tokens: tuple[float, ...]
    basis: tuple[Basis, ...]
    option: tuple[bool, ...]
    well: tuple[bool, ...]
    answers: int
    longest: int | None
    lot: float


def four(each: st.SearchStrategy[T]) -> st.SearchStrategy[tuple[T, ...]]:
    return st.tuples(each, each, each, each)


bases: st.SearchStrategy[Basis] = st.sampled_from(["outcomes", "scores", "prior"])
cases = st.builds(
    Case,
    four(qualities),
    four(st.none() | prices),
    four(st.sampled_from([100.0, 400.0, 1000.0])),
    four(bases),
    four(st.booleans()).filter(any),
    four(st.sampled_from([True, True, False])),
    st.sampled_from([1, 1, 3]),
    st.none() | st.just(300),
    st.floats(0, 1, exclude_max=True),
)


def deployment(id_: str) -> Deployment:
    return Deployment(id_, id_, "m", "CN", "p", "DE", "EU", "http://localhost", "openai_chat", id_)


TARIFFS = {
    price: Tariff(Price(input_per_mtok=Decimal(price), output_per_mtok=Decimal(price), source="a", as_of="b"), RATES)
    for price in PRICES
}


def tariffs_of(case: Case) -> dict[str, Tariff]:
    return {id_: TARIFFS[price] for id_, price in zip(IDS, case.prices, strict=True) if price is not None}


def one_by_one(case: Case, goal: Goal, reference: str | None, knob: Knob | None) -> str:
    """Who goes first as the gateway has it: decided, then the unhealthy put last."""
    p_correct = np.array(case.p_correct, np.float32)
    ones = np.ones(4, np.float32)
    decision = decide(
        [deployment(id_) for id_, option in zip(IDS, case.option, strict=True) if option],
        (),
        Estimates(IDS, p_correct, 0.1 * ones, np.array(case.output_tokens, np.float32), ones, case.basis),
        tariffs_of(case),
        goal,
        reference,
        Prompt("Why?", INPUT_TOKENS),
        "test",
        knob,
        max_output_tokens=case.longest,
        answers=case.answers,
        lot=case.lot,
    )
    return demote(decision, {id_: "failed" for id_, well in zip(IDS, case.well, strict=True) if not well}).chosen


def all_at_once(cases: list[Case], goal: Goal, reference: str | None, knob: Knob | None) -> list[str]:
    def cost(case: Case, place: int) -> float:
        tariff = tariffs_of(case).get(IDS[place])
        if tariff is None:
            return float("inf")
        per_input, per_output = tariff.usd_per_token(INPUT_TOKENS, 0.0)
        tokens = bound_output(case.output_tokens[place], case.longest, deployment(IDS[place]), case.answers)
        return INPUT_TOKENS * per_input + tokens * per_output

    columns = Columns(
        np.array([case.p_correct for case in cases], np.float32).astype(np.float64),
        np.array([[cost(case, place) for place in range(4)] for case in cases]),
        np.array([[basis != "prior" for basis in case.basis] for case in cases]),
        np.array([case.option for case in cases]),
        np.array([case.well for case in cases]),
    )
    worth = goal.worth_usd if goal.kind == "weighted" else None if knob is None else knob.worth_usd
    worths = np.array([(worth or 0.0) * case.answers for case in cases])
    lots = np.array([case.lot for case in cases])
    found = first_choices(columns, rule_of(goal, reference, knob, IDS), worths, lots)
    return [IDS[place] for place in found.tolist()]


@settings(max_examples=300, deadline=None)
@given(st.lists(cases, min_size=1, max_size=5), goals, st.none() | st.sampled_from([*IDS, "gone/five"]), knobs)
def test_many_at_once_choose_as_each_by_itself(
    requests: list[Case], goal: Goal, reference: str | None, knob: Knob | None
) -> None:
    expected = [one_by_one(case, goal, reference, knob) for case in requests]
    assert all_at_once(requests, goal, reference, knob) == expected


@pytest.mark.parametrize("kind", ["cheapest_within", "weighted", "best_under", "shares"])
def test_a_request_without_options_is_nobodys(kind: GoalKind) -> None:
    none = np.zeros((2, 4), bool)
    columns = Columns(np.zeros((2, 4)), np.zeros((2, 4)), ~none, none, ~none)
    goal = Goal(kind, max_cost_usd=1.0, worth_usd=1.0)
    assert first_choices(columns, rule_of(goal, None, None, IDS), np.ones(2)).tolist() == [NOBODY, NOBODY]
