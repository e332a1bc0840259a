"""Student's t distribution: its quantiles, without a statistics library in the core install.

The cumulative distribution is the regularised incomplete beta function, evaluated by its continued fraction
(DLMF 8.17.22, https://dlmf.nist.gov/8.17.E22) with Lentz's method, and inverted by bisection.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

_CONVERGED = 1e-15
_TINY = 1e-300


@lru_cache(maxsize=256)
def student_quantile(probability: float, degrees: int) -> float:
    """The t below which `probability` of the distribution with `degrees` of freedom lies.

    Raises ValueError unless 0 < probability < 1 and degrees >= 1.
    """
    if not 0 < probability < 1 or degrees < 1:
        raise ValueError(f"no t quantile for probability {probability} and {degrees} degrees of freedom")
    if probability < 0.5:
        return -student_quantile(1 - probability, degrees)
    low, high = 0.0, max(1.0, NormalDist().inv_cdf(probability))
    while student_below(high, degrees) < probability:
        high *= 2
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if student_below(middle, degrees) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def student_below(t: float, degrees: int) -> float:
    """P(T <= t) for a T with so many degrees of freedom."""
    beyond = 0.5 * _regularised_beta(degrees / (degrees + t * t), degrees / 2, 0.5)
    return 1 - beyond if t >= 0 else beyond


def _regularised_beta(x: float, a: float, b: float) -> float:
    if x <= 0 or x >= 1:
        return min(1.0, max(0.0, x))
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):  # where the fraction converges fast; elsewhere I_x(a, b) = 1 - I_{1-x}(b, a)
        return front * _continued_fraction(x, a, b) / a
    return 1 - front * _continued_fraction(1 - x, b, a) / b


def _continued_fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        for term in (even, odd):
            d = 1 / _away_from_zero(1 + term * d)
            c = _away_from_zero(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CONVERGED:
            break
    return value


def _away_from_zero(value: float) -> float:
    return value if abs(value) > _TINY else _TINY
