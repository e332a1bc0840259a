"""Outcomes added up: how good answers were, by whatever they have in common, with an interval.

Rules of this file: one source at a time, because a check, a vote and a user mean different things by right; the source of a
figure is told beside it. An outcome is a number from 0 to 1, mostly one of the two, so the interval of a mean is Wilson's
where all are, and Student's where they are graded. Agreement's are probabilities and no observations: their mean has an
interval of its spread alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import msgspec

from entrepot.ledger.store import Judged, JudgedBy
from entrepot.statistics.intervals import Interval, normal_quantile, proportion_interval
from entrepot.statistics.student import student_quantile

K = TypeVar("K", bound=Hashable)

SOURCES: tuple[JudgedBy, ...] = ("user", "person", "verdict", "program", "check", "file", "judge", "agreement")
"""In the order in which they are believed: whoever had the answer, then whoever held it to something, then models' words. Signs
are not among them: there are bad ones only, so their mean says nothing."""

_NEAR = 1e-9


class Tally(msgspec.Struct, frozen=True):
    """So many outcomes, their sum and the sum of their squares."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0

    def __add__(self, other: Tally) -> Tally:
        return Tally(self.count + other.count, self.total + other.total, self.squares + other.squares)

    @property
    def mean(self) -> float:
        """The mean outcome; nan without any."""
        return self.total / self.count if self.count else math.nan

    @property
    def variance(self) -> float:
        """That of one outcome, drawn a little towards a half so that a few equal ones do not look certain; inf without any."""
        if not self.count:
            return math.inf
        count, total, squares = (
            self.count + 2,
            self.total + 1,
            self.squares + 1,
        )  # Agresti and Coull (1998), Am. Stat. 52
        mean = total / count
        return max(0.0, squares / count - mean * mean) * count / (count - 1)

    def interval(self, confidence: float = 0.95) -> Interval:
        """The mean with its interval, within [0, 1]."""
        if self.count and abs(self.total - self.squares) <= _NEAR * max(1.0, self.total) and _is_whole(self.total):
            return proportion_interval(min(round(self.total), self.count), self.count, confidence)
        if self.count < 2:
            return Interval(self.mean, 0.0, 1.0)
        half = student_quantile(0.5 + confidence / 2, self.count - 1) * math.sqrt(self.variance / self.count)
        return Interval(self.mean, max(0.0, self.mean - half), min(1.0, self.mean + half))


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) <= _NEAR * max(1.0, value)


def tally_of(judged: Judged) -> Tally:
    """The outcomes of one row."""
    return Tally(judged.count, float(judged.total), float(judged.squares))


def tallies(judged: Iterable[Judged], key: Callable[[Judged], K]) -> dict[K, Tally]:
    """The outcomes by what `key` says of them."""
    found: dict[K, Tally] = {}
    for one in judged:
        found[key(one)] = found.get(key(one), Tally()) + tally_of(one)
    return found


def total(judged: Iterable[Judged]) -> Tally:
    """All of these outcomes together."""
    found = Tally()
    for one in judged:
        found += tally_of(one)
    return found


def best_source(judged: Sequence[Judged], least: int) -> JudgedBy | None:
    """The first of SOURCES with at least so many outcomes, else the one with most; None without any."""
    counts = {source: sum(one.count for one in judged if one.source == source) for source in SOURCES}
    enough = [source for source in SOURCES if counts[source] >= least]
    if enough:
        return enough[0]
    most = max(SOURCES, key=counts.__getitem__)
    return most if counts[most] else None


def difference(first: Tally, second: Tally, confidence: float = 0.95) -> Interval:
    """The difference of two independent means, first minus second (Agresti and Caffo 2000, Am. Stat. 54, 280-288)."""
    estimate = first.mean - second.mean
    if not first.count or not second.count:
        return Interval(math.nan, -1.0, 1.0)
    half = normal_quantile(confidence) * math.sqrt(first.variance / first.count + second.variance / second.count)
    return Interval(estimate, max(-1.0, estimate - half), min(1.0, estimate + half))


def standardised(strata: Mapping[K, Tally], weights: Mapping[K, float], confidence: float = 0.95) -> Interval:
    """The mean that these outcomes would have if strata weighed as `weights` say: direct standardisation (Cochran 1977, ch. 5A).

    Where a stratum that weighs has no outcome its quality is unknown, and may be anything from 0 to 1.
    """
    whole = sum(weights.values())
    if whole <= 0:
        return Interval(math.nan, 0.0, 1.0)
    mean = variance = unknown = 0.0
    for key, weight in weights.items():
        tally = strata.get(key, Tally())
        part = weight / whole
        if tally.count:
            mean += part * tally.mean
            variance += part * part * tally.variance / tally.count
        else:
            unknown += part
    half = normal_quantile(confidence) * math.sqrt(variance)
    middle = mean / (1 - unknown) if unknown < 1 else math.nan
    return Interval(middle, max(0.0, mean - half), min(1.0, mean + unknown + half))
