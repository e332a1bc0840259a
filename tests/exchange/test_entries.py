"""What is written down of an exchange: whose time, whose money, whose answer."""

from __future__ import annotations

import math
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.catalog.price import Price, PriceTier
from entrepot.catalog.pricing import Tariff
from entrepot.errors import Forbidden, InvalidRequest
from entrepot.exchange.entries import baseline_of, entry_of, expected_of, refusal_entry, served_by
from entrepot.exchange.plan import BaselinePlan, Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Entry, Expected, State
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision, Weighed
from tests.exchange.things import a_deployment, a_price, an_exchange_rate
from tests.exchange.transcript import candidate, plan_for

A, DEAR = candidate("a/m", "1", "2"), candidate("dear/m", "10", "40")


def an_attempt(number: int = 0, id_: str = "a/m", **facts: object) -> AttemptRecord:
    told: dict[str, object] = {
        "number": number,
        "deployment": id_,
        "model": "m",
        "provider": id_.partition("/")[0],
        "status": 200,
        "duration_ms": 100.0,
        "usage": Usage(input_tokens=1000, output_tokens=500),
        "cost_nano_usd": 2_000_000,
        **facts,
    }
    return AttemptRecord(**told)  # type: ignore[arg-type]  # built from a table


def an_entry(
    *attempts: AttemptRecord, state: State = "completed", upload_s: float = 0.0, after_s: float = 1.0
) -> Entry:
    plan = msgspec.structs.replace(plan_for(A, DEAR), upload_s=upload_s)
    return entry_of(plan, attempts, state, 200, plan.started_s + after_s)


def test_the_clients_upload_and_the_attempts_are_no_time_of_ours() -> None:
    entry = an_entry(an_attempt(), an_attempt(1, duration_ms=300.0), upload_s=0.5)
    assert entry.duration_ms == pytest.approx(1000)
    assert entry.added_ms == pytest.approx(1000 - 500 - 100 - 300)


def test_time_of_ours_is_never_less_than_none() -> None:
    assert an_entry(an_attempt(duration_ms=1200.0)).added_ms == 0.0


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**12)), max_size=5))
def test_the_cost_is_that_of_every_attempt_and_unknown_if_one_is(costs: list[int | None]) -> None:
    entry = an_entry(*(an_attempt(number, cost_nano_usd=cost) for number, cost in enumerate(costs)))
    assert entry.cost_nano_usd == (None if None in costs else sum(cost or 0 for cost in costs))


@pytest.mark.parametrize("state", ["completed", "broken", "client_gone"])
def test_the_last_attempt_is_the_one_that_served(state: State) -> None:
    entry = an_entry(an_attempt(usage=None, cost_nano_usd=0), an_attempt(1, "dear/m"), state=state)
    assert entry.served == served_by(DEAR.deployment)
    assert entry.usage == Usage(input_tokens=1000, output_tokens=500)


def test_nobody_served_where_no_candidate_answered() -> None:
    entry = an_entry(an_attempt(usage=None), state="failed")
    assert (entry.served, entry.usage, entry.baseline) == (None, None, None)
    assert an_entry(state="failed").cost_nano_usd == 0


def test_what_served_repeats_the_facts_of_the_deployment() -> None:
    deployment = a_deployment("host/通义", maker_country="CN", region="EU", on_premises=True, accelerator="ascend")
    served = served_by(deployment)
    for fact in served.__struct_fields__:
        told = getattr(served, fact)
        assert told == (deployment.id if fact == "deployment" else getattr(deployment, fact))


def baseline_plan(baseline: Candidate, log_error: float = 0.5) -> BaselinePlan:
    return BaselinePlan(baseline, output_tokens=250.0, log_error=log_error)


def test_the_baseline_reads_the_same_input_and_writes_what_is_expected_of_it() -> None:
    read = Usage(input_tokens=600, cache_read_tokens=400, output_tokens=9)
    baseline = baseline_of(plan_for(A, baseline=baseline_plan(DEAR)), an_attempt(usage=read))
    assert baseline is not None
    assert DEAR.tariff is not None
    expected = Usage(input_tokens=600, cache_read_tokens=400, output_tokens=250)
    billed = DEAR.tariff.cost(expected, 0.0)
    assert billed is not None
    assert baseline.cost_nano_usd == billed.nano_usd
    # a log-normal length: sd = mean * sqrt(exp(0.25) - 1)
    assert baseline.error_nano_usd == pytest.approx(250 * 40_000 * 0.53294, rel=1e-4)
    assert not baseline.measured


def test_a_baseline_that_answered_is_measured_and_keeps_what_was_expected() -> None:
    baseline = baseline_of(
        plan_for(DEAR, baseline=baseline_plan(DEAR)), an_attempt(0, "dear/m", cost_nano_usd=30_000_000)
    )
    assert baseline is not None
    assert (baseline.measured, baseline.cost_nano_usd, baseline.error_nano_usd) == (True, 30_000_000, 0)
    assert baseline.predicted_nano_usd == 1000 * 10_000 + 250 * 40_000


def test_a_baseline_whose_tokens_nobody_counted_is_not_measured() -> None:
    guessed = Usage(input_tokens=1, output_tokens=1, estimated=True)
    baseline = baseline_of(plan_for(DEAR, baseline=baseline_plan(DEAR)), an_attempt(0, "dear/m", usage=guessed))
    assert baseline is not None
    assert not baseline.measured


def test_without_a_price_or_tokens_there_is_no_baseline() -> None:
    free = msgspec.structs.replace(DEAR, tariff=None)
    assert baseline_of(plan_for(A, baseline=baseline_plan(free)), an_attempt()) is None
    assert baseline_of(plan_for(A, baseline=baseline_plan(DEAR)), an_attempt(usage=None)) is None
    assert baseline_of(plan_for(A), an_attempt()) is None


def test_a_wild_length_keeps_the_error_finite() -> None:
    baseline = baseline_of(plan_for(A, baseline=baseline_plan(DEAR, log_error=1e9)), an_attempt())
    assert baseline is not None
    assert baseline.error_nano_usd < Decimal(10) ** 12


def test_only_a_completed_answer_is_set_against_the_baseline() -> None:
    plan = plan_for(A, baseline=baseline_plan(DEAR))
    for state in ("broken", "client_gone", "failed"):
        assert entry_of(plan, [an_attempt()], state, 200, plan.started_s).baseline is None
    assert entry_of(plan, [an_attempt()], "completed", 200, plan.started_s).baseline is not None


def test_a_refusal_costs_nothing_and_names_its_rule() -> None:
    entry = refusal_entry(
        id="0197-id",
        started_ns=1,
        duration_ms=30.0,
        upload_ms=29.0,
        principal=Principal(key="k", team="t", tags=frozenset({"b", "a"})),
        dialect="openai-chat",
        error=Forbidden("no", rule="no providers from CN"),
        asked_model="通" * 1000,
    )
    assert (entry.state, entry.status, entry.cost_nano_usd, entry.rule) == ("refused", 403, 0, "no providers from CN")
    assert entry.added_ms == pytest.approx(1.0)
    assert entry.tags == ("a", "b")
    assert entry.asked_model == "通" * 200
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=Entry) == entry


def test_a_refusal_without_a_rule_names_none() -> None:
    entry = refusal_entry(
        id="0197-id",
        started_ns=1,
        duration_ms=1.0,
        upload_ms=2.0,
        principal=Principal(key=None),
        dialect="openai-chat",
        error=InvalidRequest("no"),
    )
    assert (entry.rule, entry.error_code, entry.added_ms) == (None, "invalid_request", 0.0)


B = candidate("b/m")


def tiered() -> Price:
    """1 in and 2 out; twice that above 1,000 tokens of input."""
    longer = PriceTier(
        input_tokens_above=1000,
        input_per_mtok=2 * a_price().input_per_mtok,
        output_per_mtok=2 * a_price().output_per_mtok,
    )
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


def test_a_baseline_without_a_price_for_so_long_an_input_is_none_and_not_free() -> None:
    short = msgspec.structs.replace(a_price("1", "2"), input_tokens_up_to=500)
    baseline = msgspec.structs.replace(DEAR, tariff=Tariff(short, an_exchange_rate()))
    plan = plan_for(A, baseline=baseline_plan(baseline))
    assert baseline_of(plan, an_attempt(usage=Usage(500, output_tokens=1))) is not None
    assert baseline_of(plan, an_attempt(usage=Usage(501, output_tokens=1))) is None


def test_what_the_saving_is_made_of_adds_up_to_it() -> None:
    """Price, length and cache: all that lies between the baseline's cost and that of the answer."""
    read = Usage(input_tokens=600, cache_read_tokens=400, output_tokens=70, reasoning_tokens=30)
    assert A.tariff is not None
    billed = A.tariff.cost(read, 0.0)
    assert billed is not None
    found = baseline_of(
        plan_for(A, DEAR, baseline=baseline_plan(DEAR)), an_attempt(usage=read, cost_nano_usd=billed.nano_usd)
    )
    assert found is not None
    assert found.as_long_nano_usd is not None
    assert found.as_long_uncached_nano_usd is not None
    assert found.uncached_nano_usd == 1000 * 1_000 + 100 * 2_000
    assert found.as_long_uncached_nano_usd == 1000 * 10_000 + 100 * 40_000
    assert found.cost_nano_usd - found.as_long_nano_usd == (250 - 100) * 40_000
    assert found.as_long_nano_usd <= found.as_long_uncached_nano_usd


def test_without_a_cache_nothing_is_saved_by_one() -> None:
    found = baseline_of(plan_for(A, baseline=baseline_plan(DEAR)), an_attempt(cost_nano_usd=123))
    assert found is not None
    assert found.as_long_nano_usd == found.as_long_uncached_nano_usd
    assert found.uncached_nano_usd == 123


def test_an_entry_tells_what_was_expected_of_whom() -> None:
    decision = Decision(
        order=("a/m", "dear/m"),
        candidates=(
            Weighed("a/m", "m", p_correct=0.7),
            Weighed("dear/m", "m", p_correct=0.9),
            Weighed("far/m", "m", rejected="a rule"),
        ),
        reason="",
        reference="dear/m",
    )
    assert expected_of(decision, "a/m") == Expected(0.7, 0.9, 0.9)
    assert expected_of(decision, None) == Expected(None, 0.9, 0.9)
    assert expected_of(msgspec.structs.replace(decision, reference="far/m"), "far/m") == Expected(None, None, 0.9)
    assert expected_of(msgspec.structs.replace(decision, candidates=()), "a/m") is None
