"""What a store of content does, in SQL that SQLite and PostgreSQL both understand.

Rules of this file: it knows no database; whoever inherits says how a transaction is made, and turns that database's errors into
LedgerError. One transaction that writes is at work at a time. What was forgotten stays so: a record that arrives late, from a
spool that lay elsewhere, is not taken in if its exchange began before its principal, or itself, was forgotten.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Literal, Protocol, Self

import msgspec

from entrepot.errors import LedgerError
from entrepot.ledger.content.record import Kept
from entrepot.ledger.store import SpoolProgress

Whose = Literal["key", "team", "id"]
"""By what is forgotten: the exchanges of a key or a team, or one exchange."""

Parameters = Sequence[int | str | bytes | None]
_PAGE = 100
_MATCHES = "(what = 'key' AND name = ?) OR (what = 'team' AND name = ?) OR (what = 'id' AND name = ?)"
_COLUMNS = "id, started_ns, key, team, route, dialect, keep_until_s, form, sealed_by, length, body"
_INSERT = f"""
    INSERT INTO content (day, {_COLUMNS}) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?
    WHERE NOT EXISTS (SELECT 1 FROM content_forgotten WHERE at_ns >= ? AND ({_MATCHES}))
    ON CONFLICT (id) DO NOTHING"""  # noqa: S608 - only constants are put in
_FIND = f"SELECT {_COLUMNS} FROM content WHERE id = ?"  # noqa: S608 - only constants are put in
_EACH = f"""
    SELECT {_COLUMNS} FROM content
    WHERE started_ns >= ? AND started_ns < ? AND (started_ns > ? OR id > ?) AND form <> 'too_long'
    ORDER BY started_ns, id LIMIT {_PAGE}"""  # noqa: S608 - only constants are put in
_HOLDINGS = """
    SELECT route, sealed_by, sum(CASE WHEN form = 'too_long' THEN 0 ELSE 1 END),
           sum(CASE WHEN form = 'too_long' THEN 1 ELSE 0 END), sum(length(body)), min(started_ns), max(started_ns)
    FROM content GROUP BY route, sealed_by ORDER BY route, sealed_by"""
_MOVE = """
    INSERT INTO content_ingested (name, "offset", entries, damaged, damaged_bytes) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET "offset" = excluded."offset", entries = excluded.entries,
        damaged = excluded.damaged, damaged_bytes = excluded.damaged_bytes"""
_FORGET = """
    INSERT INTO content_forgotten (what, name, at_ns) VALUES (?, ?, ?)
    ON CONFLICT (what, name) DO UPDATE SET at_ns = excluded.at_ns WHERE excluded.at_ns > content_forgotten.at_ns"""


class Answered(Protocol):
    """What comes back of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows it changed."""

    def fetchall(self) -> list[Any]:
        """Its rows."""


Execute = Callable[[str, Parameters], Answered]


class Holding(msgspec.Struct, frozen=True):
    """What is kept of one route, sealed with one key (None: not sealed). `stored_bytes` is the length of all bodies as they lie
    there; of `too_long` exchanges nothing is kept but that they were. Times are nanoseconds since 1970.
    """

    route: str
    sealed_by: str | None
    exchanges: int
    too_long: int
    stored_bytes: int
    first_ns: int
    last_ns: int


class ContentStore(ABC):
    """The content of an installation, open. It is called `name` in messages; any thread may call. Raises LedgerError."""

    def __init__(self, name: str) -> None:
        self.name = name

    @abstractmethod
    def _writing(self) -> AbstractContextManager[Execute]:
        """A transaction in which nobody else writes."""

    @abstractmethod
    def _reading(self) -> AbstractContextManager[Execute]:
        """Statements that read."""

    @abstractmethod
    def _scrub(self) -> None:
        """See to it that what was deleted is not to be found in the database's files any more, as far as it can."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the database."""

    def insert(
        self, records: Sequence[Kept], before: SpoolProgress | None = None, after: SpoolProgress | None = None
    ) -> int:
        """Write what is not there yet and was not forgotten; returns how many. All or, with LedgerError, none.

        With `after` the progress of a spool file is moved from `before` in the same transaction; where it is not at `before`
        any more, another process has ingested the file: LedgerError.
        """
        with self._writing() as execute:
            if after is not None:
                _move(execute, before, after)
            return sum(execute(_INSERT, _row_of(one)).rowcount for one in records)

    def replace(self, record: Kept) -> bool:
        """Write this in the place of what is there under its id. Whether something was."""
        with self._writing() as execute:
            statement = "UPDATE content SET form = ?, sealed_by = ?, length = ?, body = ? WHERE id = ?"
            given = (record.form, record.sealed_by, record.length, record.body, record.id)
            return execute(statement, given).rowcount > 0

    def find(self, exchange: str) -> Kept | None:
        """What is kept of an exchange, None where nothing is."""
        with self._reading() as execute:
            rows = execute(_FIND, (exchange,)).fetchall()
        return _record_of(rows[0]) if rows else None

    def each(self, since_ns: int = 0, until_ns: int = (1 << 63) - 1) -> Iterator[Kept]:
        """All whose exchanges began in this time, in that order; read a page at a time. Those that were too long are left out."""
        last, last_id = since_ns, ""
        while True:
            with self._reading() as execute:
                rows = execute(_EACH, (last, until_ns, last, last_id)).fetchall()
            yield from map(_record_of, rows)
            if len(rows) < _PAGE:
                return
            last_id, last = rows[-1][:2]

    def holdings(self) -> tuple[Holding, ...]:
        """How much is kept, by route and by the key that it is sealed with."""
        with self._reading() as execute:
            return tuple(
                Holding(route, sealed_by, *(int(number or 0) for number in numbers))
                for route, sealed_by, *numbers in execute(_HOLDINGS, ()).fetchall()
            )

    def spool_progress(self) -> dict[str, SpoolProgress]:
        """How far each spool file has been ingested."""
        with self._reading() as execute:
            statement = 'SELECT name, "offset", entries, damaged, damaged_bytes FROM content_ingested'
            return {row[0]: SpoolProgress(*row) for row in execute(statement, ()).fetchall()}

    def forget(self, whose: Whose, name: str, now_ns: int) -> int:
        """Erase the content of a key, a team or one exchange, and take in none that began up to now; returns how much."""
        with self._writing() as execute:
            execute(_FORGET, (whose, name, now_ns))
            count = execute(f"DELETE FROM content WHERE {whose} = ?", (name,)).rowcount  # noqa: S608 - one of three words
        self._scrub()
        return count

    def drop(self, now_s: int, before_ns: int) -> int:
        """Erase what is past its time, and all that began before a moment. Returns how much that was."""
        with self._writing() as execute:
            statement = "DELETE FROM content WHERE keep_until_s < ? OR started_ns < ?"
            count = execute(statement, (now_s, before_ns)).rowcount
            execute(
                "DELETE FROM content_forgotten WHERE at_ns < ?", (before_ns,)
            )  # all that it could hold back is too old now
        if count:
            self._scrub()
        return count

    def scrub(self) -> None:
        """See to it that what was replaced is not to be found in the database's files any more."""
        self._scrub()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _move(execute: Execute, before: SpoolProgress | None, after: SpoolProgress) -> None:
    found = execute('SELECT "offset" FROM content_ingested WHERE name = ?', (after.name,)).fetchall()
    if (found[0][0] if found else 0) != (0 if before is None else before.offset):
        raise LedgerError(f"the spool {after.name} was ingested by another process meanwhile; try again")
    execute(_MOVE, msgspec.structs.astuple(after))


def _row_of(one: Kept) -> Parameters:
    columns: tuple[int | str | bytes | None, ...] = msgspec.structs.astuple(one)
    return (one.day, *columns, one.started_ns, one.key, one.team, one.id)


def _record_of(row: Sequence[Any]) -> Kept:
    *columns, body = row
    return msgspec.convert((*columns, bytes(body)), Kept)
