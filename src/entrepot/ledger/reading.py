"""What reports ask of a ledger, asked in SQL that SQLite and PostgreSQL both understand.

Rules of this file: it knows no database; whoever inherits says how a statement is run, and turns that database's errors into
LedgerError.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec

from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.exchange.records import Entry
from entrepot.ledger import outcomes, queries
from entrepot.ledger import shadows as shadows_sql
from entrepot.ledger.documents import Document, documents_of
from entrepot.ledger.pairs import Expectation, Paired, Shadowed, Spending
from entrepot.ledger.rows import Value
from entrepot.ledger.store import (
    ALWAYS,
    Comparison,
    Dimension,
    Drawn,
    Group,
    Judged,
    Judgement,
    Period,
    Principal,
    SpoolProgress,
    Sums,
    Told,
    Unfinished,
)
from entrepot.ledger.verify import Verified

_PAGE_ROWS = 2000
_BATCH_IDS = 500
_DRAWN_TRUTHS = tuple(place for place, kind in enumerate(Drawn.__annotations__.values()) if kind == "bool")
_END_NS = (1 << 63) - 1


class RelationalReader(ABC):
    """Reads a ledger that is called `name` in messages. Safe to use from several threads, one query at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._decoder = msgspec.msgpack.Decoder(Entry)

    @abstractmethod
    def _query(self, statement: str, parameters: Sequence[Value] = ()) -> list[Any]:
        """The rows of a statement whose parameters are written `?`. Raises LedgerError."""

    @abstractmethod
    def verify(self) -> Verified:
        """Read the ledger against itself; see `ledger/verify.py`."""

    @abstractmethod
    def close(self) -> None:
        """See LedgerReader."""

    def ask(self, statement: str, parameters: Sequence[Value] = ()) -> list[Any]:
        """The rows of a question in the SQL that both databases understand. Raises LedgerError."""
        return self._query(statement, parameters)

    def kept_since(self) -> str:
        """The first day whose entries are all kept; '' where none were ever dropped."""
        rows = self._query("SELECT since_day FROM kept")
        return str(rows[0][0]) if rows else ""

    def find(self, entry_id: str) -> Entry | None:
        """See LedgerReader."""
        rows = self._query(queries.FIND, (entry_id,))
        if not rows:
            return None
        try:
            return self._decoder.decode(rows[0][0])
        except msgspec.MsgspecError as error:
            raise LedgerError(f"entry {entry_id} in {self.name} cannot be read by this version: {error}") from error

    def documents(self, period: Period = ALWAYS) -> Iterator[bytes]:
        """See LedgerReader."""
        last, seq = period.since_ns or 0, 0
        until = _END_NS if period.until_ns is None else period.until_ns
        while rows := self._query(queries.PAGE, (last, last, seq, until, _PAGE_ROWS)):
            yield from (bytes(row[2]) for row in rows)
            last, seq = rows[-1][:2]

    def totals(self, period: Period = ALWAYS) -> Sums:
        """See LedgerReader."""
        sql, parameters = queries.totals_by((), period)
        (row,) = self._query(sql, parameters)
        return Sums(*row)

    def totals_by(
        self, dimensions: Sequence[Dimension], period: Period = ALWAYS, *, shadows: bool = False
    ) -> tuple[Group, ...]:
        """See LedgerReader."""
        sql, parameters = queries.totals_by(dimensions, period)
        count = len(dimensions)
        return tuple(
            Group(tuple(None if value is None else str(value) for value in row[:count]), bool(row[count]), sums)
            for row in self._query(sql, parameters)
            if (sums := Sums(*row[count + 1 :])).exchanges or (shadows and sums.shadows)
        )

    def shadowed(self, period: Period = ALWAYS) -> tuple[Shadowed, ...]:
        """See LedgerReader."""
        return tuple(Shadowed(*row) for row in self._query(*shadows_sql.shadowed(period)))

    def pairs(self, period: Period = ALWAYS) -> tuple[Paired, ...]:
        """See LedgerReader."""
        return tuple(Paired(*row) for row in self._query(*shadows_sql.pairs(period)))

    def comparisons(self, period: Period = ALWAYS, route: str | None = None) -> tuple[Comparison, ...]:
        """See LedgerReader."""
        sql, parameters = queries.comparisons(period, route)
        return tuple(queries.comparison_of(row) for row in self._query(sql, parameters))

    def unfinished(self, period: Period = ALWAYS) -> Unfinished:
        """See LedgerReader."""
        sql, parameters = queries.unfinished(period)
        (row,) = self._query(sql, parameters)
        return Unfinished(*row)

    def judged(self, period: Period = ALWAYS) -> tuple[Judged, ...]:
        """See LedgerReader."""
        return tuple(
            Judged(*row) for sql, parameters in outcomes.judged(period) for row in self._query(sql, parameters)
        )

    def told(self, period: Period = ALWAYS) -> Iterator[Told]:
        """See LedgerReader."""
        last = ("", "", "")
        while True:
            rows = self._query(*outcomes.told(period, last, _PAGE_ROWS))
            yield from (Told(*row) for row in rows)
            if len(rows) < _PAGE_ROWS:
                return
            last = (rows[-1][0], rows[-1][7], rows[-1][8])

    def judgements(self, sources: Sequence[OutcomeSource], period: Period = ALWAYS) -> Iterator[Judgement]:
        """See LedgerReader."""
        last = ("", "", "")
        while True:
            rows = self._query(*outcomes.judgements(period, sources, last, _PAGE_ROWS))
            yield from (Judgement(*row) for row in rows)
            if len(rows) < _PAGE_ROWS:
                return
            last = (rows[-1][0], rows[-1][9], rows[-1][10])

    def outcomes_after(self, seq: int, most: int = 1000) -> list[tuple[int, Outcome]]:
        """See LedgerReader."""
        return [(number, Outcome(*fields)) for number, *fields in self._query(outcomes.AFTER, (seq, most))]

    def expectations(self, period: Period = ALWAYS) -> tuple[Expectation, ...]:
        """See LedgerReader."""
        sql, parameters = outcomes.expectations(period)
        return tuple(Expectation(*row) for row in self._query(sql, parameters))

    def drawn(self, period: Period = ALWAYS) -> tuple[Drawn, ...]:
        """See LedgerReader."""
        sql, parameters = outcomes.drawn(period)
        rows = self._query(sql, parameters)
        return tuple(_drawn(row) for row in rows)

    def documents_of(self, exchanges: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """See LedgerReader."""
        for first in range(0, len(exchanges), _BATCH_IDS):
            ids = exchanges[first : first + _BATCH_IDS]
            yield from ((row[0], bytes(row[1])) for row in self._query(queries.documents_of(len(ids)), ids))

    def added_time(self, period: Period = ALWAYS) -> dict[int, int]:
        """See LedgerReader."""
        sql, parameters = queries.added_time(period)
        return dict(self._query(sql, parameters))

    def spending(self, period: Period = ALWAYS, without: Sequence[str] = ()) -> tuple[Spending, ...]:
        """See LedgerReader."""
        sql, parameters = queries.spending(period, without)
        return tuple(Spending(*row) for row in self._query(sql, parameters))

    def spool_progress(self) -> dict[str, SpoolProgress]:
        """See LedgerReader."""
        return {row[0]: SpoolProgress(*row) for row in self._query(queries.SPOOL_PROGRESS)}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _drawn(row: Sequence[Any]) -> Drawn:
    """A row of `outcomes.drawn` as a value."""
    values: list[Any] = list(row)
    for place in _DRAWN_TRUTHS:
        values[place] = bool(values[place])
    return Drawn(*values)


class RelationalStore(RelationalReader):
    """Reads and writes a ledger."""

    @abstractmethod
    def insert_documents(
        self,
        documents: Sequence[Document],
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """See LedgerStore."""

    @abstractmethod
    def rebuild_rollups(self) -> None:
        """Make the roll-ups again from the entries: to the same numbers, unless somebody wrote into the database.

        The sums of days whose entries were dropped stay as they are.
        """

    @abstractmethod
    def drop_before(self, day: str) -> int:
        """Drop the entries of earlier days, with all that belongs to them; returns how many. Roll-ups stay."""

    @abstractmethod
    def forget(self, principal: Principal, name: str, now_ns: int) -> int:
        """Drop the entries of one key or team, and make the roll-ups of their days as though they had never been.

        What began up to `now_ns` and arrives later, and what is said of it, is not taken in.

        Of days whose entries were dropped before, the sums by that key or team go; those by others still hold its share, which
        nothing tells apart any more. Returns how many entries were dropped.
        """

    def insert(
        self, entries: Sequence[Entry], *, before: SpoolProgress | None = None, after: SpoolProgress | None = None
    ) -> int:
        """See LedgerStore."""
        return self.insert_documents(documents_of(entries), before=before, after=after)
