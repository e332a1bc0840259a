"""Would another router have done better? Answered from what the running one did, by the propensities it logged.

Of an exchange x with candidates k: b(k|x) is the probability with which the running router chose k (logged), c(k|x) that with
which the other one would, q(k|x) what is expected of k (from before this slice of time), r in [0, 1] what came of the chosen
a. The difference of the two routers' values, other less running, is the mean of

    Σ c·q - Σ b·q + (w - 1)(r - q(a)),  w = c(a|x) / b(a|x)

(doubly robust: Dudík, Langford and Li 2011, ICML). Where b is small w is large and a few exchanges say everything, so w is
clipped at `MOST_WEIGHT`, and what the other router would do beyond that is counted as worth nothing at all:

    Σ c·q - Σ b·q + (min(w, W) - 1)(r - q(a)) - Σ max(0, c - W b)·q

That has a mean of at most the true difference, whatever q is, also where b is zero; so whoever bets that it is above zero is
honest about the difference (`betting.py`). Where nothing is clipped it is the difference; where something is, an upper bound of
it bounds nothing. A router that goes where the running one never goes cannot be promoted from its logs: it needs exploration
or a trial.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from entrepot.statistics.betting import Bounded, Doubles, Horizon, first_crossing, log_capital, mean_bounds
from entrepot.statistics.intervals import Interval

MOST_WEIGHT = 10.0
_NEAR = 1e-6
_VARIANCE = 0.5
"""What stakes begin with; the exchanges soon tell better."""


class Logged(NamedTuple):
    """A slice of n exchanges over k candidates, in order of time.

    `chosen` (n,) is the candidate that answered, `reward` (n,) its outcome in [0, 1]; `running` and `other` (n, k) are the
    routers' probabilities, each row of sum one; `expected` (n, k), in [0, 1], must not come from these exchanges.
    """

    chosen: ArrayLike
    reward: ArrayLike
    running: ArrayLike
    other: ArrayLike
    expected: ArrayLike


class Comparison(NamedTuple):
    """What a slice says of the other router against the running one.

    `promote` if it is better by more than was asked for, at the error stated. `difference` is the lower-bounding estimate with
    bounds that hold at all times; `unsupported` is the part of the other router's choices counted as worth nothing, and
    `effective` how many exchanges its weights leave (Kong 1992). `ips`, `snips` and `dr` are the usual estimates of its value.
    """

    promote: bool
    difference: Interval
    exchanges: int
    effective: float
    unsupported: float
    running_value: float
    ips: float
    snips: float
    dr: float


def pessimistic_differences(logged: Logged, most_weight: float = MOST_WEIGHT) -> Bounded:
    """Of each exchange, what has at most the true difference (other less running) for its mean; shape (n,).

    Raises ValueError where shapes do not fit, probabilities are none, or a chosen candidate had no chance to be.
    """
    a, r, b, c, q = _checked(logged)
    if most_weight < 1:
        raise ValueError(f"a most weight of {most_weight}; it is at least one")
    rows = np.arange(len(a))
    weight = np.minimum(c[rows, a] / b[rows, a], most_weight)
    base = ((c - b) * q).sum(axis=1) - (np.maximum(0.0, c - most_weight * b) * q).sum(axis=1)
    values = base + (weight - 1) * (r - q[rows, a])
    # Σ min(c, W b) q and Σ b q lie in [0, 1]; ends may not follow what an exchange is like (see `Bounded`)
    ends = np.full(len(a), max(most_weight, 2.0))
    return Bounded(values, -ends, ends)


def compare_routers(
    logged: Logged, planned: int, *, gain: float = 0.0, error: float = 0.05, most_weight: float = MOST_WEIGHT
) -> Comparison:
    """Whether the other router is better than the running one by more than `gain`, with probability of error at most `error`.

    The slice must be later than whatever the other router was fitted on. It may grow and be asked of again at will, as long as
    `planned` (about how many exchanges it is to have) stays what it was at first.
    """
    differences = pessimistic_differences(logged, most_weight)
    a, r, b, c, q = _checked(logged)
    n = len(a)
    if not n:
        return Comparison(False, Interval(math.nan, -math.inf, math.inf), 0, 0.0, 0.0, *(math.nan,) * 4)
    rows = np.arange(n)
    weight = c[rows, a] / b[rows, a]
    horizon = Horizon(planned, _VARIANCE)
    found = first_crossing(log_capital(differences, gain, horizon, error), error)
    direct = (c * q).sum(axis=1)
    return Comparison(
        promote=bool(found > 0),
        difference=mean_bounds(differences, horizon, 1 - 2 * error),
        exchanges=n,
        effective=float(weight.sum() ** 2 / max(_NEAR, float((weight**2).sum()))),
        unsupported=float(np.maximum(0.0, c - most_weight * b).sum(axis=1).mean()),
        running_value=float(r.mean()),
        ips=float((weight * r).mean()),
        snips=float((weight * r).sum() / max(_NEAR, float(weight.sum()))),
        dr=float((direct + weight * (r - q[rows, a])).mean()),
    )


def _checked(logged: Logged) -> tuple[np.ndarray, Doubles, Doubles, Doubles, Doubles]:
    a = np.asarray(logged.chosen, dtype=np.int64)
    r, b, c, q = (np.asarray(one, dtype=np.float64) for one in logged[1:])
    if a.ndim != 1 or r.shape != a.shape or b.ndim != 2 or not (b.shape == c.shape == q.shape) or len(b) != len(a):
        raise ValueError(
            f"shapes {a.shape}, {r.shape}, {b.shape}, {c.shape}, {q.shape}; wanted (n,) twice and (n, k) thrice"
        )
    if not len(a):
        return a, r, b, c, q
    if not (min(r.min(), q.min(), b.min(), c.min()) >= 0 and max(r.max(), q.max()) <= 1):
        raise ValueError("rewards, expectations and probabilities lie between 0 and 1")
    if not (np.allclose(b.sum(axis=1), 1, atol=1e-4) and np.allclose(c.sum(axis=1), 1, atol=1e-4)):
        raise ValueError("the probabilities of an exchange's candidates add up to one")
    if not bool((b[np.arange(len(a)), a] > 0).all()):
        raise ValueError("a candidate was chosen that by its logged propensity could not be")
    return a, r, b, c, q
