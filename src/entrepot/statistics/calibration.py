"""Whether predicted probabilities mean what they say."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Bin(NamedTuple):
    """Predictions of about the same size: their mean, the mean outcome, and how many there are."""

    predicted: float
    observed: float
    size: int


def reliability(predicted: ArrayLike, observed: ArrayLike, bins: int = 15) -> tuple[Bin, ...]:
    """Bins of equal mass, from the lowest predictions to the highest. Both arguments have shape (n,), values in [0, 1].

    Equal predictions may fall into neighbouring bins; with fewer predictions than bins each has its own.
    Raises ValueError on different shapes, on values outside [0, 1], and on less than one bin.
    """
    p = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(observed, dtype=np.float64)
    if p.shape != y.shape or p.ndim != 1:
        raise ValueError(f"predictions of shape {p.shape} and outcomes of shape {y.shape}")
    if bins < 1:
        raise ValueError(f"{bins} bins")
    if p.size and not (min(p.min(), y.min()) >= 0 and max(p.max(), y.max()) <= 1):
        raise ValueError("predictions and outcomes lie between 0 and 1")
    order = np.argsort(p, kind="stable")
    return tuple(
        Bin(float(p[part].mean()), float(y[part].mean()), int(part.size))
        for part in np.array_split(order, bins)
        if part.size
    )


def expected_calibration_error(predicted: ArrayLike, observed: ArrayLike, bins: int = 15) -> float:
    """The mean distance between predicted and observed, weighted by bin, in [0, 1]; nan without predictions.

    Naeini, Cooper and Hauskrecht (2015), AAAI 29, with the equal-mass bins of Nguyen and O'Connor (2015), EMNLP: bins of
    equal width leave most of them empty where a router is sure of itself. Even a perfect predictor scores about
    sqrt(2 p (1-p) bins / (pi n)), which is what to compare a small value with.
    """
    table = reliability(predicted, observed, bins)
    total = sum(part.size for part in table)
    if not total:
        return float("nan")
    return sum(part.size * abs(part.predicted - part.observed) for part in table) / total
