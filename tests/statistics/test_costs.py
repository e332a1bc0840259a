"""The cost gate is right about capped costs at all times, whatever the tail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from entrepot.statistics.arms import arm_span, difference_variance
from entrepot.statistics.betting import Horizon
from entrepot.statistics.costs import cost_differences, cost_ratio_bounds, paired_cost_differences
from entrepot.statistics.margin import crossings, plan

RUNS, UNITS, MOST = 300, 3000, 10.0


def costs(share: float, ratio: float, seed: int, sigma: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    """Arms, and log-normal costs of mean one in the running arm; the new arm's are `ratio` times such."""
    chance = np.random.default_rng(seed)
    a = chance.random((UNITS, RUNS)) < share
    c = np.exp(chance.normal(-(sigma**2) / 2, sigma, (UNITS, RUNS)))
    return a, c * np.where(a, ratio, 1.0)


def capped_mean(scale: float, most: float, sigma: float = 1.2) -> float:
    draws = scale * np.exp(np.random.default_rng(40).normal(-(sigma**2) / 2, sigma, 2_000_000))
    return float(np.minimum(draws, most).mean())


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_one_that_costs_as_much_as_allowed_is_passed_in_few_runs_and_a_cheap_one_in_most(share: float) -> None:
    allowed = capped_mean(0.6, MOST) / capped_mean(1.0, MOST)
    variance = 1.5 / MOST**2
    planned = plan(
        0.0, difference_variance(share, variance, variance), span=2 * arm_span(share) / MOST, truth=0.3 / MOST
    )
    a, c = costs(share, 0.6, 41)
    passed, failed = crossings(cost_differences(a, share, c, MOST, allowed), planned)
    assert max(np.mean(passed > 0), np.mean(failed > 0)) <= 0.075
    a, c = costs(share, 0.2, 42)
    passed, _ = crossings(cost_differences(a, share, c, MOST, allowed), planned)
    assert np.mean(passed > 0) >= 0.9


def test_a_dear_one_is_failed() -> None:
    planned = plan(0.0, 1.0, truth=0.1)
    a, c = costs(0.5, 1.5, 43)
    _, failed = crossings(cost_differences(a, 0.5, c, MOST, 0.6), planned)
    assert np.mean(failed > 0) >= 0.95


def test_the_ratio_lies_between_its_bounds_and_they_close_in() -> None:
    a, c = costs(0.5, 0.3, 44)
    truth = capped_mean(0.3, MOST) / capped_mean(1.0, MOST)
    horizon = Horizon(UNITS, 0.02)
    outside, widths = 0, []
    for run in range(8):
        found = cost_ratio_bounds(a[:, run], 0.5, c[:, run], MOST, horizon)
        outside += not found.low <= truth <= found.high
        assert found.low <= found.estimate <= found.high
        widths.append(found.high - found.low)
    assert outside <= 1
    assert np.median(widths) < 0.25
    few = cost_ratio_bounds(a[:30, 0], 0.5, c[:30, 0], MOST, horizon)
    assert few.high - few.low > 2 * np.median(widths)


def test_no_cost_yet_says_nothing() -> None:
    found = cost_ratio_bounds([], 0.5, [], 1.0, Horizon(100, 1.0))
    assert math.isnan(found.estimate)
    assert (found.low, found.high) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("cost", "most", "share"), [([-1.0], 1.0, 0.5), ([1.0], 0.0, 0.5), ([1.0], 1.0, 1.0), ([1.0, 2.0], 1.0, 0.5)]
)
def test_costs_that_make_no_sense_are_refused(cost: list[float], most: float, share: float) -> None:
    with pytest.raises(ValueError, match=r"above zero|not negative|strictly between|arms of shape"):
        cost_differences([True], share, cost, most, 0.5)


def test_of_pairs_the_difference_is_that_of_the_capped_costs() -> None:
    found = paired_cost_differences([1.0, 40.0], [2.0, 5.0], MOST, 1.5)
    assert found.values.tolist() == pytest.approx([(1.5 * 2 - 1) / MOST, (1.5 * 5 - MOST) / MOST])
    assert (found.low.tolist(), found.high.tolist()) == ([-1.0, -1.0], [1.5, 1.5])
    chance = np.random.default_rng(11)
    sent = np.exp(chance.normal(-0.72, 1.2, (UNITS, RUNS)))
    planned = plan(0.0, 0.01, truth=0.02)
    same, failed = crossings(paired_cost_differences(sent, sent[:, ::-1], MOST, 1.0), planned)
    assert (same > 0).mean() <= 0.08, "at most 1 in 20 of those that cost the same, and the luck of 300 draws"
    assert (failed > 0).mean() <= 0.08
    cheap, _ = crossings(paired_cost_differences(0.5 * sent, sent[:, ::-1], MOST, 1.0), planned)
    assert (cheap > 0).mean() > 0.9


@pytest.mark.parametrize(("new", "most", "ratio"), [([-1.0], 1.0, 1.0), ([1.0, 2.0], 1.0, 1.0), ([1.0], 0.0, 1.0)])
def test_costs_of_pairs_that_make_no_sense_are_refused(new: list[float], most: float, ratio: float) -> None:
    with pytest.raises(ValueError, match=r"costs|cap"):
        paired_cost_differences(new, [1.0], most, ratio)
