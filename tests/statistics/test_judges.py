"""A judge that is wrong one time in five and likes long answers does not bias what people correct it to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.statistics.arms import arm_differences
from entrepot.statistics.betting import Horizon, first_crossing, log_capital
from entrepot.statistics.judges import (
    LEAST_LABELS,
    agreement,
    both_orders,
    corrected_mean,
    corrected_outcomes,
    jury,
)

RUNS, UNITS = 400, 2000
TRUTH = 0.55


def judged_and_true(chance: np.random.Generator, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A judge right in four of five, but of long answers (which the new model gives more often) says they are better."""
    better = chance.random(shape) < TRUTH
    long = chance.random(shape) < 0.6
    wrong = chance.random(shape) < np.where(long & ~better, 0.5, np.where(better & ~long, 0.18, 0.05))
    return (better ^ wrong).astype(float), better.astype(float), long


def test_the_judge_of_these_tests_is_of_that_kind() -> None:
    f, y, _ = judged_and_true(np.random.default_rng(61), (200_000,))
    assert np.mean(f == y) == pytest.approx(0.8, abs=0.03)
    assert f.mean() - TRUTH > 0.08  # uncorrected it is far off


@pytest.mark.parametrize("sought", [False, True])
def test_corrected_by_few_people_it_covers_the_truth(sought: bool) -> None:
    chance = np.random.default_rng(62)
    covered, widths, alone = 0, [], []
    for _ in range(RUNS):
        f, y, long = judged_and_true(chance, (UNITS,))
        chances = np.where(long, 0.15, 0.05) if sought else np.full(UNITS, 0.1)
        asked = chance.random(UNITS) < chances
        found = corrected_mean(f[~asked] if not sought else f, f[asked], y[asked], chances[asked])
        covered += found.low <= TRUTH <= found.high
        widths.append(found.high - found.low)
        people = corrected_mean([], f[asked], y[asked], chances[asked])
        alone.append(people.high - people.low)
    assert covered / RUNS >= 0.92
    assert np.mean(widths) < 0.93 * np.mean(alone)  # and the judge is worth its money


def test_a_judge_that_says_nothing_costs_nothing() -> None:
    chance = np.random.default_rng(63)
    y = (chance.random(200) < TRUTH).astype(float)
    noise = chance.random(5000)
    with_it = corrected_mean(noise[200:], noise[:200], y)
    alone = corrected_mean([], noise[:200], y)
    assert with_it.high - with_it.low <= 1.02 * (alone.high - alone.low)


@pytest.mark.parametrize(("share", "hurried"), [(0.04, 1.0), (0.6, 1.0), (0.1, 3.0)])
def test_labelled_units_may_be_among_those_that_were_judged(share: float, hurried: float) -> None:
    """Few of them, most of them, and those sought out whom the judge called bad: 600 runs, 95 % stated, 93 to 99 asked for."""
    chance, runs, units, held = np.random.default_rng(71), 600, 1000, 0
    for _ in range(runs):
        f, y, _ = judged_and_true(chance, (units, 1))
        f, y = f[:, 0], y[:, 0]
        chances = np.where(f > 0.5, share, min(1.0, hurried * share))
        asked = chance.random(units) < chances
        found = corrected_mean(f, f[asked], y[asked], chances[asked], among=True)
        held += found.low <= TRUTH <= found.high
    assert 0.93 <= held / runs <= 0.99
    with pytest.raises(ValueError, match="among"):
        corrected_mean([1.0], [1.0, 1.0], [1.0, 1.0], among=True)


def test_a_few_labels_that_agree_are_not_certain() -> None:
    chance, held = np.random.default_rng(72), 0
    for _ in range(500):
        y = (chance.random(60) < 0.97).astype(float)
        found = corrected_mean([], y, y)
        held += found.low <= 0.97 <= found.high
    assert held / 500 >= 0.93


def test_as_it_comes_and_looked_at_always_it_is_ever_wrong_in_few_runs() -> None:
    chance = np.random.default_rng(64)
    f, y, _ = judged_and_true(chance, (UNITS, RUNS))
    asked = chance.random(f.shape) < 0.2
    found = corrected_outcomes(f, np.where(asked, y, np.nan), asked, 0.2)
    horizon = Horizon(UNITS, 1.0)
    wrong = [
        np.mean(first_crossing(log_capital(found, TRUTH, horizon, 0.05, above=above), 0.05) > 0)
        for above in (True, False)
    ]
    assert max(wrong) <= 0.075
    assert float(found.values.mean()) == pytest.approx(TRUTH, abs=0.005)
    assert np.mean(first_crossing(log_capital(found, TRUTH - 0.15, horizon, 0.05), 0.05) > 0) > 0.9


def test_too_few_labels_say_nothing() -> None:
    found = corrected_mean(np.ones(100), np.ones(LEAST_LABELS - 1), np.ones(LEAST_LABELS - 1))
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert math.isnan(corrected_mean([1.0], [], []).estimate)


@given(liking=st.floats(-0.5, 0.5), pull=st.floats(-0.5, 0.5))
def test_both_orders_take_the_place_away(liking: float, pull: float) -> None:
    first, second = np.clip([0.5 + liking + pull, 0.5 + liking - pull], 0, 1)
    found = both_orders(float(first), float(second))
    if abs(liking) + abs(pull) <= 0.5:
        assert found.new == pytest.approx(0.5 + liking)
        assert found.leaning == pytest.approx(pull)
    turned = both_orders(
        float(1 - second), float(1 - first)
    )  # the same judge, of the same answers with names exchanged
    assert turned.new == pytest.approx(1 - found.new)
    assert turned.leaning == pytest.approx(found.leaning)


def test_a_judge_that_says_the_first_both_times_prefers_neither() -> None:
    assert both_orders(1.0, 0.0) == (0.5, 0.5, False)
    assert both_orders(1.0, 1.0) == (1.0, 0.0, True)
    assert both_orders(0.5, 0.5).agrees
    assert not both_orders(1.0, 0.5).agrees
    with pytest.raises(ValueError, match="between 0 and 1"):
        both_orders(2.0, 0.0)


def test_no_maker_judges_itself_alone() -> None:
    assert jury({"qwen": 1.0}, ["qwen", "openai"]) is None
    assert jury({"qwen": 1.0, "openai": 0.0}, ["qwen", "openai"]) is None
    assert jury({}, ["qwen"]) is None
    assert jury({"qwen": 1.0, "google": 0.4}, ["qwen", "openai"]) == pytest.approx(0.6)
    assert jury({"google": 1.0, "anthropic": 0.0}, ["qwen", "openai"]) == pytest.approx(0.5)


def test_kappa_is_that_of_the_textbook_and_its_interval_covers() -> None:
    # Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, table 18.1: kappa 0.676, error 0.088
    table = {("a", "a"): 75, ("a", "b"): 1, ("a", "c"): 4, ("b", "a"): 5, ("b", "b"): 4, ("b", "c"): 1, ("c", "c"): 10}
    pairs = [pair for pair, count in table.items() for _ in range(count)]
    found = agreement([one for one, _ in pairs], [other for _, other in pairs])
    assert found.estimate == pytest.approx(0.676, abs=0.001)
    assert (found.high - found.low) / 2 / 1.96 == pytest.approx(0.088, abs=0.001)


def test_kappa_covers_the_truth_by_simulation() -> None:
    chance = np.random.default_rng(65)
    big = [(bool(f), bool(y)) for f, y in zip(*judged_and_true(chance, (50_000,))[:2], strict=True)]
    truth = agreement([str(f) for f, _ in big], [str(y) for _, y in big]).estimate
    covered = 0
    for _ in range(200):
        f, y, _ = judged_and_true(chance, (120,))
        found = agreement([str(bool(one)) for one in f], [str(bool(one)) for one in y])
        covered += found.low <= truth <= found.high
    assert covered / 200 >= 0.9


def test_kappa_of_nothing_to_agree_on_is_no_number() -> None:
    assert math.isnan(agreement([], []).estimate)
    assert math.isnan(agreement(["a"] * 30, ["a"] * 30).estimate)
    assert agreement(["a", "b"], ["a", "b"]) == (1.0, -1.0, 1.0)  # two units prove little
    with pytest.raises(ValueError, match="labels"):
        agreement(["a"], [])


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="shapes"):
        corrected_mean([1.0], [1.0], [1.0, 0.0])
    with pytest.raises(ValueError, match="above zero"):
        corrected_mean([1.0], [1.0], [1.0], [0.0])
    with pytest.raises(ValueError, match="differ"):
        corrected_outcomes([1.0], [1.0, 0.0], [True], 0.5)
    with pytest.raises(ValueError, match="need their least"):
        corrected_outcomes([1.0], [1.0], [True], [0.5])
    with pytest.raises(ValueError, match="between 0 and 1"):
        corrected_outcomes([-0.5], [1.0], [True], 0.5)
    with pytest.raises(ValueError, match="between -1 and 1"):
        corrected_outcomes([2.0], [1.0], [True], 0.5, signed=True)
    with pytest.raises(ValueError, match="between their least"):
        corrected_outcomes([1.0], [1.0], [True], [0.1], least_chance=0.2)


@given(
    f=arrays(np.float64, 12, elements=st.floats(-1, 1)),
    y=arrays(np.float64, 12, elements=st.floats(-1, 1)),
    asked=arrays(np.bool_, 12),
    chance=st.floats(0.05, 1),
    signed=st.booleans(),
)
def test_no_corrected_outcome_lies_outside_its_ends(
    f: np.ndarray, y: np.ndarray, asked: np.ndarray, chance: float, signed: bool
) -> None:
    if not signed:
        f, y = np.abs(f), np.abs(y)
    found = corrected_outcomes(f, y, asked, chance, signed=signed)
    assert (found.low - 1e-9 <= found.values).all()
    assert (found.values <= found.high + 1e-9).all()


def test_arms_that_are_judged_are_compared_by_what_people_would_say() -> None:
    """The judge likes the new arm's long answers; people see no difference."""
    chance = np.random.default_rng(66)
    shape = (3000, 200)
    a = chance.random(shape) < 0.5
    good = chance.random(shape) < 0.8
    judged = np.where(good, 1.0, (chance.random(shape) < np.where(a, 0.7, 0.1)).astype(float))
    asked = chance.random(shape) < 0.2
    corrected = corrected_outcomes(judged, good, asked, 0.2)
    ends = (float(corrected.low.min()), float(corrected.high.max()))
    found = arm_differences(a, 0.5, corrected.values, ends=ends)
    horizon = Horizon(3000, 2.0)
    assert np.mean(first_crossing(log_capital(found, 0.0, horizon, 0.05), 0.05) > 0) <= 0.08
    believed = arm_differences(a, 0.5, judged)
    assert np.mean(first_crossing(log_capital(believed, 0.0, horizon, 0.05), 0.05) > 0) > 0.9
