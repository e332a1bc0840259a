"""The worth behind a loss allowed on average, found on past prompts; and what can be promised of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.routing.base import Estimates, Prompt
from entrepot.routing.guarantee import p_value_of
from entrepot.routing.rehearsal import Rehearsal
from entrepot.routing.utility import Goal, decide
from entrepot.routing.worth import Expected, Knob, choose, expect, find_knob, needed_prompts, promise_knob

IDS = ("big", "middle", "小")
PRICES = {"big": "10", "middle": "1", "小": "0.1"}


def deployment(id: str, max_output_tokens: int | None = None) -> Deployment:
    return Deployment(
        id, id, "m", "CN", "p", "DE", "EU", "http://localhost", "openai_chat", id, max_output_tokens=max_output_tokens
    )


def tariff(per_mtok: str) -> Tariff:
    price = Price(
        input_per_mtok=Decimal(per_mtok), output_per_mtok=Decimal(per_mtok), source="a page", as_of="2026-10-01"
    )
    return Tariff(price, ExchangeRates(usd_per_cny=Decimal("0.14"), as_of="2026-10-01", source="a page"))


TARIFFS = {id_: tariff(price) for id_, price in PRICES.items()}


def a_rehearsal(prompts: int, seed: int, *, learned: int = 0, gap: float = 0.0) -> Rehearsal:
    """Prompts of every difficulty; estimates that are right on average, and outcomes drawn from them, `gap` worse."""
    chance = np.random.default_rng(seed)
    ease = chance.normal(1.0, 1.5, prompts)[:, None]
    p_correct = 1 / (1 + np.exp(-(ease + np.array([1.0, 0.5, -1.0]))))
    true = p_correct - np.array([0.0, gap, gap])
    return Rehearsal(
        models=IDS,
        input_tokens=chance.integers(50, 2000, prompts).astype(np.float64),
        p_correct=p_correct,
        output_tokens=np.full((prompts, 3), 300.0),
        quality=(chance.random((prompts, 3)) < true).astype(np.float64),
        learned=np.arange(prompts) < learned,
        data="票据.jsonl",
        date="2026-11-20",
    )


def expected(rehearsal: Rehearsal) -> Expected:
    return expect(rehearsal, [deployment(id_) for id_ in IDS], TARIFFS, 0.0)


def without_outcomes(rehearsal: Rehearsal) -> Rehearsal:
    return msgspec.structs.replace(rehearsal, quality=np.full_like(rehearsal.quality, np.nan))


def test_a_cost_is_input_and_output_within_the_limits_at_todays_price() -> None:
    rehearsal = a_rehearsal(1, 0)
    found = expect(rehearsal, [deployment("big", 100), deployment("middle")], {"big": TARIFFS["big"]}, 0.0, 50)
    assert found.cost_usd[0, 0] == pytest.approx((rehearsal.input_tokens[0] + 50) * 10e-6)
    assert found.cost_usd[0, 1] == np.inf


@pytest.mark.parametrize("max_loss", [0.0, 0.02, 0.1])
def test_the_average_loss_stays_within_what_is_allowed_and_most_of_it_is_used(max_loss: float) -> None:
    by_estimates = find_knob(expected(without_outcomes(a_rehearsal(500, 1))), 0, max_loss)
    assert by_estimates is not None
    assert not by_estimates.measured
    assert max_loss - 0.01 <= by_estimates.expected_loss <= max_loss
    by_outcomes = find_knob(expected(a_rehearsal(500, 1)), 0, max_loss, "票据.jsonl")
    assert by_outcomes is not None
    assert by_outcomes.measured
    assert by_outcomes.expected_loss <= max_loss
    assert "by outcomes of 500 past prompts of 票据.jsonl" in str(by_outcomes)
    assert "by estimates alone" in str(by_estimates)


def test_where_no_choice_stays_within_the_loss_only_the_reference_goes_first() -> None:
    rehearsal = a_rehearsal(400, 1)
    quality = rehearsal.quality.copy()
    quality[:, 0], quality[:, 1:] = 1.0, 0.0
    mistaken = msgspec.structs.replace(rehearsal, quality=quality, p_correct=rehearsal.p_correct[:, ::-1])
    knob = find_knob(expected(mistaken), 0, 0.02)
    assert knob is not None
    assert (knob.among, knob.moved, knob.expected_loss) == (("big",), 0.0, 0.0)


def test_an_average_costs_less_than_a_bar_for_each_prompt_at_the_same_quality() -> None:
    past = expected(without_outcomes(a_rehearsal(800, 2)))
    knob = find_knob(past, 0, 0.04)
    assert knob is not None
    losses = past.p_correct[:, [0]] - past.p_correct
    for bar in np.linspace(0, 0.3, 61):
        within = np.where(losses <= bar, past.cost_usd, np.inf).argmin(axis=1)
        rows = np.arange(len(within))
        if losses[rows, within].mean() <= knob.expected_loss:
            assert knob.cost_share <= past.cost_usd[rows, within].mean() / past.cost_usd[:, 0].mean()


def test_a_dearer_candidate_becomes_less_chosen_when_its_price_rises() -> None:
    rehearsal = without_outcomes(a_rehearsal(300, 3))
    before = find_knob(expected(rehearsal), 0, 0.02)
    dearer = {**TARIFFS, "middle": tariff("11"), "小": tariff("12")}
    after = find_knob(expect(rehearsal, [deployment(id_) for id_ in IDS], dearer, 0.0), 0, 0.02)
    assert before is not None
    assert after is not None
    assert before.moved > 0.3
    assert after.moved == 0


def test_a_reference_that_costs_nothing_or_nobody_knows_what_has_nothing_to_be_weighed_against() -> None:
    rehearsal = a_rehearsal(100, 4)
    for tariffs in ({**TARIFFS, "big": tariff("0")}, {"middle": TARIFFS["middle"]}):
        past = expect(rehearsal, [deployment(id_) for id_ in IDS], tariffs, 0.0)
        assert find_knob(past, 0, 0.02) is None
        assert promise_knob(past, 0, 0.02, 0.95).refused


@pytest.mark.parametrize("worth", [0.0001, 0.003, 0.05, 1.0])
def test_the_choice_for_many_is_the_one_that_is_made_for_each(worth: float) -> None:
    rehearsal = a_rehearsal(60, 5)
    many = choose(expected(rehearsal), 0, [worth])[:, 0]
    knob = Knob(worth, 0.0, 1.0, 0.0, 60, measured=False)
    for row in range(60):
        estimates = Estimates(
            IDS,
            rehearsal.p_correct[row].astype(np.float32),
            np.zeros(3, np.float32),
            rehearsal.output_tokens[row].astype(np.float32),
            np.zeros(3, np.float32),
            ("outcomes",) * 3,
        )
        prompt = Prompt("", int(rehearsal.input_tokens[row]))
        found = decide([deployment(i) for i in IDS], (), estimates, TARIFFS, Goal(), "big", prompt, "v", knob)
        assert found.chosen == IDS[many[row]]


def test_a_promise_names_its_data_and_leaves_the_prompts_that_ordered_its_settings_out() -> None:
    rehearsal = a_rehearsal(900, 6, learned=300)
    knob = promise_knob(expected(rehearsal), 0, 0.05, 0.95, rehearsal.data, rehearsal.date)
    assert not knob.refused
    assert str(knob.promise) == (
        "at most 5 points below big on average, with 95% confidence, on 600 prompts of 票据.jsonl, 2026-11-20"
    )
    assert knob.moved > 0.05
    assert knob.cost_share < 0.9


def test_too_few_prompts_are_told_how_many_it_takes_and_too_bad_ones_that_none_would() -> None:
    few = promise_knob(expected(a_rehearsal(25, 7)), 0, 0.02, 0.95)
    assert few.refused
    assert few.promise is not None
    assert few.promise.needed is not None
    assert few.promise.needed > 25
    assert f"about {few.promise.needed:,} like them might do" in str(few.promise)
    assert few.promise.needed <= 2000
    bad = promise_knob(expected(a_rehearsal(2000, 8, gap=0.3)), 0, 0.001, 0.95)
    assert bad.promise is not None
    assert "which speak against it; everything goes to big" in str(bad.promise)


def test_outcomes_that_speak_against_a_promise_need_no_more_of_them() -> None:
    assert needed_prompts(np.ones(50), 0.05, 0.95) is None
    assert needed_prompts(np.array([0.0] * 19 + [1.0] * 2), 0.05, 0.95) is not None
    without_loss = needed_prompts(np.zeros(50), 0.05, 0.95)
    assert without_loss is not None
    assert 60 <= without_loss <= 200


@pytest.mark.parametrize("max_loss", [0.01, 0.02, 0.05, 0.2])
def test_no_fewer_prompts_are_said_to_do_than_a_promise_without_a_loss_takes(max_loss: float) -> None:
    few = needed_prompts(np.zeros(20), max_loss, 0.95)
    assert few is not None
    assert p_value_of(np.zeros(few), max_loss) <= 0.05
    graded = needed_prompts(np.full(20, 0.001), max_loss, 0.95)
    assert graded is not None


def test_a_candidate_without_outcomes_enough_is_left_out_and_named() -> None:
    rehearsal = a_rehearsal(400, 9)
    quality = rehearsal.quality.copy()
    quality[40:, 2] = np.nan
    knob = promise_knob(expected(msgspec.structs.replace(rehearsal, quality=quality)), 0, 0.1, 0.9)
    assert knob.left_out == ("小",)
    assert knob.among == ("big", "middle")
    assert knob.prompts == 400


@pytest.mark.parametrize("learned", [0, 100])
def test_a_promise_is_seldom_broken(learned: int) -> None:
    """The truth is the expectation over prompts like these, known because the outcomes are drawn from it."""
    gap, broken, made = 0.04, 0, 0
    for seed in range(60):
        rehearsal = a_rehearsal(300 + learned, seed, learned=learned, gap=gap)
        past = expected(rehearsal)
        knob = promise_knob(past, 0, 0.03, 0.9)
        if knob.refused:
            continue
        made += 1
        fresh = a_rehearsal(4000, 10_000 + seed, gap=gap)
        choices = choose(expected(fresh), 0, [knob.worth_usd])[:, 0]
        true = fresh.p_correct - np.array([0.0, gap, gap])
        broken += bool((true[:, 0] - true[np.arange(4000), choices]).mean() > 0.03)
    assert made > 5
    assert broken <= 0.1 * 60
