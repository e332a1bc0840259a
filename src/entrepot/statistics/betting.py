"""Betting on means: tests and intervals that are exact however often one looks, for values between known ends.

A gambler who bets at fair odds that the mean is above m has a capital that, if it is not, ever reaches 1 / error with
probability at most `error` (Ville 1939). So a capital of 1 / error is a test at that level which may be looked at after
every value and stopped at will, and all m that no gambler has ruined form a confidence sequence (Waudby-Smith and Ramdas
2024, J. R. Stat. Soc. B 86, 1-27). Nothing is assumed of the values but their ends, and that what is expected of each, given
all before it, is the mean. Where that wanders, a capital against m speaks against "it was never above m".

The stakes are those of the paper's section 3.2: sqrt(2 ln(1/error) / (variance N)), best for a decision after N values. Three
gamblers share the first money: most of it is for the planned N, a little for a tenth and for ten times it, so that a large
difference is seen early and a plan that was too small is not the end. A stake never risks more than MOST_RISKED of what one
holds. The variance is estimated from earlier values only, and begins with what was planned.

Order matters: values stand in the order in which they became known, and one that came late goes to the end; a past that
changes between looks is no martingale. Everything takes shape (n,) or, for n values of several series at once, (n, series).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.statistics.intervals import Interval

HORIZONS = ((1.0, 0.8), (0.1, 0.1), (10.0, 0.1))
"""Of each gambler: after how many times the planned values a decision is hoped for, and its part of the first money."""
MOST_RISKED = 0.75
PLANNED_WEIGHT = 25.0
"""As how many values the planned variance counts."""
_HALVINGS = 50

Doubles = NDArray[np.float64]


class Bounded(NamedTuple):
    """Values and the ends between which each was known to lie before its unit came; all of one shape, (n,) or (n, series).

    Ends limit the stake, so they may depend on earlier units but not on what this one is like (its prompt, what is predicted
    or judged of it): a stake that is larger for easy units is a bet on what is hard, and not fair.
    """

    values: Doubles
    low: Doubles
    high: Doubles


class Horizon(NamedTuple):
    """What stakes are laid out for: a decision after `units` values of this `variance`. Wrong ones cost power, not validity."""

    units: float
    variance: float


def bounded(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> Bounded:
    """Values with their ends, which may be one number for all. Raises ValueError where a value lies outside its ends."""
    found = np.asarray(values, dtype=np.float64)
    lows, highs = (np.broadcast_to(np.asarray(end, dtype=np.float64), found.shape) for end in (low, high))
    if found.ndim not in (1, 2):
        raise ValueError(f"values of shape {found.shape}; they have shape (n,) or (n, series)")
    slack = 1e-9 * (1 + np.abs(highs - lows))
    if not (bool((found >= lows - slack).all()) and bool((found <= highs + slack).all())):
        raise ValueError("a value lies outside the ends stated for it, or is not a number")
    return Bounded(found, lows, highs)


def log_capital(series: Bounded, mean: float, horizon: Horizon, error: float, *, above: bool = True) -> Doubles:
    """The log of the capital after each value of who bets that the mean is above `mean` (or below it); the values' shape.

    `error` is the level at which a test is meant; only the stakes depend on it. Start at 0: one's first money is one.
    """
    return _capital(series, mean, _stakes(series, horizon, error), above)


def first_crossing(logs: Doubles, error: float) -> NDArray[np.int64]:
    """After how many values the capital first reached 1 / error; 0 where it never did. Shape () or (series,)."""
    if not len(logs):
        return np.zeros(logs.shape[1:], dtype=np.int64)
    there = logs >= -math.log(error)
    return np.where(there.any(axis=0), there.argmax(axis=0) + 1, 0)


def mean_bounds(series: Bounded, horizon: Horizon, confidence: float = 0.95) -> Interval:
    """The mean of one series, shape (n,), between bounds that hold at all times at once: exact at every n, also small ones.

    The bounds are those of now; what earlier looks ruled out is not remembered, so they stay honest if the mean wanders.
    """
    values, low, high = series
    if not values.size:
        return Interval(math.nan, -math.inf, math.inf)
    side = (1 - confidence) / 2
    stakes = _stakes(series, horizon, side)
    ends = (float(low.min()), float(high.max()))
    below = _ruled_out(series, stakes, side, ends, above=True)
    beyond = _ruled_out(series, stakes, side, ends, above=False)
    return Interval(float(values.mean()), below, beyond)


def ends_of_risk(horizon: Horizon, error: float, span: float) -> tuple[float, float]:
    """The stake of the planned gambler and the log of what the capital must reach with all of it on its own: for planning."""
    needed = -math.log(error * HORIZONS[0][1])
    return min(MOST_RISKED / (2 * span), math.sqrt(2 * needed / (horizon.variance * horizon.units))), needed


def _stakes(series: Bounded, horizon: Horizon, error: float) -> list[Doubles]:
    """Of each gambler, what is staked on each value; it depends on earlier values only."""
    values, low, high = series
    before = np.arange(len(values), dtype=np.float64)
    before = before.reshape(-1, *(1,) * (values.ndim - 1))
    middle = (low + high) / 2
    sums = np.cumsum(values, axis=0) - values
    means = (sums + middle) / (before + 1)  # before each value
    squares = (values - means) ** 2
    spread = np.cumsum(squares, axis=0) - squares
    variance = (PLANNED_WEIGHT * horizon.variance + spread) / (PLANNED_WEIGHT + before)
    variance = np.maximum(variance, 1e-12)
    most = MOST_RISKED / np.maximum(high - low, 1e-12)
    needed = -math.log(error * HORIZONS[0][1])
    return [np.minimum(most, np.sqrt(2 * needed / (variance * (times * horizon.units)))) for times, _ in HORIZONS]


def _capital(series: Bounded, mean: float, stakes: list[Doubles], above: bool) -> Doubles:
    gains = series.values - mean if above else mean - series.values
    total = np.full(series.values.shape, -np.inf)
    for stake, (_, part) in zip(stakes, HORIZONS, strict=True):
        # a mean outside the ends of a value could ruin whoever bets on it: that is an answer, not an error
        logs = np.log(np.maximum(1 + stake * gains, 1e-300))
        total = np.logaddexp(total, math.log(part) + np.cumsum(logs, axis=0))
    return total


def _ruled_out(series: Bounded, stakes: list[Doubles], side: float, ends: tuple[float, float], *, above: bool) -> float:
    """The end of the means that are not ruled out: the capital falls as the mean bet against moves toward the values."""
    needed = -math.log(side)

    def is_out(mean: float) -> bool:
        return float(_capital(series, mean, stakes, above)[-1]) >= needed

    out, kept = ends if above else ends[::-1]
    if not is_out(out):
        return out
    for _ in range(_HALVINGS):
        middle = (out + kept) / 2
        if is_out(middle):
            out = middle
        else:
            kept = middle
        if abs(kept - out) < 1e-7:
            break
    return out
