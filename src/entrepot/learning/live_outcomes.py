"""What came of live exchanges, as a router learns from it: what it expected of whoever answered, and how well that was done.

An exchange counts once, with the mean of what everybody said of it by weight, the last word of each. Signs in the traffic are
left out, which are all bad. No prompt is kept, so what is known of one is what the router made of it: its estimate of each
candidate and the prompt's traits, as the entry holds them.

Rules of this file: nothing is read here; outcomes and entries are handed in. Only the newest are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
import numpy as np

from entrepot.exchange.grounds import TRAIT_UNIT
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Deliberation, Grounds, Served
from entrepot.routing.correction import Correction
from entrepot.routing.correction_fit import Seen
from entrepot.routing.holdout import Lot
from entrepot.routing.logistic import logit
from entrepot.routing.trial import Trying
from entrepot.routing.utility import Decision

MOST = 20_000
"""Exchanges that are kept: of the newest."""
_EASE = 2


class LiveEntry(msgspec.Struct, frozen=True, gc=False):
    """As much of an entry as a router learns from."""

    id: str
    started_ns: int
    route: str | None = None
    served: Served | None = None
    cost_nano_usd: int | None = None
    decision: Decision | None = None
    deliberation: Deliberation | None = None
    lot: Lot | None = None
    grounds: Grounds | None = None
    trial: Trying | None = None


DECODER = msgspec.msgpack.Decoder(LiveEntry)


class Exchange(msgspec.Struct, frozen=True):
    """An exchange of which somebody said something; `known_ns` is when the first did."""

    entry: LiveEntry
    known_ns: int
    score: float
    weight: float


class LiveOutcomes:
    """The newest exchanges with outcomes, in the order in which what came of them became known."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._said: dict[str, dict[tuple[str, str], Outcome]] = {}
        self._first_ns: dict[str, int] = {}
        self._entries: dict[str, LiveEntry] = {}

    def hear(self, outcomes: Iterable[Outcome]) -> None:
        """Somebody said something; what is heard again changes nothing."""
        for said in outcomes:
            if said.source == "sign":
                continue
            by = self._said.setdefault(said.exchange, {})
            known = by.get((said.source, said.who))
            if known is None or (known.given_ns, known.id) < (said.given_ns, said.id):
                by[said.source, said.who] = said
            self._first_ns.setdefault(said.exchange, said.given_ns)
        while len(self._said) > self._most:
            oldest = next(iter(self._said))
            for kept in (self._said, self._first_ns, self._entries):
                kept.pop(oldest, None)

    def wanted(self) -> list[str]:
        """Exchanges whose entries are not known yet."""
        return [id_ for id_ in self._said if id_ not in self._entries]

    def know(self, entries: Iterable[LiveEntry]) -> None:
        """These are entries that were wanted."""
        self._entries.update((one.id, one) for one in entries if one.id in self._said)

    def __len__(self) -> int:
        """How many are known, about: one of which no more than a label was told is among them."""
        return len(self._entries)

    def exchanges(self, since_ns: int = 0) -> list[Exchange]:
        """Those of which the first word came after `since_ns`, in that order."""
        found = []
        for id_, by in self._said.items():
            entry, at_ns = self._entries.get(id_), self._first_ns[id_]
            scored = [(said.score, said.weight) for said in by.values() if said.score is not None]
            weight = sum(weight for _, weight in scored)
            if entry is not None and at_ns > since_ns and weight > 0:
                mean = sum(score * part for score, part in scored) / weight
                found.append(Exchange(entry, at_ns, min(1.0, max(0.0, mean)), min(1.0, weight)))
        return sorted(found, key=lambda one: one.known_ns)


def ease_of(entry: LiveEntry) -> float:
    """The ease of the prompt, as the router saw it; 0 where it saw none."""
    traits = () if entry.grounds is None else entry.grounds.traits
    return traits[_EASE] / TRAIT_UNIT if len(traits) > _EASE else 0.0


def plain_logit(p_correct: float, ease: float, model: str, correction: Correction) -> float:
    """The logit that the file's own fit gave, where P(correct) was estimated under a correction."""
    return correction.of(model).undo(float(logit(np.array(p_correct))), ease)


def seen_in(exchanges: Sequence[Exchange], corrections: Mapping[str, Correction]) -> Seen:
    """What a correction is fitted on; `corrections` by the names of the versions that decided. Others' exchanges are left out."""
    names: dict[str, int] = {}
    rows: list[tuple[int, float, float, float, float]] = []
    for one in exchanges:
        entry = one.entry
        correction = None if entry.decision is None else corrections.get(entry.decision.router or "")
        if entry.decision is None or entry.served is None or correction is None:
            continue
        p = expected_of(entry.decision, entry.served.deployment)
        if p is not None:
            model, ease = entry.served.model, ease_of(entry)
            at = plain_logit(p, ease, model, correction)
            rows.append((names.setdefault(model, len(names)), at, ease, one.score, one.weight))
    table = np.array(rows, np.float64).reshape(len(rows), 5)
    return Seen(tuple(names), table[:, 0].astype(np.intp), *(table[:, column] for column in range(1, 5)))


def expected_of(decision: Decision, deployment: str) -> float | None:
    """P(correct) of a candidate as the decision saw it."""
    return next((one.p_correct for one in decision.candidates if one.deployment == deployment), None)
