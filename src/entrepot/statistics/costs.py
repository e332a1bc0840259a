"""Does the new one cost at most so much of what the running one costs? A sequential test for costs with long tails.

The claim "mean cost of the new at most `ratio` times that of the running" is the claim that ratio · c0 - c1 has a mean above
zero, unit by unit as in `arms.py`. Costs are not bounded by nature, so they are by decree: what a session cost above `most`
counts as `most`, in both arms. Then the test is exact at every n, whatever the tail (`betting.py`), where one that waits for
the normal law is not: of log-normal costs it is wrong too often for thousands of units. The price is that the claim is about
capped costs. For passing, capping the running arm is on the safe side; what the new one costs above `most` is not seen here
and belongs under a guard of its own: how often it exceeds `most`, by `arm_differences` of that yes or no.

`most` must be set beforehand: the most a session may cost by its limits, or a high quantile of what the route's sessions cost
before the trial. It should not be larger than it must: with a cap of c times the mean, a saving of a fifth takes about 20 c
sessions of the new arm to show, however little costs vary. Ten times the mean is a fair choice.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from entrepot.statistics.betting import Bounded, Doubles, Horizon, log_capital
from entrepot.statistics.intervals import Interval

_RATIOS = np.geomspace(0.01, 10.0, 241)  # three percent apart


def cost_differences(new: ArrayLike, share: ArrayLike, cost: ArrayLike, most: float, ratio: float) -> Bounded:
    """`ratio` · running less new, in parts of `most`; all of shape (n,) or (n, series), costs in the unit of `most`.

    The cost gate passes where the mean is above zero: `margin.weigh` with a plan whose margin is zero. Raises ValueError on
    negative costs, on shares that are not strictly between 0 and 1, and where `most` or `ratio` is not positive.
    """
    c = np.asarray(cost, dtype=np.float64)
    a = np.asarray(new, dtype=bool)
    p = np.broadcast_to(np.asarray(share, dtype=np.float64), c.shape)
    if most <= 0 or ratio <= 0:
        raise ValueError(f"a cap of {most} and a ratio of {ratio}; both are above zero")
    if a.shape != c.shape:
        raise ValueError(f"arms of shape {a.shape} and costs of shape {c.shape}")
    if c.size and not float(c.min()) >= 0:
        raise ValueError("costs are not negative")
    if p.size and not (float(p.min()) > 0 and float(p.max()) < 1):
        raise ValueError("shares lie strictly between 0 and 1; leave out units whose arm was certain")
    c = np.minimum(c, most) / most
    expected = _mean_before(c)  # of either arm: it only takes spread away
    base = (ratio - 1) * expected
    values = base + np.where(a, -(c - expected) / p, ratio * (c - expected) / (1 - p))
    low = base - np.maximum((1 - expected) / p, ratio * expected / (1 - p))
    high = base + np.maximum(expected / p, ratio * (1 - expected) / (1 - p))
    return Bounded(values, low, high)


def paired_cost_differences(new: ArrayLike, running: ArrayLike, most: float, ratio: float) -> Bounded:
    """As `cost_differences`, where both answered the same unit, as in shadow: costs of shape (n,), in the unit of `most`.

    Raises ValueError on negative costs, different shapes, and where `most` or `ratio` is not positive.
    """
    first, second = np.asarray(new, dtype=np.float64), np.asarray(running, dtype=np.float64)
    if most <= 0 or ratio <= 0:
        raise ValueError(f"a cap of {most} and a ratio of {ratio}; both are above zero")
    if first.shape != second.shape:
        raise ValueError(f"costs of shapes {first.shape} and {second.shape}")
    if first.size and not min(first.min(), second.min()) >= 0:
        raise ValueError("costs are not negative")
    values = (ratio * np.minimum(second, most) - np.minimum(first, most)) / most
    return Bounded(values, np.full_like(values, -1.0), np.full_like(values, ratio))


def cost_ratio_bounds(
    new: ArrayLike, share: ArrayLike, cost: ArrayLike, most: float, horizon: Horizon, confidence: float = 0.95
) -> Interval:
    """Capped mean cost of the new over that of the running, with bounds that hold at all times at once; shape (n,).

    All ratios from 0.01 to 10 that no gambler rules out, a few percent apart and rounded outwards (Fieller 1954, with bets in
    place of Student's t); beyond them 0 and infinity. `horizon` is that of the gate, set beforehand, in parts of `most`.
    """
    c, a = np.minimum(np.asarray(cost, dtype=np.float64), most), np.asarray(new, dtype=bool)
    p = np.broadcast_to(np.asarray(share, dtype=np.float64), c.shape)
    below = float((c[~a] / (1 - p[~a])).sum())
    estimate = float((c[a] / p[a]).sum()) / below if below else float("nan")
    side = (1 - confidence) / 2
    kept = [ratio for ratio in _RATIOS if not _is_out(cost_differences(a, p, c, most, float(ratio)), horizon, side)]
    if not kept:
        return Interval(estimate, 0.0, float("inf"))
    first, last = int(np.searchsorted(_RATIOS, kept[0])), int(np.searchsorted(_RATIOS, kept[-1]))
    return Interval(
        estimate,
        float(_RATIOS[first - 1]) if first else 0.0,
        float(_RATIOS[last + 1]) if last + 1 < len(_RATIOS) else float("inf"),
    )


def _is_out(differences: Bounded, horizon: Horizon, side: float) -> bool:
    """Whether a gambler on either side holds 1 / side by now."""
    if not differences.values.size:
        return False
    logs = [log_capital(differences, 0.0, horizon, side, above=above)[-1] for above in (True, False)]
    return max(float(log) for log in logs) >= -math.log(side)


def _mean_before(values: Doubles) -> Doubles:
    n = np.arange(len(values), dtype=np.float64).reshape(-1, *(1,) * (values.ndim - 1))
    return (np.cumsum(values, axis=0) - values) / np.maximum(n, 1)
