"""Noticing soon that something fell: an e-detector over outcomes as they come, with a stated rate of false alarms.

At every outcome a new gambler sits down and bets that from here on outcomes are below what was expected of them; the sum of all
their capitals is the suspicion (Shiryaev 1963; Roberts 1966; with bets in place of likelihoods: Shin, Ramdas and Rinaldo 2024,
New England J. Stat. Data Sci. 2, 229-260). While nothing fell it grows by at most one an outcome in expectation, so within
`within` outcomes it ever reaches `within` / `false_alarm` with probability at most `false_alarm` (Doob), and whoever waits for
ever waits for at least that many outcomes on average. When something falls, those who sat down about then grow rich together.

The stakes are best for a fall of `drop`; larger ones are noticed sooner, smaller ones later. How soon goes with the variance
of outcomes around what was expected: about 25 · variance / drop², plus half for bad luck (`outcomes_to_notice`).

What is expected must come from before (a router's estimate, or the mean while a trial ran) and be right to within `tolerated`:
an expectation that is too high is a fall like any other.
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.statistics.betting import MOST_RISKED, PLANNED_WEIGHT, Doubles

_PLANNED_VARIANCE = 0.15


class Watch(NamedTuple):
    """What to notice: a fall of `drop` below what is expected, `tolerated` being none; all in units of the outcome.

    At most `false_alarm` of stretches of `within` outcomes in which nothing fell raise an alarm.
    """

    drop: float = 0.05
    tolerated: float = 0.0
    false_alarm: float = 0.05
    within: int = 10_000

    @property
    def threshold(self) -> float:
        """The log of the suspicion at which the alarm is raised."""
        return math.log(self.within / self.false_alarm)


def log_suspicion(outcomes: ArrayLike, expected: ArrayLike, watch: Watch) -> Doubles:
    """The log of the suspicion after each outcome; shapes (n,) or (n, series), values in [0, 1], `expected` may be one number.

    Outcomes stand in the order in which they became known. Raises ValueError on values outside [0, 1] or a watch that makes
    no sense.
    """
    y = np.asarray(outcomes, dtype=np.float64)
    m = np.broadcast_to(np.asarray(expected, dtype=np.float64), y.shape)
    if y.size and not (min(y.min(), m.min()) >= 0 and max(y.max(), m.max()) <= 1):
        raise ValueError("outcomes and what is expected of them lie between 0 and 1")
    if not 0 <= watch.tolerated < watch.drop <= 1:
        raise ValueError(f"a drop of {watch.drop} to notice, of which {watch.tolerated} is tolerated")
    below = m - watch.tolerated - y
    n = np.arange(len(y), dtype=np.float64).reshape(-1, *(1,) * (y.ndim - 1))
    squares = (y - m) ** 2
    spread = np.cumsum(squares, axis=0) - squares
    variance = (PLANNED_WEIGHT * _PLANNED_VARIANCE + spread) / (PLANNED_WEIGHT + n)
    aimed = watch.drop - watch.tolerated
    logs = np.log1p(np.minimum(MOST_RISKED, aimed / (variance + aimed**2)) * below)
    so_far = np.cumsum(logs, axis=0)
    started: Doubles = np.logaddexp.accumulate(logs - so_far, axis=0)  # each gambler's start, as of the first outcome
    return so_far + started


def first_alarm(outcomes: ArrayLike, expected: ArrayLike, watch: Watch) -> NDArray[np.int64]:
    """After how many outcomes the alarm was first raised, 0 for never; shape () or (series,)."""
    logs = log_suspicion(outcomes, expected, watch)
    if not len(logs):
        return np.zeros(logs.shape[1:], dtype=np.int64)
    there = logs >= watch.threshold
    return np.where(there.any(axis=0), there.argmax(axis=0) + 1, 0)


def outcomes_to_notice(watch: Watch, variance: float, power: float = 0.9) -> int:
    """About how many outcomes after a fall of `watch.drop` the alarm is raised, with probability `power`.

    `variance` is that of an outcome around what is expected of it. By the normal law, less what many gamblers give: about one
    over a gambler's growth of them have a share.
    """
    aimed = watch.drop - watch.tolerated
    growth = aimed**2 / (2 * variance)
    needed = max(1.0, watch.threshold - math.log(1 + 1 / growth))
    lucky = NormalDist().inv_cdf(power)
    root = (lucky * math.sqrt(2) + math.sqrt(2 * lucky**2 + 4 * needed)) / 2
    return math.ceil(root**2 / growth)
