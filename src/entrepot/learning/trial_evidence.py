"""What a stage of a trial has seen: sessions in either arm, in the order in which what came of them became known.

The unit is the session, because it was given to an arm as one. It counts when nothing has come of it for a while, with what it
cost and how its exchanges went by then; what comes later is left out in either arm. Its quality counts when somebody has said
something of it and it is over, and stays as it was then. So values are only ever appended: the past of a test may not change.

Signs in the traffic are left out, which are all bad, and so are checks that a cascade made before it answered, since the new
arm asks no cascade: whether an outcome is told may not depend on the arm.

Rules of this file: nothing is read here; entries and outcomes are handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import msgspec
import numpy as np

from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import AttemptRecord, Served, Shadow, State
from entrepot.routing.trial import Arm, Trying
from entrepot.statistics.arms import arm_differences
from entrepot.statistics.betting import Bounded
from entrepot.statistics.costs import cost_differences
from entrepot.statistics.ladder import PlannedStage
from entrepot.statistics.margin import Reading, weigh

_NANO = 1_000_000_000
_MOST_EARLY = 10_000


class TrialEntry(msgspec.Struct, frozen=True, gc=False):
    """As much of an entry as a trial asks about."""

    id: str
    started_ns: int
    state: State
    duration_ms: float
    cost_nano_usd: int | None = None
    served: Served | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    trial: Trying | None = None
    shadow: Shadow | None = None


DECODER = msgspec.msgpack.Decoder(TrialEntry)


class Asked(NamedTuple):
    """What a trial asks: of which deployment it is, what counts as slow, and how costs are compared (0: not at all)."""

    name: str
    deployment: str
    tried_in: bool
    number: int
    since_ns: int
    slow_ms: float
    settle_ns: int
    most_usd: float = 0.0
    cost_ratio: float = 0.0


class Settled(NamedTuple):
    """A session that is over: parts of its exchanges that failed, were refused or slow, and its cost if that is known."""

    new: bool
    errors: float
    refusals: float
    slow: float
    cost_usd: float | None


class _Session:
    __slots__ = ("arm", "cost", "errors", "exchanges", "is_judged", "is_over", "last_ns", "refusals", "said", "slow")

    def __init__(self, arm: Arm) -> None:
        self.arm = arm
        self.exchanges = self.errors = self.refusals = self.slow = 0
        self.cost: int | None = 0
        self.last_ns = 0
        self.said: dict[tuple[str, str, str], tuple[float, float]] = {}
        self.is_over = self.is_judged = False


class Evidence:
    """What one stage has seen. `settled` and `judged` only grow at their end; the latter are arms and qualities."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.settled: list[Settled] = []
        self.judged: list[tuple[bool, float]] = []
        self._sessions: dict[int, _Session] = {}
        self._unit_of: dict[str, int] = {}
        self._open: set[int] = set()
        self._told: dict[int, None] = {}
        self._early: dict[str, list[Outcome]] = {}

    @property
    def units(self) -> int:
        """How many sessions are over."""
        return len(self.settled)

    def hear_entry(self, entry: TrialEntry) -> None:
        """An exchange was written down; one that is heard again changes nothing."""
        trying, asked = entry.trial, self.asked
        if trying is None or (trying.name, trying.number) != (asked.name, asked.number):
            return
        if entry.started_ns < asked.since_ns or entry.id in self._unit_of:
            return
        self._unit_of[entry.id] = trying.unit
        session = self._sessions.get(trying.unit)
        if session is None:
            session = self._sessions[trying.unit] = _Session(trying.arm)
            self._open.add(trying.unit)
        for said in self._early.pop(entry.id, ()):
            self.hear_outcome(said)
        if session.is_over:
            return
        session.exchanges += 1
        session.last_ns = max(session.last_ns, entry.started_ns + round(entry.duration_ms * 1_000_000))
        session.errors += self._is_error(entry, trying.arm)
        session.refusals += any(one.failure == "content_filter" for one in entry.attempts)
        session.slow += entry.duration_ms > asked.slow_ms
        known = session.cost is not None and entry.cost_nano_usd is not None
        session.cost = (session.cost or 0) + (entry.cost_nano_usd or 0) if known else None

    def hear_outcome(self, said: Outcome) -> None:
        """Somebody said what came of an exchange. What is said of a session whose quality counts already changes nothing."""
        if said.score is None or said.source == "sign" or said.given_ns < self.asked.since_ns:
            return
        unit = self._unit_of.get(said.exchange)
        if unit is None:
            if len(self._early) < _MOST_EARLY:
                self._early.setdefault(said.exchange, []).append(said)
            return
        session = self._sessions[unit]
        if session.is_judged:
            return
        session.said[said.exchange, said.source, said.who] = (said.score, said.weight)
        self._told.setdefault(unit)  # in the order in which the first word came

    def settle(self, now_ns: int) -> None:
        """Have those sessions count that are over by now."""
        over = [unit for unit in self._open if self._sessions[unit].last_ns + self.asked.settle_ns <= now_ns]
        for unit in sorted(over, key=lambda one: (self._sessions[one].last_ns, one)):
            self.settled.append(_settled(self._sessions[unit]))
            self._sessions[unit].is_over = True
            self._open.remove(unit)
        for unit in [unit for unit in self._told if self._sessions[unit].is_over]:
            session = self._sessions[unit]
            weights = sum(weight for _, weight in session.said.values())
            quality = sum(score * weight for score, weight in session.said.values()) / weights
            self.judged.append((session.arm == "new", min(1.0, quality)))
            session.is_judged = True
            session.said.clear()
            del self._told[unit]

    def _is_error(self, entry: TrialEntry, arm: Arm) -> bool:
        """Whether who should have answered first did not: a client that got another's answer noticed nothing, and yet."""
        if entry.state in ("failed", "broken"):
            return True
        if entry.state == "client_gone" or entry.served is None:
            return False
        if arm == "new" and self.asked.tried_in:
            return entry.served.deployment != self.asked.deployment
        return bool(entry.attempts) and entry.attempts[0].failure is not None


def _settled(session: _Session) -> Settled:
    n = session.exchanges
    cost = None if session.cost is None else session.cost / _NANO
    return Settled(session.arm == "new", session.errors / n, session.refusals / n, session.slow / n, cost)


def read(evidence: Evidence, planned: PlannedStage) -> dict[str, Reading]:
    """What each gate of the stage says of the evidence so far, by name; nothing of one that has seen nothing yet."""
    share = planned.stage.share
    if share is None:
        return {}
    found: Mapping[str, Bounded | None] = {
        "quality": _quality(evidence, share),
        "cost": _cost(evidence, share),
        "errors": _guard(evidence, share, "errors"),
        "refusals": _guard(evidence, share, "refusals"),
        "latency": _guard(evidence, share, "slow"),
    }
    return {
        name: weigh(values, plan) for name, plan in planned.plans.items() if (values := found.get(name)) is not None
    }


def _quality(evidence: Evidence, share: float) -> Bounded | None:
    if not evidence.judged:
        return None
    new, quality = zip(*evidence.judged, strict=True)
    return arm_differences(np.array(new), share, np.array(quality))


def _cost(evidence: Evidence, share: float) -> Bounded | None:
    known = [(one.new, one.cost_usd) for one in evidence.settled if one.cost_usd is not None]
    if not known or not evidence.asked.cost_ratio:
        return None
    new, cost = zip(*known, strict=True)
    asked = evidence.asked
    return cost_differences(np.array(new), share, np.array(cost), asked.most_usd, asked.cost_ratio)


def _guard(evidence: Evidence, share: float, what: str) -> Bounded | None:
    """Of a guard, how often it went well: what is bad is told as one less that."""
    if not evidence.settled:
        return None
    well = np.array([1.0 - getattr(one, what) for one in evidence.settled])
    return arm_differences(np.array([one.new for one in evidence.settled]), share, well)
