"""What two arms differ by, unit by unit: values whose expectation is the difference, whatever was predicted of them.

A unit (a session, an exchange) was given to the new arm with a known probability, its share. Of a unit with outcome y in
[0, 1], arm A (1 is new), share p and expectations m1, m0 of either arm that were known before the lot:

    f = m1 - m0 + A / p · (y - m1) - (1 - A) / (1 - p) · (y - m0)

has the mean difference (new less running) for its expectation (Robins, Rotnitzky and Zhao 1994, J. Am. Stat. Assoc. 89,
846-866), exactly, since p is known. Good expectations only take spread away: what remains is about v1 / p + v0 / (1 - p), v
being the variance around them. f lies between ends that are known before the unit came, so it can be bet on (`betting.py`). A
share may change from stage to stage, but not with what a unit is like.

Predictions of a router are not believed but fitted, by ridge regression on earlier units only; a useless prediction then costs
nearly nothing. Units stand in the order in which their outcomes became known. What may not depend on the arm: whether an
outcome is told at all, and how soon.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from entrepot.statistics.betting import Bounded, Doubles

_RIDGE = 1.0
_ROUNDING = 1e-9
_FEW = 10.0
"""As so many units counts the guess that a prediction of costs says nothing."""
_PRIOR = 4.0
"""As how many units the guess counts that quality is one half, before anything is seen."""


def arm_differences(
    new: ArrayLike,
    share: ArrayLike,
    outcome: ArrayLike,
    predicted: tuple[ArrayLike, ArrayLike] | None = None,
    ends: tuple[float, float] = (0.0, 1.0),
) -> Bounded:
    """New less running arm, from units in [0, 1]; all of shape (n,) or (n, series), `share` may be one number.

    `predicted` are what the router expected of the new and of the running arm, before the lot. `ends` are those of an outcome
    that is a judge's, corrected by people (`judges.corrected_outcomes`), and so beyond [0, 1]. Raises ValueError where a
    share is not strictly between 0 and 1 (an arm that could not be drawn is compared with nothing) or an outcome is outside
    [0, 1].
    """
    y = np.asarray(outcome, dtype=np.float64)
    a = np.asarray(new, dtype=bool)
    p = np.broadcast_to(np.asarray(share, dtype=np.float64), y.shape)
    if a.shape != y.shape:
        raise ValueError(f"arms of shape {a.shape} and outcomes of shape {y.shape}")
    lowest, highest = ends
    if y.size and not (float(y.min()) >= lowest - _ROUNDING and float(y.max()) <= highest + _ROUNDING):
        raise ValueError(f"outcomes lie between {lowest:g} and {highest:g}")
    if not lowest <= 0 < 1 <= highest:
        raise ValueError(f"outcomes between {lowest:g} and {highest:g}; those between 0 and 1 are among them")
    if p.size and not (float(p.min()) > 0 and float(p.max()) < 1):
        raise ValueError("shares lie strictly between 0 and 1; leave out units whose arm was certain")
    m1, m0 = _expectations(a, y, predicted)
    values = m1 - m0 + np.where(a, (y - m1) / p, -(y - m0) / (1 - p))
    if predicted is None:  # m1 and m0 are the mean of earlier units
        under, over = m1 - lowest, highest - m1
        return Bounded(values, -np.maximum(under / p, over / (1 - p)), np.maximum(over / p, under / (1 - p)))
    # ends from the unit's own predictions would let stakes follow what the unit is like, and its difference does too
    end = max(highest, 1 - lowest) * np.maximum(1 / p, 1 / (1 - p))
    return Bounded(values, -end, end)


class Spent(NamedTuple):
    """Of each unit, what has the mean of running less new (`saved`) and of the running arm (`running`) for its expectation."""

    saved: Doubles
    running: Doubles


def arm_costs(
    new: ArrayLike, share: ArrayLike, cost: ArrayLike, predicted: tuple[ArrayLike, ArrayLike] | None
) -> Spent:
    """As `arm_differences`, for costs, which have no upper end: all of shape (n,), at least zero; `share` may be one number.

    `predicted` are what was expected of the new and of the running arm before the lot, in any unit: each arm has a line of its
    own, fitted to its earlier units and drawn to their mean while they are few. None: the mean of earlier units, whatever
    their arm, which is a comparison that rests on nothing predicted. Raises ValueError where a share is not strictly between
    0 and 1, or shapes differ.
    """
    y = np.asarray(cost, dtype=np.float64)
    a = np.asarray(new, dtype=bool)
    p = np.broadcast_to(np.asarray(share, dtype=np.float64), y.shape)
    if a.shape != y.shape or y.ndim != 1:
        raise ValueError(f"arms of shape {a.shape} and costs of shape {y.shape}")
    if p.size and not (float(p.min()) > 0 and float(p.max()) < 1):
        raise ValueError("shares lie strictly between 0 and 1; leave out units whose arm was certain")
    if predicted is None:
        m1 = m0 = _mean_before(y, np.ones(y.shape, dtype=bool))
    else:
        q1, q0 = (np.broadcast_to(np.asarray(one, dtype=np.float64), y.shape) for one in predicted)
        m1, m0 = _line_before(y, q1, a), _line_before(y, q0, ~a)
    of_new = m1 + np.where(a, (y - m1) / p, 0.0)
    of_running = m0 + np.where(a, 0.0, (y - m0) / (1 - p))
    return Spent(of_running - of_new, of_running)


def _mean_before(y: Doubles, of: np.ndarray) -> Doubles:
    """The mean of those units that came before and are `of` the arm; 0 before the first."""
    seen = np.where(of, y, 0.0)
    mean: Doubles = _before(seen) / np.maximum(_before(of.astype(np.float64)), 1.0)
    return mean


def _line_before(y: Doubles, q: Doubles, of: np.ndarray) -> Doubles:
    """What a line through the earlier units of the arm makes of each prediction; never below zero."""
    w = of.astype(np.float64)
    count = np.maximum(_before(w), 1.0)
    mean_y, mean_q = _before(w * y) / count, _before(w * q) / count
    spread = _before(w * q * q) / count - mean_q**2
    together = _before(w * q * y) / count - mean_q * mean_y
    drawn_in = count / (count + _FEW)
    slope = np.where(spread > _ROUNDING * (1e-12 + mean_q**2), together / np.maximum(spread, 1e-300), 0.0) * drawn_in
    line: Doubles = np.maximum(0.0, mean_y + slope * (q - mean_q))
    return line


def paired_differences(new: ArrayLike, running: ArrayLike) -> Bounded:
    """New less running where both answered the same unit, as in shadow; outcomes in [0, 1], of one shape.

    For a judged preference, `new` is 1 where the new answer is preferred, 0 where the other is, one half for a tie, and
    `running` is one less that. Raises ValueError on different shapes or outcomes outside [0, 1].
    """
    first, second = np.asarray(new, dtype=np.float64), np.asarray(running, dtype=np.float64)
    if first.shape != second.shape:
        raise ValueError(f"outcomes of shapes {first.shape} and {second.shape}")
    if first.size and not (min(first.min(), second.min()) >= 0 and max(first.max(), second.max()) <= 1):
        raise ValueError("outcomes lie between 0 and 1")
    ones = np.ones_like(first)
    return Bounded(first - second, -ones, ones)


def difference_variance(share: float, new: float = 0.25, running: float = 0.25) -> float:
    """The variance of one unit's difference, from those of an outcome around what was expected of it, in either arm.

    A yes or no that nothing is known of has at most 0.25; one that is yes nine times in ten 0.09. Of units in pairs it is the
    part on which the two differ, less the square of the difference.
    """
    if not 0 < share < 1:
        raise ValueError(f"a share of {share}; it lies strictly between 0 and 1")
    return new / share + running / (1 - share)


def arm_span(share: float) -> float:
    """How far below its mean one unit's difference may fall, at the most: for `margin.plan`."""
    if not 0 < share < 1:
        raise ValueError(f"a share of {share}; it lies strictly between 0 and 1")
    return max(1 / share, 1 / (1 - share))


def _expectations(a: np.ndarray, y: Doubles, predicted: tuple[ArrayLike, ArrayLike] | None) -> tuple[Doubles, Doubles]:
    """What is expected of the new and the running arm before each unit's lot, in [0, 1]."""
    n = np.arange(len(y), dtype=np.float64).reshape(-1, *(1,) * (y.ndim - 1))
    mean = np.clip((_before(y) + _PRIOR / 2) / (n + _PRIOR), 0.0, 1.0)
    if predicted is None:
        return mean, mean
    q1, q0 = (np.broadcast_to(np.asarray(one, dtype=np.float64), y.shape) for one in predicted)
    q = np.where(a, q1, q0)
    centre = (_before(q) + _PRIOR / 2) / (n + _PRIOR)
    together = _before((q - centre) * (y - mean))
    slope = np.clip(together / (_before((q - centre) ** 2) + _RIDGE), -2.0, 2.0)
    return (
        np.clip(mean + slope * (q1 - centre), 0.0, 1.0),
        np.clip(mean + slope * (q0 - centre), 0.0, 1.0),
    )


def _before(values: Doubles) -> Doubles:
    """Sums of what came before each."""
    sums: Doubles = np.cumsum(values, axis=0) - values
    return sums
