"""What was erased stays so: whose exchanges were forgotten and when, held against whatever arrives later.

Rules of this file: SQL that SQLite and PostgreSQL both understand, with `?` for parameters, run inside the transaction that
erases or brings in. An erasure reaches what began up to its moment, and what its key said up to then: a key of that name made
later is another's. Of erased exchanges the bare ids are kept, because an outcome says no more than an id of what it is about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from entrepot.exchange.outcome import Outcome
from entrepot.ledger.outcomes import OUTCOME_SOURCES_OF_KEYS
from entrepot.ledger.rows import Value
from entrepot.ledger.store import Principal

Ask = Callable[[str, Sequence[Value]], Sequence[Sequence[Any]]]
"""Runs a statement and gives its rows, none where it has none."""

_REMEMBER = """
    INSERT INTO forgotten (what, name, at_ns) VALUES (?, ?, ?)
    ON CONFLICT (what, name) DO UPDATE SET at_ns = excluded.at_ns WHERE excluded.at_ns > forgotten.at_ns
"""
_CLAIM_SHADOWS = "UPDATE entries SET {0} = ? WHERE shadow_of IN (SELECT id FROM entries WHERE {0} = ?)"
"""What was asked beside a principal's exchanges is theirs when it comes to forgetting, whoever it was asked as."""
_NOTE_THEIRS = """
    INSERT INTO forgotten_exchanges (id, started_ns) SELECT id, started_ns FROM entries WHERE {} = ?
    ON CONFLICT (id) DO NOTHING
"""
_NOTE = "INSERT INTO forgotten_exchanges (id, started_ns) VALUES (?, ?) ON CONFLICT (id) DO NOTHING"
_DROP_SAID = "DELETE FROM outcomes WHERE exchange = ?"
_IS_NOTED = "SELECT 1 FROM forgotten_exchanges WHERE id = ?"
_EACH = "SELECT what, name, at_ns FROM forgotten"
DROP_NOTED = "DELETE FROM forgotten_exchanges WHERE started_ns < ?"
"""What is said of entries that are too old goes by its own age. The erasures themselves stay: a spool may be older still."""


def remember(ask: Ask, principal: Principal, name: str, now_ns: int) -> None:
    """Write down that a principal is forgotten, and which exchanges that reaches, before they are deleted: all that are under its
    name then.
    """
    ask(_REMEMBER, (principal, name, now_ns))
    ask(_CLAIM_SHADOWS.format(principal), (name, name))
    ask(_NOTE_THEIRS.format(principal), (name,))


class Asked(NamedTuple):
    """Of an entry: its id, when it began, its key and team, and of which exchange it is the shadow."""

    id: str
    started_ns: int
    key: str | None
    team: str | None
    shadow_of: str | None = None


class Erasures:
    """All that were ever made, as they are when this is. False where there were none: the common case costs one question."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._at_ns: dict[tuple[str, str], int] = {(what, name): at_ns for what, name, at_ns in ask(_EACH, ())}

    def __bool__(self) -> bool:
        return bool(self._at_ns)

    def turn_away(self, entries: Iterable[Asked]) -> frozenset[str]:
        """The ids of those that an erasure reaches; they are noted, and what was said of them before is deleted."""
        if not self:
            return frozenset()
        entries = list(entries)
        reached = {one.id: one.started_ns for one in entries if self._reaches(one.started_ns, one.key, one.team)}
        for one in entries:
            of = one.shadow_of
            if of is not None and (of in reached or self._ask(_IS_NOTED, (of,))):
                reached[one.id] = one.started_ns
        for id_, started_ns in reached.items():
            self._ask(_NOTE, (id_, started_ns))
            self._ask(_DROP_SAID, (id_,))
        return frozenset(reached)

    def spare(self, outcomes: Sequence[Outcome]) -> Sequence[Outcome]:
        """Those that no erasure reaches: neither by who says them nor by the exchange that they are about."""
        if not self:
            return outcomes
        return [
            one
            for one in outcomes
            if not self._reaches_word(one) and not self._ask(_IS_NOTED, (one.exchange,))
        ]  # fmt: skip

    def _reaches(self, started_ns: int, key: str | None, team: str | None) -> bool:
        return any(
            name is not None and self._at_ns.get((what, name), -1) >= started_ns
            for what, name in (("key", key), ("team", team))
        )

    def _reaches_word(self, outcome: Outcome) -> bool:
        return (
            outcome.source in OUTCOME_SOURCES_OF_KEYS and self._at_ns.get(("key", outcome.who), -1) >= outcome.given_ns
        )
