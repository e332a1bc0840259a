"""Intervals: an estimate and the range around it that covers the truth with the confidence stated.

Rules of this file: pure functions of numbers; chance is passed in as a numpy Generator. Too few observations for an
interval give an infinite one (or, for a proportion, all of [0, 1]), never a wrong one. Each function names its paper.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.statistics.student import student_quantile


class Interval(NamedTuple):
    """`estimate` between `low` and `high`, in the unit of what was observed."""

    estimate: float
    low: float
    high: float


class RatioSums(NamedTuple):
    """What a ratio estimate needs of `size` pairs (x, y): the sums of x, y and their products. Sums of parts add up."""

    size: int = 0
    x: float = 0.0
    y: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    yy: float = 0.0


def normal_quantile(confidence: float) -> float:
    """How many standard deviations either side hold `confidence` of a normal distribution: 1.96 for 0.95."""
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence}; it lies between 0 and 1")
    return NormalDist().inv_cdf(0.5 + confidence / 2)


def proportion_interval(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """A proportion by the score interval of Wilson (1927), J. Am. Stat. Assoc. 22, 209-212."""
    if not 0 <= successes <= trials:
        raise ValueError(f"{successes} successes in {trials} trials")
    if trials == 0:
        return Interval(math.nan, 0.0, 1.0)
    z2 = normal_quantile(confidence) ** 2
    rate = successes / trials
    middle = (rate + z2 / (2 * trials)) / (1 + z2 / trials)
    half = math.sqrt(z2 * (rate * (1 - rate) / trials + z2 / (4 * trials**2))) / (1 + z2 / trials)
    low = 0.0 if successes == 0 else max(0.0, middle - half)
    high = 1.0 if successes == trials else min(1.0, middle + half)
    return Interval(rate, low, high)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> Interval:
    """A mean of independent values by Student (1908), Biometrika 6, 1-25. `values` has shape (n,)."""
    sample = np.asarray(values, dtype=np.float64)
    if sample.size == 0:
        return Interval(math.nan, -math.inf, math.inf)
    mean = float(sample.mean())
    if sample.size == 1:
        return Interval(mean, -math.inf, math.inf)
    error = float(sample.std(ddof=1)) / math.sqrt(sample.size)
    half = student_quantile(0.5 + confidence / 2, sample.size - 1) * error
    return Interval(mean, mean - half, mean + half)


def paired_difference_interval(
    both: int, only_first: int, only_second: int, neither: int, confidence: float = 0.95
) -> Interval:
    """The difference of two proportions (first minus second) observed on the same subjects, from the four counts.

    Agresti and Min (2005), Stat. Med. 24, 729-740: Wald's interval after adding one half to each count. The estimate is
    the plain difference.
    """
    if min(both, only_first, only_second, neither) < 0:
        raise ValueError("counts are not negative")
    trials = both + only_first + only_second + neither
    if trials == 0:
        return Interval(math.nan, -1.0, 1.0)
    first, second, total = only_first + 0.5, only_second + 0.5, trials + 2
    middle = (first - second) / total
    half = normal_quantile(confidence) * math.sqrt(first + second - (first - second) ** 2 / total) / total
    return Interval((only_first - only_second) / trials, max(-1.0, middle - half), min(1.0, middle + half))


def ratio_sums(numerators: ArrayLike, denominators: ArrayLike) -> RatioSums:
    """The sums of pairs (denominator x, numerator y), both of shape (n,)."""
    y = np.asarray(numerators, dtype=np.float64)
    x = np.asarray(denominators, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1:
        raise ValueError(f"numerators of shape {y.shape} and denominators of shape {x.shape}")
    return RatioSums(x.size, float(x.sum()), float(y.sum()), float(x @ x), float(x @ y), float(y @ y))


def ratio_error(sums: RatioSums) -> tuple[float, float]:
    """The ratio of totals y/x and its standard error by linearisation (the delta method).

    Cochran (1977), Sampling Techniques, 3rd ed., eq. 6.13, for a large population. The error is infinite below two pairs.
    """
    if sums.x <= 0:
        return math.nan, math.inf
    ratio = sums.y / sums.x
    if sums.size < 2:
        return ratio, math.inf
    residuals = max(0.0, sums.yy - 2 * ratio * sums.xy + ratio * ratio * sums.xx)
    return ratio, math.sqrt(residuals * sums.size / (sums.size - 1)) / sums.x


def ratio_spread(sums: RatioSums) -> float:
    """The standard deviation of single numerators around ratio times denominator; infinite below two pairs."""
    if sums.x <= 0 or sums.size < 2:
        return math.inf
    ratio = sums.y / sums.x
    return math.sqrt(max(0.0, sums.yy - 2 * ratio * sums.xy + ratio * ratio * sums.xx) / (sums.size - 1))


def ratio_interval(sums: RatioSums, confidence: float = 0.95) -> Interval:
    """A ratio of two means by Fieller (1954), J. R. Stat. Soc. B 16, 175-185.

    Infinite both ways where the denominator's mean is not distinguishable from zero at this confidence.
    """
    n = sums.size
    ratio = sums.y / sums.x if sums.x else math.nan
    if n < 2:
        return Interval(ratio, -math.inf, math.inf)
    mean_x, mean_y = sums.x / n, sums.y / n
    scale = student_quantile(0.5 + confidence / 2, n - 1) ** 2 / (n * (n - 1))
    a = mean_x**2 - scale * (sums.xx - n * mean_x**2)
    b = mean_x * mean_y - scale * (sums.xy - n * mean_x * mean_y)
    c = mean_y**2 - scale * (sums.yy - n * mean_y**2)
    if a <= 0:
        return Interval(ratio, -math.inf, math.inf)
    half = math.sqrt(max(0.0, b * b - a * c))
    return Interval(ratio, (b - half) / a, (b + half) / a)


def bootstrap_interval(
    values: ArrayLike,
    statistic: Callable[[NDArray[Any]], float],
    chance: np.random.Generator,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
) -> Interval:
    """Any statistic of independent rows by the percentile bootstrap of Efron (1979), Ann. Stat. 7, 1-26.

    `values` has shape (n, ...); rows are drawn with replacement, `statistic` is given an array of the same shape.
    """
    sample = np.asarray(values)
    if len(sample) == 0:
        return Interval(math.nan, -math.inf, math.inf)
    drawn = np.fromiter(
        (statistic(sample[chance.integers(0, len(sample), len(sample))]) for _ in range(resamples)),
        dtype=np.float64,
        count=resamples,
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(float(statistic(sample)), float(low), float(high))
