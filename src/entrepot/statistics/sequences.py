"""Intervals that may be looked at as often as one likes: confidence sequences.

A 95 % interval is right in 95 % of looks, so whoever looks daily and stops when it suits them is wrong far more often. A
confidence sequence covers the truth at all times at once with the confidence stated. This is the asymptotic one of
Waudby-Smith, Arbour, Sinha, Kennedy and Ramdas (2024), Ann. Stat. 52, 2613-2640, theorem 2.2: after n values of standard
deviation s their mean is within s · sqrt((n ρ² + 1) / (n² ρ²) · ln((n ρ² + 1) / α²)), a normal mixture boundary (Robbins
1970), which is valid as n grows for any values of finite variance. It is asymptotic, so it begins after `LEAST` values:
before, it says nothing. Skewed values come slowly under its law; `allowance` widens it for them.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from entrepot.statistics.intervals import Interval

LEAST = 100
_MOST = 10**12
TIGHTEST_AT = 2000
"""After so many values the interval is tightest for what it is."""


class PairSums(NamedTuple):
    """What a ratio of two means needs of `size` pairs (f, g)."""

    size: int
    f: float
    g: float
    ff: float
    fg: float
    gg: float


def pair_sums(f: ArrayLike, g: ArrayLike) -> PairSums:
    """The sums of pairs, both of shape (n,)."""
    first, second = np.asarray(f, dtype=np.float64), np.asarray(g, dtype=np.float64)
    return PairSums(
        first.size,
        float(first.sum()),
        float(second.sum()),
        float(first @ first),
        float(first @ second),
        float(second @ second),
    )


def width(size: int, confidence: float = 0.95, allowance: float = 1.0) -> float:
    """Half the width in standard deviations of one value; infinite below LEAST values."""
    if size < LEAST:
        return math.inf
    alpha = 1 - confidence
    # the ρ that makes the boundary tightest at TIGHTEST_AT, by the paper's approximation (its appendix B.2)
    rho2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha) + 1)) / TIGHTEST_AT
    grown = size * rho2 + 1
    return allowance * math.sqrt(grown / (size * size * rho2) * math.log(grown / (alpha * alpha)))


def units_for(half_width: float, deviation: float, confidence: float = 0.95, allowance: float = 1.0) -> int:
    """How many values of this standard deviation have an interval of at most this half width, at all times together."""
    if half_width <= 0 or deviation < 0:
        raise ValueError(f"nothing to plan: a half width of {half_width} and a deviation of {deviation}")
    low, high = LEAST - 1, LEAST
    while width(high, confidence, allowance) * deviation > half_width:
        low, high = high, 2 * high
        if high > _MOST:
            raise ValueError("no number of values is enough for such a small width against such a deviation")
    while high - low > 1:
        middle = (low + high) // 2
        if width(middle, confidence, allowance) * deviation > half_width:
            low = middle
        else:
            high = middle
    return high


def mean_sequence(
    size: int, total: float, squares: float, confidence: float = 0.95, allowance: float = 1.0
) -> Interval:
    """A mean of independent values in the order in which they came, from their number, sum and sum of squares."""
    if size == 0:
        return Interval(math.nan, -math.inf, math.inf)
    mean = total / size
    half = width(size, confidence, allowance)
    if math.isfinite(half):
        half *= math.sqrt(max(0.0, squares / size - mean * mean))
    return Interval(mean, mean - half, mean + half)


def ratio_sequence(sums: PairSums, confidence: float = 0.95, allowance: float = 1.0) -> Interval:
    """The ratio of the means of f and g: all r for which the sequence of f - r g has zero in it (Fieller 1954).

    Infinite both ways where the mean of g is not told from zero. At a fixed r those are the values of one sequence, so it is
    valid at all times for the true ratio.
    """
    n = sums.size
    ratio = sums.f / sums.g if sums.g else math.nan
    half = width(n, confidence, allowance)
    if not math.isfinite(half):
        return Interval(ratio, -math.inf, math.inf)
    mean_f, mean_g = sums.f / n, sums.g / n
    scale = half * half
    a = mean_g**2 - scale * (sums.gg / n - mean_g**2)
    b = mean_f * mean_g - scale * (sums.fg / n - mean_f * mean_g)
    c = mean_f**2 - scale * (sums.ff / n - mean_f**2)
    if a <= 0:
        return Interval(ratio, -math.inf, math.inf)
    root = math.sqrt(max(0.0, b * b - a * c))
    return Interval(ratio, (b - root) / a, (b + root) / a)
