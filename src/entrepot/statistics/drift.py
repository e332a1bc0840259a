"""Is what comes still what it was? Alarms for prompts, for what a router expects, and for prices; with stated false alarms.

Each alarm is an e-detector as in `detection.py`: at every exchange a new gambler bets that from here on things are not as they
were, and the sum of their capitals reaches `within` / `false_alarm` in a stretch of `within` exchanges with probability at
most `false_alarm` while nothing changed. Of several such sums (features, either direction, bins) the mean is taken: a mean of
fair bets is a fair bet, so no correction for many is owed.

An alarm says that something changed, not that it matters: what to do about it is the reader's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entrepot.statistics.betting import Doubles

_BLOCK = 50
"""Stakes are set anew after so many exchanges, from those before."""
_MEMORY = 10.0
"""Of so many blocks, or about, what is called lately remembers."""
_MOST_STAKED = 0.5
_PRIOR_SPREAD = 0.1


class Wary(NamedTuple):
    """How wary: at most `false_alarm` of stretches of `within` exchanges without a change raise an alarm.

    `tolerated` is what may change without one: an absolute shift of a mean, for the reference is itself only so well known.
    """

    false_alarm: float = 0.05
    within: int = 20_000
    tolerated: float = 0.01

    @property
    def threshold(self) -> float:
        """The log of the suspicion at which the alarm is raised."""
        return math.log(self.within / self.false_alarm)


def shares_suspicion(domains: ArrayLike, reference: ArrayLike) -> Doubles:
    """Of domains (whole numbers below k), shape (n,), against the reference's shares (k,): the log of the suspicion, (n,).

    Every exchange is bet on with the shares of lately against those of the reference (predictive likelihood ratios, Wald 1947,
    Sequential Analysis). A domain the reference lacks gets a small share of it. Nothing is tolerated here, so the reference
    should be of as many exchanges as can be had. Raises ValueError on domains it has no place for.
    """
    at = np.asarray(domains, dtype=np.int64)
    known = np.asarray(reference, dtype=np.float64)
    if known.ndim != 1 or not len(known) or not float(known.sum()) > 0 or not float(known.min()) >= 0:
        raise ValueError("the reference is one share for each domain, not all of them zero")
    if at.size and not (at.min() >= 0 and at.max() < len(known)):
        raise ValueError(f"a domain outside 0 to {len(known) - 1}")
    share = np.maximum(known / known.sum(), 1e-4)
    share /= share.sum()
    lately = _BLOCK * _MEMORY * share  # begins as the reference, so that little is bet before anything was seen
    logs = np.empty(len(at))
    for start in range(0, len(at), _BLOCK):
        block = at[start : start + _BLOCK]
        logs[start : start + _BLOCK] = np.log(lately / (lately.sum() * share))[block]
        lately = (1 - 1 / _MEMORY) * lately + np.bincount(block, minlength=len(share))
    return _suspicion(logs)


def means_suspicion(features: ArrayLike, reference: ArrayLike, wary: Wary) -> Doubles:
    """Of features in [0, 1], shape (n, k), against their means in the reference (k,): the log of the suspicion, (n,).

    For each feature one gambler bets on a rise and one on a fall, with stakes from what it did lately; a shift of up to
    `tolerated` is allowed for.
    """
    x = np.asarray(features, dtype=np.float64)
    m = np.asarray(reference, dtype=np.float64)
    if x.ndim != 2 or m.shape != x.shape[1:]:
        raise ValueError(f"features of shape {x.shape} and reference means of shape {m.shape}")
    if x.size and not (min(x.min(), m.min()) >= 0 and max(x.max(), m.max()) <= 1):
        raise ValueError("features and their means lie between 0 and 1")
    return _two_sided(x - m, wary)


def calibration_suspicion(outcomes: ArrayLike, expected: ArrayLike, wary: Wary, bins: int = 4) -> Doubles:
    """Of outcomes in [0, 1] against what a router expected of them, both (n,): the log of the suspicion, (n,).

    One pair of gamblers for all exchanges, one for each of `bins` equal parts of what can be expected: a router may be right
    on average and wrong at either end.
    """
    y, p = np.asarray(outcomes, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if y.shape != p.shape or y.ndim != 1:
        raise ValueError(f"outcomes of shape {y.shape} and expectations of shape {p.shape}")
    if y.size and not (min(y.min(), p.min()) >= 0 and max(y.max(), p.max()) <= 1):
        raise ValueError("outcomes and expectations lie between 0 and 1")
    member = np.minimum((p * bins).astype(np.int64), bins - 1)[:, None] == np.arange(bins)
    rest = (y - p)[:, None]
    parts = np.concatenate([rest, np.where(member, rest, 0.0)], axis=1)
    return _two_sided(parts, wary, np.concatenate([np.ones((len(y), 1), dtype=bool), member], axis=1))


def first_alarm(suspicion: Doubles, wary: Wary) -> int | None:
    """After how many exchanges the alarm was first raised, None for never."""
    there = suspicion >= wary.threshold
    return int(there.argmax()) + 1 if there.any() else None


class PriceChange(NamedTuple):
    """A deployment whose price moved: what the reference's tokens cost then and now, in one currency."""

    deployment: str
    before: Decimal
    now: Decimal

    @property
    def fraction(self) -> Decimal:
        """How much dearer: 0.25 is a quarter more; infinite where it cost nothing."""
        return (self.now - self.before) / self.before if self.before else Decimal("Infinity")


def price_changes(
    before: Mapping[str, Decimal], now: Mapping[str, Decimal], tolerated: Decimal = Decimal("0.05")
) -> tuple[PriceChange, ...]:
    """Deployments in both that became dearer or cheaper by more than `tolerated`, the largest change first; exact."""
    moved = [PriceChange(name, before[name], now[name]) for name in sorted(before.keys() & now.keys())]
    found = [one for one in moved if one.now != one.before and abs(one.fraction) > tolerated]
    return tuple(sorted(found, key=lambda one: -abs(one.fraction)))


def _two_sided(rest: Doubles, wary: Wary, there: NDArray[np.bool_] | None = None) -> Doubles:
    """Of rests (n, k) in [-1, 1], mean zero while nothing changed: the mean of the suspicions of bettors on either side of each.

    `there` (n, k) says where a rest counts at all; nothing is staked on the others.
    """
    n, k = rest.shape
    counted = np.ones_like(rest) if there is None else there.astype(np.float64)
    size, total, squares = np.full(k, _BLOCK), np.zeros(k), np.full(k, _BLOCK * _PRIOR_SPREAD)
    logs = np.zeros((n, 2 * k))
    for start in range(0, n, _BLOCK):
        x, seen = rest[start : start + _BLOCK], counted[start : start + _BLOCK]
        mean, spread = total / size, squares / size
        aim = np.concatenate([mean, -mean]) - wary.tolerated
        stake = np.clip(aim / (np.concatenate([spread, spread]) + aim**2), 0.0, _MOST_STAKED)
        gain = np.concatenate([x, -x], axis=1) - wary.tolerated
        logs[start : start + _BLOCK] = np.log1p(stake * gain * np.concatenate([seen, seen], axis=1))
        kept = 1 - 1 / _MEMORY
        size = kept * size + seen.sum(axis=0)
        total = kept * total + (seen * x).sum(axis=0)
        squares = kept * squares + (seen * x**2).sum(axis=0)
        size = np.maximum(size, 1.0)
    each = _suspicion(logs)
    largest = each.max(axis=1, keepdims=True) if n else each
    mean_of: Doubles = np.log(np.exp(each - largest).mean(axis=1)) + largest[:, 0] if n else np.zeros(0)
    return mean_of


def _suspicion(logs: Doubles) -> Doubles:
    """Shiryaev and Roberts' sum over all starts, in logs; along the first axis."""
    so_far = np.cumsum(logs, axis=0)
    started: Doubles = np.logaddexp.accumulate(logs - so_far, axis=0)
    return so_far + started
