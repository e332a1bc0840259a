"""What is still to come of a daily series, with the interval that a forecast deserves.

The model is the local level (Harvey 1989, Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2): a level that
wanders by a random step a day, and noise around it. How much it wanders against how much it is noise cannot be told from a few
weeks, so no one ratio is picked: the forecasts of a grid of ratios are averaged by how likely each makes the series (Hoeting et
al. 1999, Stat. Sci. 14, 382-417), each with Student's t for its scale. Before anything is known a level that stays is held for
more likely than one that wanders; the interval has the quantiles of the average, not its variance, which a wandering that the
series has all but ruled out would still govern. Where at least `LEAST_WEEKS` whole weeks are known, each weekday's factor is
estimated first and drawn towards one by what it could be by chance (James and Stein 1961).

What it does not know: holidays, launches, price changes and months that differ; a level that jumps it follows with a delay.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.statistics.intervals import Interval
from entrepot.statistics.student import student_below, student_quantile

LEAST_DAYS = 7
LEAST_WEEKS = 3
MOST_DAYS = 84
_WEEK = 7
_RATIOS = (0.0, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Variance of a day's step against that of its noise."""
_BEFOREHAND = (0.6, 0.08, 0.08, 0.08, 0.08, 0.04, 0.04)
"""How likely each is before the series is seen: three levels of five stay. Found by what intervals then cover (the tests)."""
_FLAT = 1e-12
_NEGLIGIBLE = 1e-6
_HALVINGS = 24

Array = NDArray[np.float64]


class _Fit(NamedTuple):
    """The forecast of one ratio: of the sum, its variance with a noise of variance one, the noise, and a log likelihood."""

    mean: float
    variance: float
    noise: float
    likelihood: float


def forecast_sum(
    days: Sequence[float], ahead: Sequence[float], first_weekday: int, confidence: float = 0.95
) -> Interval | None:
    """The sum over days to come: `days` are the complete ones so far, oldest first, each not negative.

    `ahead` are what part of each coming day is still to come (1, but for a day that has begun); the first follows the last of
    `days`, which begin on `first_weekday` (0 to 6). None below LEAST_DAYS days. The low end is not below zero.
    """
    series = np.asarray(days[-MOST_DAYS:], dtype=np.float64)
    first = (first_weekday + max(0, len(days) - MOST_DAYS)) % _WEEK
    if len(series) < LEAST_DAYS:
        return None
    if not any(ahead):
        return Interval(0.0, 0.0, 0.0)
    factors = weekday_factors(series, first)
    at = (first + np.arange(len(series) + len(ahead))) % _WEEK
    weights = np.asarray(ahead, dtype=np.float64) * factors[at[len(series) :]]
    level = series / factors[at[: len(series)]]
    if np.ptp(level) <= _FLAT * max(1.0, float(level.max())):
        total = float(level.mean() * weights.sum())
        return Interval(total, total, total)
    fits = [_fit(level, weights, ratio) for ratio in _RATIOS]
    likelihoods = np.array([fit.likelihood for fit in fits]) + np.log(_BEFOREHAND)
    shares = np.exp(likelihoods - likelihoods.max())
    shares /= shares.sum()
    mean = float(sum(share * fit.mean for share, fit in zip(shares, fits, strict=True)))
    # two weekday factors' worth of freedom is spent beside the level
    degrees = len(series) - (3 if np.ptp(factors) else 1)
    low, high = (_quantile(end, fits, shares, degrees) for end in (0.5 - confidence / 2, 0.5 + confidence / 2))
    return Interval(mean, max(0.0, low), high)


def _quantile(probability: float, fits: Sequence[_Fit], shares: Array, degrees: int) -> float:
    """Below which the average of the forecasts has `probability`: between the least and the greatest of its parts' quantiles."""
    parts = [
        (float(share), fit.mean, math.sqrt(fit.noise * fit.variance))
        for fit, share in zip(fits, shares, strict=True)
        if share > _NEGLIGIBLE
    ]
    ends = [mean + spread * student_quantile(probability, degrees) for _, mean, spread in parts]
    low, high = min(ends), max(ends)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if sum(share * student_below((middle - mean) / spread, degrees) for share, mean, spread in parts) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def weekday_factors(series: Array, first_weekday: int) -> Array:
    """What each weekday (0 to 6) has against the mean of all, shape (7,), with mean one; all ones below LEAST_WEEKS weeks."""
    ones = np.ones(_WEEK)
    weeks = len(series) // _WEEK
    whole = series[len(series) - weeks * _WEEK :].reshape(weeks, _WEEK) if weeks else series[:0].reshape(0, _WEEK)
    means = whole.mean(axis=1) if weeks else np.zeros(0)
    if weeks < LEAST_WEEKS or not means.min() > 0:
        return ones
    relative = whole / means[:, None]
    raw = relative.mean(axis=0)
    by_chance = float(relative.var(axis=0, ddof=1).mean()) / weeks
    between = float(((raw - 1) ** 2).sum())
    if between <= 0:
        return ones
    kept = max(0.0, 1 - (_WEEK - 3) * by_chance / between)
    shrunk = np.maximum(1 + kept * (raw - 1), 0.02)  # a day on which nearly nothing is spent still divides
    factors = np.empty(_WEEK)
    factors[(first_weekday + len(series) - weeks * _WEEK + np.arange(_WEEK)) % _WEEK] = shrunk
    scaled: Array = factors / factors.mean()
    return scaled


def _fit(series: Array, weights: Array, ratio: float) -> _Fit:
    """The Kalman filter with a level of which nothing is known before the first day, all in units of the noise's variance."""
    level, doubt = float(series[0]), 1.0
    squares = logs = 0.0
    for value in series[1:]:
        doubt += ratio
        spread = doubt + 1.0
        surprise = float(value) - level
        squares += surprise**2 / spread
        logs += math.log(spread)
        gain = doubt / spread
        level += gain * surprise
        doubt *= 1 - gain
    count = len(series) - 1
    noise = squares / count
    likelihood = -0.5 * (count * math.log(max(noise, 1e-300)) + logs)
    rest = np.cumsum(weights[::-1])[::-1]  # a step on a day is in that day and in all that follow
    variance = doubt * float(weights.sum()) ** 2 + ratio * float(rest @ rest) + float(weights @ weights)
    return _Fit(level * float(weights.sum()), variance, noise, likelihood)
