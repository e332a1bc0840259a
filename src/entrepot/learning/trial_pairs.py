"""What the shadow stage of a trial has seen: pairs of an answer that was sent and of one that nobody waited for.

The unit is the session: of each the first shadow that was written down counts for errors, costs and latency, and the first pair
of which somebody said which answer is the better counts for quality, in the order in which that became known. A pair stays as it
was a while after the first word, so that a whole jury is heard; what is said later is left out. Values are only ever appended.

A shadow is made only of an exchange that was answered, so the running one has no errors here but those that another made good.
Costs are compared where nothing of what was sent was read from a cache: what is asked beside for the first time has none.

Rules of this file: nothing is read here; entries and outcomes are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from entrepot.exchange.outcome import PAIR, Outcome
from entrepot.exchange.records import Shadow
from entrepot.learning.trial_evidence import Asked, Evidence, TrialEntry, read
from entrepot.statistics.arms import paired_differences
from entrepot.statistics.betting import Bounded
from entrepot.statistics.costs import paired_cost_differences
from entrepot.statistics.ladder import PlannedStage
from entrepot.statistics.margin import Reading, weigh

JURY_NS = 60_000_000_000
"""So long after the first word of a pair others are heard, where a session takes no shorter time until it is over."""
_NANO = 1_000_000_000
_MOST_EARLY = 10_000


class Both(NamedTuple):
    """Of the first shadow of a session: how it went and how what was sent did, new first; `cost_usd` if it is comparable."""

    errors: tuple[float, float]
    slow: tuple[float, float]
    cost_usd: tuple[float, float] | None


class _Told:
    __slots__ = ("exchange", "first_ns", "is_over", "said")

    def __init__(self, exchange: str, first_ns: int) -> None:
        self.exchange, self.first_ns, self.is_over = exchange, first_ns, False
        self.said: dict[tuple[str, str], tuple[float, float]] = {}


class Pairs:
    """What one shadow stage has seen. `both` and `judged` only grow at their end, and have one value a session.

    `asked` and `answered` count all shadows; `judged` is how often the new answer is the better, one half for neither.
    """

    def __init__(self, wanted: Asked) -> None:
        self.wanted = wanted
        self.asked = self.answered = 0
        self.both: list[Both] = []
        self.judged: list[float] = []
        self._unit_of: dict[str, int] = {}
        self._begun: set[int] = set()
        self._told: dict[int, _Told] = {}
        self._early: dict[str, list[Outcome]] = {}

    @property
    def units(self) -> int:
        """Of how many sessions there is a verdict."""
        return len(self.judged)

    def hear_entry(self, entry: TrialEntry) -> None:
        """An exchange was written down; one that is heard again changes nothing."""
        shadow, wanted = entry.shadow, self.wanted
        if shadow is None or (shadow.trial, shadow.stage) != (wanted.name, wanted.number):
            return
        if entry.started_ns < wanted.since_ns or entry.id in self._unit_of or not entry.attempts:
            return
        if entry.attempts[0].deployment != wanted.deployment:
            return
        self.asked += 1
        self.answered += entry.state == "completed"
        self._unit_of[entry.id] = shadow.unit
        if shadow.unit not in self._begun:
            self._begun.add(shadow.unit)
            self.both.append(self._both(entry, shadow))
        for said in self._early.pop(entry.id, ()):
            self.hear_outcome(said)

    def hear_outcome(self, said: Outcome) -> None:
        """Somebody said which answer is the better. Of another pair of the session, or too late, it changes nothing."""
        if said.score is None or said.label != PAIR or said.given_ns < self.wanted.since_ns:
            return
        unit = self._unit_of.get(said.exchange)
        if unit is None:
            if len(self._early) < _MOST_EARLY:
                self._early.setdefault(said.exchange, []).append(said)
            return
        told = self._told.setdefault(unit, _Told(said.exchange, said.given_ns))
        if told.exchange == said.exchange and not told.is_over:
            told.said[said.source, said.who] = (said.score, said.weight)

    def settle(self, now_ns: int) -> None:
        """Have those pairs count of which everybody has been heard by now."""
        wait_ns = min(self.wanted.settle_ns, JURY_NS)
        for told in self._told.values():
            if told.is_over or told.first_ns + wait_ns > now_ns:
                continue
            weights = sum(weight for _, weight in told.said.values())
            self.judged.append(sum(score * weight for score, weight in told.said.values()) / weights)
            told.is_over = True
            told.said.clear()

    def _both(self, entry: TrialEntry, shadow: Shadow) -> Both:
        cost = None
        comparable = entry.state == "completed" and not shadow.sent_cached
        if comparable and entry.cost_nano_usd is not None and shadow.sent_nano_usd is not None:
            cost = (entry.cost_nano_usd / _NANO, shadow.sent_nano_usd / _NANO)
        slow_ms = self.wanted.slow_ms
        return Both(
            (float(entry.state in ("failed", "broken")), float(shadow.sent_again)),
            (float(entry.duration_ms > slow_ms), float(shadow.sent_ms > slow_ms)),
            cost,
        )


Seen = Evidence | Pairs


def read_stage(seen: Seen, planned: PlannedStage) -> dict[str, Reading]:
    """What each gate of the stage under way says, by name; nothing of one that has seen nothing yet."""
    if isinstance(seen, Evidence):
        return read(seen, planned)
    found: Mapping[str, Bounded | None] = {
        "quality": _quality(seen.judged),
        "cost": _cost(seen),
        "errors": _guard([one.errors for one in seen.both]),
        "latency": _guard([one.slow for one in seen.both]),
    }
    return {
        name: weigh(values, plan) for name, plan in planned.plans.items() if (values := found.get(name)) is not None
    }


def _quality(judged: Sequence[float]) -> Bounded | None:
    scores = np.array(judged)
    return paired_differences(scores, 1 - scores) if judged else None


def _cost(seen: Pairs) -> Bounded | None:
    known = [one.cost_usd for one in seen.both if one.cost_usd is not None]
    if not known or not seen.wanted.cost_ratio:
        return None
    new, sent = zip(*known, strict=True)
    return paired_cost_differences(new, sent, seen.wanted.most_usd, seen.wanted.cost_ratio)


def _guard(bad: Sequence[tuple[float, float]]) -> Bounded | None:
    """Of what may go badly, how often it went well."""
    if not bad:
        return None
    new, sent = zip(*bad, strict=True)
    return paired_differences(1 - np.array(new), 1 - np.array(sent))
