"""Trials kept going by the control process: what came of them is read, and each advances, stays or is rolled back.

Rules of this file: a step is written only if the trial is still where it was when its evidence was read, so several control
processes that come to the same verdict write it once. Evidence is kept in memory and appended to; after a restart it is read
again from the ledger, in the order in which the ledger got it.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable

import msgspec

from entrepot.control.place import ControlPlace
from entrepot.control.reload import Watch
from entrepot.control.store import Actor
from entrepot.control.trials import Trial
from entrepot.learning.trial_evidence import DECODER, Asked, Evidence
from entrepot.learning.trial_pairs import Pairs, Seen, read_stage
from entrepot.ledger.reading import RelationalReader
from entrepot.routing.trial import FULL
from entrepot.statistics.ladder import Decision, Step, decide
from entrepot.statistics.margin import Reading, Verdict

LOOK_S = 2.0
ACTOR = Actor("entrepot", "trial")
_PAGE = 2000
_OVERLAP = 2000
"""So many rows are read once more: with several writers a lower number may be seen after a higher one."""
_BEFORE_NS = 1_000_000_000
log = logging.getLogger("entrepot.trials")


class Reel:
    """What the ledger has of one stage of a trial, read on from where it was read to."""

    def __init__(self, reader: RelationalReader, trial: Trial) -> None:
        self._reader = reader
        asked = _asked(trial)
        self.evidence: Seen = Pairs(asked) if trial.only_beside else Evidence(asked)
        since = asked.since_ns - _BEFORE_NS
        self._entries = self._first("SELECT min(seq) FROM entries WHERE started_ns >= ?", "entries", since)
        self._outcomes = self._first("SELECT min(seq) FROM outcomes WHERE given_ns >= ?", "outcomes", since)

    def wind(self, now_ns: int) -> None:
        """Read what is new. Raises LedgerError."""
        ask, at = self._reader.ask, max(0, self._entries - _OVERLAP)
        while rows := ask("SELECT seq, document FROM documents WHERE seq > ? ORDER BY seq LIMIT ?", (at, _PAGE)):
            for seq, document in rows:
                at = seq
                with contextlib.suppress(
                    msgspec.MsgspecError
                ):  # another version's, which no trial of this one can be in
                    self.evidence.hear_entry(DECODER.decode(document))
        self._entries, at = max(self._entries, at), max(0, self._outcomes - _OVERLAP)
        while said := self._reader.outcomes_after(at, _PAGE):
            for seq, outcome in said:
                self.evidence.hear_outcome(outcome)
                at = seq
        self._outcomes = max(self._outcomes, at)
        self.evidence.settle(now_ns)

    def _first(self, statement: str, table: str, since_ns: int) -> int:
        """The number before the first row of the stage; the last there is where none has come yet."""
        ((first,),) = self._reader.ask(statement, (since_ns,))
        if first is not None:
            return int(first) - 1
        ((last,),) = self._reader.ask(f"SELECT coalesce(max(seq), 0) FROM {table}", ())  # noqa: S608 - two constants
        return int(last)


def _asked(trial: Trial) -> Asked:
    terms = trial.terms
    return Asked(
        trial.name,
        trial.deployment,
        trial.direction == "in",
        trial.number,
        round(trial.since_s * 1_000_000_000),
        terms.slow_s * 1000,
        round(terms.settle_s * 1_000_000_000),
        terms.most_usd,
        terms.cost_ratio or 0.0,
    )


class Keeper:
    """Keeps the trials of an installation."""

    def __init__(self, place: ControlPlace, reader: RelationalReader, clock: Callable[[], float] = time.time) -> None:
        self._place = place
        self._watch = Watch(place)
        self._reader = reader
        self._clock = clock
        self._trials: tuple[Trial, ...] = ()
        self._reels: dict[tuple[str, str, int], Reel] = {}

    def look(self) -> None:
        """Look at every trial once. Raises LedgerError or ControlError."""
        if not self._place.exists():
            return
        snapshot = self._watch.look()
        if snapshot is not None:
            self._trials = tuple(one for one in snapshot.trials if one.standing == "running")
        here = {_key(trial): trial for trial in self._trials}
        self._reels = {key: reel for key, reel in self._reels.items() if key in here}
        for key, trial in here.items():
            if key not in self._reels:
                self._reels[key] = Reel(self._reader, trial)
            reel = self._reels[key]
            reel.wind(time.time_ns())
            self._step(trial, reel.evidence)

    def close(self) -> None:
        """Let go of the control store."""
        self._watch.close()

    def _step(self, trial: Trial, seen: Seen) -> None:
        planned = trial.stages[trial.number]
        readings = read_stage(seen, planned)
        decision = decide(planned, readings, seen.units)
        if decision.step is Step.STAY:
            return
        after = stepped(trial, decision, readings, self._clock())
        with self._place.open_store() as store, store.change(ACTOR, time.time_ns()) as book:
            if book.find(Trial, "trial", trial.name) == trial:
                book.put("trial", trial.name, after, after.steps[-1].what)
                log.warning("trial '%s': %s: %s", trial.name, after.steps[-1].what, after.steps[-1].why)


def _key(trial: Trial) -> tuple[str, str, int]:
    return trial.name, trial.salt, trial.number


def stepped(trial: Trial, decision: Decision, readings: dict[str, Reading], at_s: float) -> Trial:
    """The trial after what its gates said."""
    why = "; ".join(tell(name, readings[name]) for name in decision.because if name in readings)
    if decision.step is Step.ROLL_BACK:
        return trial.went(at_s, "rolled back", trial.number, "rolled back", why)
    number = trial.number + 1
    if number == len(trial.stages):
        return trial.went(at_s, "full", number, f"advanced to {FULL}", why)
    return trial.went(at_s, "running", number, f"advanced to {trial.stages[number].stage.name}", why)


_SAYS = {Verdict.PASSED: "passed", Verdict.FAILED: "failed", Verdict.GO_ON: "not decided"}


def tell(name: str, reading: Reading) -> str:
    """What a gate says, as a sentence for people; a cost is told in parts of the most that a session counts for."""
    found = reading.difference
    low, mid, high = (f"{100 * value:+.1f}" for value in (found.low, found.estimate, found.high))
    late = ", in twice the time planned" if reading.verdict is Verdict.GO_ON and reading.overdue else ""
    return (
        f"{name} {_SAYS[reading.verdict]}{late} ({mid}, between {low} and {high} points, of {reading.units:,} sessions)"
    )
