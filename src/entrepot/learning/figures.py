"""Figures of merit of predicted probabilities."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Reals = NDArray[np.floating]


def expected_calibration_error(correct: Reals, predicted: Reals, bins: int = 10) -> float:
    """Mean distance between predicted and actual share of right answers over bins of equal mass (Naeini et al. 2015)."""
    order = np.argsort(predicted, kind="stable")
    total = sum(
        len(part) * abs(float(np.mean(correct[part], dtype=np.float64) - np.mean(predicted[part], dtype=np.float64)))
        for part in np.array_split(order, bins)
        if len(part)
    )
    return total / max(len(order), 1)


def area_under_curve(correct: Reals, predicted: Reals) -> float:
    """Probability that a right answer was given a higher chance than a wrong one; ties count half (Mann and Whitney 1947).

    NaN where all are right or all are wrong. Graded outcomes count as right from one half.
    """
    right = correct >= 0.5
    positives, negatives = int(right.sum()), int((~right).sum())
    if not positives or not negatives:
        return float("nan")
    _, place, count = np.unique(predicted, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(count) - (count - 1) / 2)[place]
    return float((ranks[right].sum() - positives * (positives + 1) / 2) / (positives * negatives))
