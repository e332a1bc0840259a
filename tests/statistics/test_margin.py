"""Worse than the margin is passed in few runs, equal in most within the plan, however often one looks."""

from __future__ import annotations

import numpy as np
import pytest

from entrepot.statistics.arms import arm_differences, arm_span, difference_variance, paired_differences
from entrepot.statistics.betting import Bounded
from entrepot.statistics.margin import Plan, Verdict, crossings, plan, units_for_precision, weigh

RUNS = 500
MANY, MOST = 0.07, 0.88
"""Five in a hundred may be wrong and nine in ten must pass; two for the luck of 500 runs."""


def by_lot(share: float, running: float, new: float, units: int, seed: int) -> Bounded:
    """Five hundred trials side by side, of yes-or-no outcomes."""
    chance = np.random.default_rng(seed)
    a = chance.random((units, RUNS)) < share
    return arm_differences(a, share, chance.random((units, RUNS)) < np.where(a, new, running))


def planned(share: float, rate: float, margin: float) -> Plan:
    spread = rate * (1 - rate)
    return plan(margin, difference_variance(share, spread, spread), span=arm_span(share))


@pytest.mark.parametrize(("share", "rate"), [(0.5, 0.8), (0.2, 0.95)])
def test_an_equal_one_passes_within_the_plan_and_one_at_the_margin_does_not(share: float, rate: float) -> None:
    margin = 0.08
    found = planned(share, rate, margin)
    passed, failed = crossings(by_lot(share, rate, rate, found.units, 11), found)
    assert np.mean((passed > 0) & (failed == 0)) >= MOST
    passed, failed = crossings(by_lot(share, rate, rate - margin, 2 * found.units, 12), found)
    assert np.mean(passed > 0) <= MANY
    assert np.mean(failed > 0) <= MANY  # at the margin it is not worse than the margin


def test_a_plan_made_with_a_wrong_variance_is_late_but_not_wrong() -> None:
    right = planned(0.5, 0.7, 0.1)
    for wrong in (right.variance / 4, right.variance * 4):
        poor = plan(0.1, wrong)
        worse, _ = crossings(by_lot(0.5, 0.7, 0.6, right.units, 13), poor)
        assert np.mean(worse > 0) <= MANY
        equal, _ = crossings(by_lot(0.5, 0.7, 0.7, 2 * right.units, 14), poor)
        assert np.mean(equal > 0) >= MOST


def test_a_much_worse_one_fails_long_before_the_plan() -> None:
    found = planned(0.5, 0.8, 0.05)
    _, failed = crossings(by_lot(0.5, 0.8, 0.5, found.units // 3, 15), found)
    assert np.mean(failed > 0) >= 0.95


def test_pairs_that_seldom_differ_need_few_units() -> None:
    """Shadow: both answer, one in ten pairs is judged different, either way as often."""
    found = plan(0.05, 0.1)
    assert found.units < planned(0.5, 0.8, 0.05).units / 2
    chance = np.random.default_rng(16)
    lots = chance.random((found.units, RUNS))
    pairs = paired_differences(lots < 0.05, lots > 0.95)
    passed, failed = crossings(pairs, found)
    assert np.mean((passed > 0) & (failed == 0)) >= MOST
    worse = paired_differences(lots < 0.03, lots > 0.92)
    assert np.mean(crossings(worse, found)[0] > 0) <= MANY


def test_a_reading_says_what_was_decided_and_when() -> None:
    found = planned(0.5, 0.8, 0.1)
    series = by_lot(0.5, 0.8, 0.8, 2 * found.units, 17)
    one = Bounded(*(part[:, 0] for part in series))
    whole = weigh(one, found)
    assert whole.verdict is Verdict.PASSED
    assert whole.decided_at is not None
    assert whole.difference.low > -0.1
    before = weigh(Bounded(*(part[: whole.decided_at - 1] for part in one)), found)
    assert (before.verdict, before.decided_at) == (Verdict.GO_ON, None)
    assert before.overdue == (whole.decided_at > found.units)
    assert weigh(Bounded(*(part[: whole.decided_at] for part in one)), found).verdict is Verdict.PASSED


def test_a_plan_whose_units_are_used_up_without_a_verdict_is_overdue() -> None:
    few = Plan(0.05, 0.5, 0.05, 0.9, 40)
    found = weigh(paired_differences(np.tile([1.0, 0.0], 25), np.tile([0.0, 1.0], 25)), few)
    assert (found.verdict, found.overdue, found.units) == (Verdict.GO_ON, True, 50)
    assert weigh(paired_differences([], []), few).verdict is Verdict.GO_ON


def test_a_failed_reading_is_failed() -> None:
    found = weigh(paired_differences(np.zeros(200), np.ones(200)), plan(0.05, 0.2))
    assert found.verdict is Verdict.FAILED
    assert found.difference.high < -0.05


def test_a_plan_grows_with_variance_power_and_the_square_of_a_smaller_margin() -> None:
    base = plan(0.05, 1.0).units
    assert plan(0.025, 1.0).units == pytest.approx(4 * base, rel=0.05)
    assert plan(0.05, 2.0).units == pytest.approx(2 * base, rel=0.05)
    assert plan(0.05, 1.0, power=0.95).units > base
    assert plan(0.05, 1.0, error=0.01).units > base
    assert plan(0.05, 1.0, truth=0.02).units < base < plan(0.05, 1.0, truth=-0.02).units
    assert plan(0.05, 1.0, span=20).units > base


def test_a_precision_is_reached_after_the_units_it_was_said_to_need() -> None:
    rate, half = 0.8, 0.05
    variance = difference_variance(0.5, rate * (1 - rate), rate * (1 - rate))
    units = units_for_precision(half, variance)
    series = by_lot(0.5, rate, rate, units, 18)
    tight = Plan(half, variance, 0.05, 0.9, units)
    widths = []
    for run in range(20):
        found = weigh(Bounded(*(part[:, run] for part in series)), tight).difference
        widths.append((found.high - found.low) / 2)
    assert np.median(widths) == pytest.approx(half, rel=0.1)


@pytest.mark.parametrize(
    "numbers",
    [
        (0.0, 1.0, 0.05, 0.9),
        (0.05, 0.0, 0.05, 0.9),
        (0.05, 1.0, 0.0, 0.9),
        (0.05, 1.0, 0.05, 1.0),
        (1e-9, 9, 0.05, 0.9),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(numbers: tuple[float, float, float, float]) -> None:
    with pytest.raises(ValueError, match=r"nothing to plan|an error of|no number of units"):
        plan(*numbers)


def test_a_precision_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to plan"):
        units_for_precision(0.0, 1.0)
