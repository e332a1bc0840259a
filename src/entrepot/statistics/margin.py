"""Is the new one at most a margin worse? A sequential test of non-inferiority with three verdicts, valid under peeking.

Passed: a gambler who bet that the difference (new less running) is above minus the margin has 1 / error. Failed: one who bet
that it is below has. Go on: neither has yet. Both may be looked at after every unit and acted on at once: a new one that is
worse than the margin is ever passed with probability at most `error`, one that is not is ever failed with at most
`fail_error` (`betting.py`). What may be looked at for ever costs a plan about 1.7 times the units of a test that looks once.

`plan` says after how many units an equal one has passed with the power asked for. A plan is never wrong, only late: with more
variance than was planned for, the test takes longer. Whoever stops at the planned size without a verdict has not shown
anything, and should treat it as not passed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import Enum
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.statistics.betting import (
    Bounded,
    Horizon,
    ends_of_risk,
    first_crossing,
    log_capital,
    mean_bounds,
)
from entrepot.statistics.intervals import Interval

_MOST_UNITS = 10**12


class Verdict(Enum):
    """What a test says so far."""

    PASSED = "passed"
    FAILED = "failed"
    GO_ON = "go on"


class Plan(NamedTuple):
    """A test: `margin` in the unit of the outcomes, `units` until an equal one has passed with `power`.

    `error` is that of passing one worse than the margin, `fail_error` that of failing one that is not.
    """

    margin: float
    variance: float
    error: float
    power: float
    units: int
    fail_error: float = 0.05

    @property
    def horizon(self) -> Horizon:
        """What its stakes are laid out for."""
        return Horizon(self.units, self.variance)


class Reading(NamedTuple):
    """A test looked at after `units`: its verdict and after how many it fell, and the difference with its interval.

    `overdue`: the planned units are there and no verdict is. The interval is two-sided and of now; the verdict is of the
    first moment at which it could be given, and stays.
    """

    verdict: Verdict
    units: int
    decided_at: int | None
    difference: Interval
    overdue: bool


def plan(
    margin: float,
    variance: float,
    error: float = 0.05,
    power: float = 0.9,
    *,
    span: float = 1.0,
    truth: float = 0.0,
    fail_error: float | None = None,
) -> Plan:
    """How many units let a new one whose true difference is `truth` pass, with probability `power`.

    `variance` is that of one unit's difference (`difference_variance`), `span` how far below its mean a value may fall
    (`arm_span`; 1 where both answered the same unit). It matters where quality is high and a share small: then a few large
    losses make up the variance, and the plan assumes that all of it is of such (the two-point law, worst of its variance for
    who bets: Fan, Grama and Liu 2015, Electron. J. Probab. 20). Raises ValueError where a number makes no sense.
    """
    if margin + truth <= 0 or variance <= 0 or span <= 0:
        raise ValueError(
            f"nothing to plan: a margin of {margin} at a difference of {truth} and a variance of {variance}"
        )
    if not (0 < error < 1 and 0.5 <= power < 1):
        raise ValueError(f"an error of {error} and a power of {power}")
    lucky = NormalDist().inv_cdf(power)

    def is_enough(units: int) -> bool:
        stake, needed = ends_of_risk(Horizon(units, variance), error, span)
        worst = -math.log1p(-stake * span)  # what the log of the capital loses by the largest loss
        often = variance / span**2
        gained = units * (stake * (margin + truth) - often * (worst - stake * span))
        return gained - lucky * worst * math.sqrt(units * often) >= needed

    return Plan(margin, variance, error, power, _least(is_enough), error if fail_error is None else fail_error)


def units_for_precision(half_width: float, variance: float, confidence: float = 0.95, *, span: float = 1.0) -> int:
    """After how many units an interval that may always be looked at is about so wide, half of it; arguments as for `plan`."""
    if half_width <= 0 or variance <= 0 or not 0 < confidence < 1:
        raise ValueError(f"nothing to plan: a half width of {half_width}, a variance of {variance}, {confidence}")

    def is_enough(units: int) -> bool:
        stake, needed = ends_of_risk(Horizon(units, variance), (1 - confidence) / 2, span)
        return needed / (stake * units) + stake * variance / 2 <= half_width

    return _least(is_enough)


def weigh(differences: Bounded, planned: Plan, confidence: float = 0.95) -> Reading:
    """The test on the differences so far, shape (n,), in the order in which they became known."""
    units = len(differences.values)
    passed, failed = (int(at) for at in crossings(differences, planned))
    verdict, at = Verdict.GO_ON, None
    if passed and (not failed or passed < failed):
        verdict, at = Verdict.PASSED, passed
    elif failed:
        verdict, at = Verdict.FAILED, failed
    found = mean_bounds(differences, planned.horizon, confidence)
    return Reading(verdict, units, at, found, verdict is Verdict.GO_ON and units >= planned.units)


def crossings(differences: Bounded, planned: Plan) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """After how many units each series would pass and would fail, 0 for never: two arrays of shape () or (series,)."""
    line = -planned.margin
    passed = log_capital(differences, line, planned.horizon, planned.error, above=True)
    failed = log_capital(differences, line, planned.horizon, planned.fail_error, above=False)
    return first_crossing(passed, planned.error), first_crossing(failed, planned.fail_error)


def _least(is_enough: Callable[[int], bool]) -> int:
    low, high = 0, 1
    while not is_enough(high):
        low, high = high, high * 2
        if high > _MOST_UNITS:
            raise ValueError("no number of units is enough for such a small margin against such a variance")
    while high - low > 1:
        middle = (low + high) // 2
        if is_enough(middle):
            high = middle
        else:
            low = middle
    return high
