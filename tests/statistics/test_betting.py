"""A gambler's capital is an exact test, and the means that ruined none are an interval, at all times at once."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from entrepot.statistics.betting import (
    Bounded,
    Horizon,
    bounded,
    first_crossing,
    log_capital,
    mean_bounds,
)

RUNS, LENGTH = 500, 1500
HORIZON = Horizon(800, 0.1)
MANY = 0.07
"""Five in a hundred are allowed, and two for luck."""

DRAWS: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "even": lambda chance: chance.random((LENGTH, RUNS)),
    "rare": lambda chance: (chance.random((LENGTH, RUNS)) < 0.03).astype(float),
    "nearly always": lambda chance: (chance.random((LENGTH, RUNS)) < 0.97).astype(float),
    "skewed": lambda chance: chance.beta(0.2, 1.4, (LENGTH, RUNS)),
}
MEANS = {"even": 0.5, "rare": 0.03, "nearly always": 0.97, "skewed": 0.125}


@pytest.mark.parametrize("above", [True, False])
@pytest.mark.parametrize("kind", list(DRAWS))
def test_the_truth_is_ever_ruled_out_in_few_runs_though_looked_at_after_every_value(kind: str, above: bool) -> None:
    series = bounded(DRAWS[kind](np.random.default_rng(1)), 0.0, 1.0)
    logs = log_capital(series, MEANS[kind], HORIZON, 0.05, above=above)
    assert np.mean(first_crossing(logs, 0.05) > 0) <= MANY


def test_the_truth_is_covered_where_what_comes_depends_on_what_came() -> None:
    """The expectation of each value, given those before, is one half; its spread hangs on the last one."""
    chance = np.random.default_rng(2)
    values = np.empty((LENGTH, RUNS))
    last = np.ones(RUNS)
    for n in range(LENGTH):
        reach = np.where(last > 0.5, 0.5, 0.05)
        values[n] = last = 0.5 + reach * chance.choice([-1, 1], RUNS)
    logs = log_capital(bounded(values, 0, 1), 0.5, HORIZON, 0.05)
    assert np.mean(first_crossing(logs, 0.05) > 0) <= MANY


def test_bounds_are_what_the_gamblers_rule_out() -> None:
    """Whoever bets against a mean at a bound has just won; and the bounds close in on the truth."""
    values = (np.random.default_rng(3).random(4000) < 0.7).astype(float)
    widths = []
    for n in (50, 400, 4000):
        series = bounded(values[:n], 0, 1)
        found = mean_bounds(series, HORIZON, 0.95)
        assert found.low <= 0.7 <= found.high
        assert float(log_capital(series, found.low, HORIZON, 0.025)[-1]) == pytest.approx(-math.log(0.025), abs=0.02)
        assert float(log_capital(series, found.high, HORIZON, 0.025, above=False)[-1]) == pytest.approx(
            -math.log(0.025), abs=0.02
        )
        widths.append(found.high - found.low)
    assert widths[2] < widths[1] / 2 < widths[0] / 4


def test_wide_ends_cost_little_where_the_spread_is_small() -> None:
    """As with a share of one percent: ends a hundred apart, of which values use little."""
    values = np.random.default_rng(4).normal(0, 1, 5000).clip(-5, 5)
    narrow = mean_bounds(bounded(values, -5, 5), Horizon(5000, 1.0))
    wide = mean_bounds(bounded(values, -12, 12), Horizon(5000, 1.0))
    assert wide.high - wide.low < 1.05 * (narrow.high - narrow.low)


def test_no_value_yet_rules_out_nothing() -> None:
    found = mean_bounds(bounded([], 0, 1), HORIZON)
    assert math.isnan(found.estimate)
    assert (found.low, found.high) == (-math.inf, math.inf)
    assert first_crossing(log_capital(bounded([], 0, 1), 0.5, HORIZON, 0.05), 0.05) == 0
    one = mean_bounds(bounded([1.0], 0, 1), HORIZON)
    assert (one.low, one.high) == (0.0, 1.0)


@pytest.mark.parametrize(("values", "low", "high"), [([1.2], 0, 1), ([0.5, math.nan], 0, 1), ([[[0.1]]], 0, 1)])
def test_what_is_not_between_its_ends_is_refused(values: list[float], low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"ends stated|have shape"):
        bounded(values, low, high)


@given(values=arrays(np.float64, st.integers(1, 60), elements=st.floats(-1, 1)))
def test_a_bound_lies_between_the_ends_and_the_mean_between_the_bounds(values: np.ndarray) -> None:
    found = mean_bounds(Bounded(values, -np.ones_like(values), np.ones_like(values)), Horizon(30, 0.5))
    assert -1 <= found.low <= found.estimate + 1e-6
    assert found.estimate - 1e-6 <= found.high <= 1


@given(
    values=arrays(np.float64, (20, 3), elements=st.floats(0, 1)),
    mean=st.floats(0, 1),
)
def test_series_side_by_side_are_series_by_themselves(values: np.ndarray, mean: float) -> None:
    together = log_capital(bounded(values, 0, 1), mean, HORIZON, 0.05)
    for column in range(3):
        alone = log_capital(bounded(values[:, column], 0, 1), mean, HORIZON, 0.05)
        np.testing.assert_allclose(together[:, column], alone)


@given(values=arrays(np.float64, 30, elements=st.floats(0, 1)), cut=st.integers(1, 29))
def test_what_comes_later_never_changes_what_was_seen(values: np.ndarray, cut: int) -> None:
    whole = log_capital(bounded(values, 0, 1), 0.4, HORIZON, 0.05)
    part = log_capital(bounded(values[:cut], 0, 1), 0.4, HORIZON, 0.05)
    np.testing.assert_allclose(whole[:cut], part)
