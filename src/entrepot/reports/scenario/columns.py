"""Decisions as columns: all that a replay needs of many entries, a few hundred bytes each, and none of what a prompt said.

Rules of this file: every number is a function of the documents alone. What repeats from entry to entry (who asked for what
under which goal) is kept once, as a `Kind`. Candidates lie one after another, `count` of them for each entry. Estimates are
float32, as routers make them, so that a choice is made again to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.exchange.balancing import BALANCED
from entrepot.exchange.demoting import SLOW
from entrepot.exchange.grounds import TRAIT_UNIT
from entrepot.exchange.records import Grounds
from entrepot.routing.utility import Goal

Array = NDArray[Any]
Named = TypeVar("Named")

# how a decision came to whom it chose
BY_GOAL, EXPLORED, HELD_OUT, FOLLOWED, ESCALATED, BY_NAME, BALANCED_HOST = range(7)
# what is told of a candidate, as bits
REJECTED, UNHEALTHY, PRIOR, SCORES = 1, 2, 4, 8
UNKNOWN = -1

BY_ENTRY: dict[str, str] = {
    "started_ns": "i8",
    "kind": "i4",
    "count": "i2",
    "input_tokens": "i8",
    "answers": "i2",
    "longest": "i8",
    "worth_usd": "f8",
    "how": "i1",
    "chosen": "i4",
    "served": "i4",
    "session": "i8",
    "read": "i8",
    "cache_read": "i8",
    "cache_write": "i8",
    "wrote": "i8",
    "counted": "?",
    "completed": "?",
    "cost_nano_usd": "i8",
    "aside_nano_usd": "i8",
    "duration_ms": "f4",
    "difficulty": "f4",
    "discrimination": "f4",
    "ease": "f4",
    "several": "?",
}
"""Whole numbers are UNKNOWN where nobody knows them, others NaN. `chosen` and `served` number `deployments`. `aside` is the
known cost of attempts whose answer the client did not get; `several` models were asked."""

BY_CANDIDATE: dict[str, str] = {
    "deployment": "i4",
    "p_correct": "f4",
    "p_error": "f4",
    "output_tokens": "f4",
    "latency_s": "f4",
    "told": "u1",
}


class Kind(msgspec.Struct, frozen=True):
    """What many decisions have in common. `asked` is the name asked for; `whole` says that needs and places were written down."""

    asked: str
    route: str | None
    key: str | None
    team: str | None
    tags: tuple[str, ...]
    data_classes: tuple[str, ...]
    needs: tuple[str, ...]
    client_regions: tuple[str, ...]
    languages: tuple[str, ...]
    tools: tuple[str, ...]
    goal: Goal | None
    whole: bool


class Decisions(msgspec.Struct, frozen=True, eq=False):
    """Entries as columns: `by_entry` of shape (entries,), `by_candidate` of shape (candidates of all entries,).

    `left_out` counts entries without a decision to replay: refused before anything was weighed, or in full.
    """

    kinds: tuple[Kind, ...]
    deployments: tuple[str, ...]
    models: tuple[str, ...]
    by_entry: dict[str, Array]
    by_candidate: dict[str, Array]
    left_out: int = 0

    def __len__(self) -> int:
        return len(self.by_entry["kind"])


class _Candidate(msgspec.Struct, gc=False):
    deployment: str
    model: str
    p_correct: float | None = None
    p_error: float | None = None
    output_tokens: float | None = None
    basis: str | None = None
    rejected: str | None = None
    latency_s: float | None = None
    unhealthy: str | None = None


class _Session(msgspec.Struct, gc=False):
    verdict: str


class _Decision(msgspec.Struct, gc=False):
    order: tuple[str, ...]
    candidates: tuple[_Candidate, ...]
    reason: str = ""
    goal: Goal | None = None
    displaced: str | None = None
    worth_usd: float | None = None
    explored: str | None = None
    session: _Session | None = None


class _Usage(msgspec.Struct, gc=False):
    input_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False


class _Attempt(msgspec.Struct, gc=False):
    cost_nano_usd: int | None = None
    answered: bool = False


class _Served(msgspec.Struct, gc=False):
    deployment: str
    model: str


class _Entry(msgspec.Struct, gc=False):
    started_ns: int
    state: str
    asked_model: str
    duration_ms: float
    key: str | None = None
    team: str | None = None
    tags: tuple[str, ...] = ()
    route: str | None = None
    served: _Served | None = None
    usage: _Usage | None = None
    cost_nano_usd: int | None = None
    attempts: tuple[_Attempt, ...] = ()
    decision: _Decision | None = None
    data_classes: tuple[str, ...] = ()
    grounds: Grounds | None = None
    deliberation: msgspec.Raw = msgspec.Raw()
    shadow: msgspec.Raw = msgspec.Raw()


_DECODER = msgspec.msgpack.Decoder(_Entry)
_TOLD = {None: 0, "outcomes": 0, "scores": SCORES, "prior": PRIOR}
_NIL = b"\xc0"
_NO_TRAITS = (np.nan, np.nan, np.nan)
_NO_GROUNDS = Grounds(UNKNOWN)


class _Book(Generic[Named]):
    """Names by number, in the order in which they came."""

    def __init__(self) -> None:
        self.numbers: dict[Named, int] = {}

    def number(self, name: Named) -> int:
        """The number of a name, a new one where it is met for the first time."""
        return self.numbers.setdefault(name, len(self.numbers))


def read_columns(documents: Iterable[bytes]) -> Decisions:
    """The decisions of encoded entries. Raises MsgspecError where one cannot be read by this version."""
    kinds: _Book[Kind] = _Book()
    deployments: _Book[str] = _Book()
    models: dict[int, str] = {}
    rows: list[tuple[Any, ...]] = []
    numbers: list[int] = []
    p_correct: list[float | None] = []
    p_error: list[float | None] = []
    output_tokens: list[float | None] = []
    latency_s: list[float | None] = []
    told: list[int] = []
    left_out = 0
    number = deployments.number
    for document in documents:
        entry = _DECODER.decode(document)
        if bytes(entry.shadow) not in (b"", _NIL):
            continue  # nobody waited for it
        decision = entry.decision
        if decision is None or not decision.order:
            left_out += 1
            continue
        candidates = [one for one in decision.candidates if one.rejected is None or one.rejected.startswith(SLOW)]
        places = [number(one.deployment) for one in candidates]
        for place, one in zip(places, candidates, strict=True):
            if place not in models:
                models[place] = one.model
        numbers += places
        p_correct += [one.p_correct for one in candidates]
        p_error += [one.p_error for one in candidates]
        output_tokens += [one.output_tokens for one in candidates]
        latency_s += [one.latency_s for one in candidates]
        told += [_told(one) for one in candidates]
        served = UNKNOWN
        if entry.served is not None:
            served = number(entry.served.deployment)
            models.setdefault(served, entry.served.model)
        rows.append(
            _row(entry, decision, kinds.number(_kind(entry, decision)), len(places), number(decision.order[0]), served)
        )
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(BY_ENTRY)
    by_candidate = (numbers, p_correct, p_error, output_tokens, latency_s, told)
    return Decisions(
        tuple(kinds.numbers),
        tuple(deployments.numbers),
        tuple(models.get(place, "") for place in range(len(deployments.numbers))),
        {name: np.array(values, form) for (name, form), values in zip(BY_ENTRY.items(), columns, strict=True)},
        {name: np.array(values, form) for (name, form), values in zip(BY_CANDIDATE.items(), by_candidate, strict=True)},
        left_out,
    )


def _told(one: _Candidate) -> int:
    told = _TOLD.get(one.basis, 0)
    if one.unhealthy is not None:
        told |= UNHEALTHY
    return told if one.rejected is None else told | REJECTED


def _kind(entry: _Entry, decision: _Decision) -> Kind:
    grounds = _NO_GROUNDS if entry.grounds is None else entry.grounds
    return Kind(
        entry.asked_model if entry.route is None else entry.route,
        entry.route,
        entry.key,
        entry.team,
        entry.tags,
        entry.data_classes,
        grounds.needs,
        grounds.client_regions,
        grounds.languages,
        grounds.tools,
        decision.goal,
        entry.grounds is not None,
    )


def _how(decision: _Decision) -> int:
    if decision.displaced is not None:
        return HELD_OUT
    verdict = None if decision.session is None else decision.session.verdict
    if verdict in ("stayed", "must stay"):
        return FOLLOWED
    if verdict == "escalated":
        return ESCALATED
    if decision.explored is not None:
        return EXPLORED
    if decision.goal is None:
        return BY_NAME
    return BALANCED_HOST if BALANCED in decision.reason else BY_GOAL


def _row(
    entry: _Entry, decision: _Decision, kind: int, count: int, chosen: int, served: int
) -> tuple[float | None, ...]:
    """The values of BY_ENTRY."""
    grounds, usage = entry.grounds or _NO_GROUNDS, entry.usage
    read = cache_read = cache_write = wrote = UNKNOWN
    if usage is not None:
        read, cache_read, cache_write = usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens
        wrote = usage.output_tokens + usage.reasoning_tokens
    traits = [trait / TRAIT_UNIT for trait in grounds.traits] if len(grounds.traits) == 3 else _NO_TRAITS
    aside = sum(one.cost_nano_usd or 0 for one in entry.attempts if not one.answered) if len(entry.attempts) > 1 else 0
    if entry.grounds is None and usage is not None:
        grounds = msgspec.structs.replace(grounds, input_tokens=read + cache_read + cache_write)
    return (
        entry.started_ns,
        kind,
        count,
        grounds.input_tokens,
        grounds.answers,
        UNKNOWN if grounds.max_output_tokens is None else grounds.max_output_tokens,
        decision.worth_usd,
        _how(decision),
        chosen,
        served,
        grounds.session,
        read,
        cache_read,
        cache_write,
        wrote,
        usage is not None and not usage.estimated,
        entry.state == "completed",
        UNKNOWN if entry.cost_nano_usd is None else entry.cost_nano_usd,
        aside,
        entry.duration_ms,
        *traits,
        bytes(entry.deliberation) not in (b"", _NIL) and len(entry.attempts) > 1,
    )
