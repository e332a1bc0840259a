"""Confidence sequences are right at all times at once, on values whose mean is known."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from entrepot.statistics.intervals import mean_interval
from entrepot.statistics.sequences import LEAST, mean_sequence, pair_sums, ratio_sequence, units_for, width

RUNS, LONGEST = 300, 4000
ALLOWED = 0.08


def ever_wrong(values: np.ndarray, truth: float) -> bool:
    """Whether the sequence is wrong at any of many looks."""
    sums, squares = np.cumsum(values), np.cumsum(values**2)
    for n in range(LEAST, len(values) + 1, 25):
        found = mean_sequence(n, float(sums[n - 1]), float(squares[n - 1]))
        if not found.low <= truth <= found.high:
            return True
    return False


@pytest.mark.parametrize("kind", ["normal", "uniform", "rare", "exponential"])
def test_a_sequence_is_ever_wrong_in_few_runs(kind: str) -> None:
    chance = np.random.default_rng(11)
    kinds: dict[str, Callable[[], np.ndarray]] = {
        "normal": lambda: chance.normal(3.0, 2.0, LONGEST),
        "uniform": lambda: chance.random(LONGEST) + 2.5,
        "rare": lambda: 2.7 + (chance.random(LONGEST) < 0.3),
        "exponential": lambda: 2.0 + chance.exponential(1.0, LONGEST),
    }
    draw = kinds[kind]
    wrong = sum(ever_wrong(draw(), 3.0) for _ in range(RUNS))
    assert wrong / RUNS <= ALLOWED


def test_an_interval_of_one_look_is_wrong_far_more_often_when_it_is_looked_at_often() -> None:
    """What the sequences are for: with the usual interval this would be found."""
    chance = np.random.default_rng(12)
    wrong = 0
    for _ in range(100):
        values = chance.normal(0, 1, LONGEST)
        looks = [mean_interval(values[:n]) for n in range(LEAST, LONGEST, 100)]
        wrong += any(not look.low <= 0 <= look.high for look in looks)
    assert wrong / 100 > 0.2


def test_a_ratio_of_means_is_covered_at_all_times() -> None:
    chance = np.random.default_rng(13)
    wrong = 0
    for _ in range(RUNS):
        g = chance.uniform(0.5, 1.5, LONGEST)
        f = 0.6 * g + chance.normal(0, 0.5, LONGEST)
        for n in range(LEAST, LONGEST + 1, 100):
            found = ratio_sequence(pair_sums(f[:n], g[:n]))
            if not found.low <= 0.6 <= found.high:
                wrong += 1
                break
    assert wrong / RUNS <= ALLOWED


def test_before_it_begins_a_sequence_says_nothing() -> None:
    assert width(LEAST - 1) == math.inf
    assert mean_sequence(LEAST - 1, 5.0, 5.0).high == math.inf
    assert math.isnan(mean_sequence(0, 0.0, 0.0).estimate)
    few = ratio_sequence(pair_sums([1.0, 2.0], [2.0, 2.0]))
    assert (few.estimate, few.low, few.high) == (0.75, -math.inf, math.inf)


def test_a_ratio_to_what_may_be_zero_is_unbounded() -> None:
    chance = np.random.default_rng(14)
    found = ratio_sequence(pair_sums(np.ones(500), chance.normal(0.001, 1, 500)))
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_it_narrows_as_values_come_and_widens_by_what_is_allowed_for() -> None:
    widths = [width(n) for n in (100, 1_000, 10_000, 100_000)]
    assert widths == sorted(widths, reverse=True)
    assert width(1_000, allowance=1.25) == pytest.approx(1.25 * width(1_000))
    assert width(1_000, 0.99) > width(1_000, 0.95)


def test_values_that_never_vary_leave_no_doubt() -> None:
    found = mean_sequence(200, 400.0, 800.0)
    assert (found.low, found.estimate, found.high) == (2.0, 2.0, 2.0)


def test_so_many_values_are_wide_enough_and_one_less_is_not() -> None:
    for half, deviation in ((0.02, 0.5), (0.3, 2.0), (0.5, 0.1)):
        found = units_for(half, deviation)
        assert width(found) * deviation <= half
        assert found == LEAST or width(found - 1) * deviation > half
    with pytest.raises(ValueError, match="nothing to plan"):
        units_for(0, 1)
    with pytest.raises(ValueError, match="no number"):
        units_for(1e-9, 1)
