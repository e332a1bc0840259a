from __future__ import annotations

import math

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Price, PriceTier
from entrepot.exchange.entries import baseline_of, entry_of
from entrepot.exchange.plan import BaselinePlan, Plan
from entrepot.exchange.records import AttemptRecord
from tests.exchange.things import a_price, an_exchange_rate
from tests.exchange.transcript import candidate, plan_for

A, B = candidate("a/m"), candidate("b/m")


def tiered() -> Price:
    """1 in and 2 out; twice that above 1,000 tokens of input."""
    longer = PriceTier(1000, *(2 * each for each in (a_price().input_per_mtok, a_price().output_per_mtok)))
    return a_price(tiers=(longer,))


def plan_with(price: Price | None, tokens: float = 100, log_error: float = 0.5) -> Plan:
    tariff = None if price is None else Tariff(price, an_exchange_rate())
    return plan_for(A, B, baseline=BaselinePlan(msgspec.structs.replace(B, tariff=tariff), tokens, log_error))


def attempt(usage: Usage | None, deployment: str = "a/m", **more: object) -> AttemptRecord:
    facts = {"number": 0, "deployment": deployment, "model": "m", "provider": "a", "status": 200, "duration_ms": 1.0}
    return AttemptRecord(**{**facts, "usage": usage, **more})  # type: ignore[arg-type] # names checked by the struct


def test_the_baseline_reads_the_same_tokens_and_writes_what_is_expected_of_it() -> None:
    found = baseline_of(plan_with(a_price()), attempt(Usage(1000, 0, 0, 7, 9)))
    assert found is not None
    assert found.cost_nano_usd == 1000 * 1_000 + 100 * 2_000
    assert found.error_nano_usd == round(100 * 2_000 * math.sqrt(math.expm1(0.25)))
    assert not found.measured


@pytest.mark.parametrize(("input_tokens", "rate"), [(1000, 1), (1001, 2)])
def test_the_error_of_a_baseline_is_priced_as_its_answer_would_have_been(input_tokens: int, rate: int) -> None:
    found = baseline_of(plan_with(tiered()), attempt(Usage(input_tokens)))
    assert found is not None
    assert found.cost_nano_usd == rate * (input_tokens * 1_000 + 100 * 2_000)
    assert found.error_nano_usd == round(rate * 100 * 2_000 * math.sqrt(math.expm1(0.25)))


def test_a_baseline_without_a_price_costs_nothing_that_can_be_said() -> None:
    assert baseline_of(plan_with(None), attempt(Usage(10))) is None
    assert baseline_of(plan_with(a_price()), attempt(None)) is None


def test_a_baseline_that_answered_itself_costs_what_it_cost() -> None:
    answered = attempt(Usage(1000, 0, 0, 50), "b/m", cost_nano_usd=123)
    found = baseline_of(plan_with(a_price()), answered)
    assert found is not None
    assert (found.cost_nano_usd, found.error_nano_usd, found.measured) == (123, 0, True)
    assert found.predicted_nano_usd == 1000 * 1_000 + 100 * 2_000


def test_one_attempt_of_unknown_cost_makes_the_exchange_one_of_unknown_cost() -> None:
    hung = attempt(None, failure="timeout")
    answered = attempt(Usage(10), "b/m", cost_nano_usd=5, answered=True)
    plan = plan_for(A, B)
    assert entry_of(plan, [answered], "completed", 200, 101.0).cost_nano_usd == 5
    assert entry_of(plan, [hung, answered], "completed", 200, 101.0).cost_nano_usd is None


def test_where_nobody_answered_and_nobody_bills_no_tokens_is_a_known_number() -> None:
    refused = attempt(Usage(), failure="overloaded", cost_nano_usd=0)
    hung = attempt(None, failure="timeout")
    plan = plan_for(A, B)
    assert entry_of(plan, [refused, refused], "failed", 503, 101.0).usage == Usage()
    assert entry_of(plan, [refused, hung], "failed", 504, 101.0).usage is None
    assert entry_of(plan, [], "failed", 504, 101.0).usage is None
