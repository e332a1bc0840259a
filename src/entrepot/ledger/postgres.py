"""The ledger in PostgreSQL, for many machines: several ingesters, any number of readers.

Rules of this file: nothing connects before it is needed, and a connection that broke is made anew by the next call: a database
that is away for a while is a LedgerError for as long, and entries wait in the spools. Ingesters of several machines take turns
by an advisory lock, which the database lets go of when a process dies. No message holds the address, which may hold a password.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from typing import Any

import msgspec
import psycopg
from psycopg import sql
from psycopg.adapt import Buffer, Loader

from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.ledger import postgres_schema as schema
from entrepot.ledger.documents import Document
from entrepot.ledger.erasures import DROP_NOTED, Ask, Erasures, remember
from entrepot.ledger.outcomes import DROP_OUTCOMES, FORGET_OUTCOMES, INSERT_OUTCOME, OUTCOMES_OF, outcome_row
from entrepot.ledger.postgres_batch import Batch, array_of, batch_of
from entrepot.ledger.postgres_connection import PostgresConnection, marked
from entrepot.ledger.postgres_copy import add_to_rollups, copy_batch
from entrepot.ledger.reading import RelationalReader, RelationalStore
from entrepot.ledger.rollups import forget_statements, remake_statements
from entrepot.ledger.rows import SERVED_COLUMNS, Value
from entrepot.ledger.sources import beginning_of
from entrepot.ledger.store import Principal, SpoolProgress
from entrepot.ledger.verify import Verified, verify

_READ_AT_ONCE = 2_000


class _WholeNumber(Loader):
    """PostgreSQL adds BIGINT up as NUMERIC; the ledger's own sums are whole."""

    def load(self, data: Buffer) -> int | Decimal:
        text = bytes(data).decode("ascii")
        return Decimal(text) if "." in text else int(text)


class PostgresReader(RelationalReader):
    """Reads a ledger in a database. Raises SettingsError if the address is none."""

    def __init__(self, url: str) -> None:
        self._database = PostgresConnection(url, "the ledger", LedgerError, self._set_up)
        super().__init__(self._database.name)

    def verify(self) -> Verified:
        """See RelationalReader."""
        with self._connected() as connection, connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            numbers = iter(range(1 << 30))

            def query(statement: str) -> Iterator[Sequence[Any]]:
                cursor = connection.cursor(name=f"verify_{next(numbers)}")
                cursor.itersize = _READ_AT_ONCE
                cursor.execute(statement.encode())
                yield from cursor
                cursor.close()

            return verify(query)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    def _query(self, statement: str, parameters: Sequence[Value] = ()) -> list[Any]:
        with self._connected() as connection:
            return connection.execute(marked(statement), parameters).fetchall()

    def _connected(self) -> AbstractContextManager[psycopg.Connection[Any]]:
        """The connection, for one thread at a time; whatever goes wrong is a LedgerError."""
        return self._database.use()

    def _set_up(self, connection: psycopg.Connection[Any]) -> None:
        connection.adapters.register_loader("numeric", _WholeNumber)
        connection.execute("SET jit = off")  # over roll-ups it compiles for 30 ms what then runs for one
        self._greet(connection)

    def _greet(self, connection: psycopg.Connection[Any]) -> None:
        """What is done with a new connection before it is used."""
        count = schema.applied(connection)
        if count != len(schema.MIGRATIONS):
            age = (
                "a newer version of Entrepôt; upgrade this one"
                if count > len(schema.MIGRATIONS)
                else "an older version"
            )
            remedy = age if count > len(schema.MIGRATIONS) else f"{age}, or empty; start `entrepot up` once"
            raise LedgerError(f"the ledger in {self.name} is of {remedy}")


class PostgresStore(PostgresReader, RelationalStore):
    """Reads and writes a ledger; brings its schema up to date."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._served: dict[tuple[Value, ...], int] = {}
        self._months: set[str] = set()

    def insert_documents(
        self,
        documents: Sequence[Document],
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """See LedgerStore."""
        return self.insert_batch(batch_of(documents), outcomes, before=before, after=after)

    def insert_batch(
        self,
        batch: Batch,
        outcomes: Sequence[Outcome] = (),
        *,
        before: SpoolProgress | None = None,
        after: SpoolProgress | None = None,
    ) -> int:
        """As `insert_documents`, for what is made into rows already."""
        with self._connected() as connection:
            try:
                self._make_room(connection, batch)
                with connection.transaction():
                    connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
                    if after is not None:
                        _move(connection, before, after)
                    erasures = Erasures(_asking(connection))
                    batch = batch.without(erasures.turn_away(batch.asked()))
                    if outcomes := erasures.spare(outcomes):
                        connection.cursor().executemany(marked(INSERT_OUTCOME), [outcome_row(one) for one in outcomes])
                    return self._insert_new(connection, batch)
            except BaseException:
                self._served.clear()  # it may name rows that are taken back
                self._months.clear()
                raise

    def rebuild_rollups(self) -> None:
        """See RelationalStore."""
        with self._writing() as connection:
            _remake(connection, f"day >= '{schema.kept_since(connection)}'")

    def drop_before(self, day: str) -> int:
        """See RelationalStore. Whole months only: a partition is dropped once all of it is older."""
        count, first_month = 0, day[:7]
        with self._writing() as connection:
            connection.execute("UPDATE kept SET since_day = greatest(since_day, %s)", (f"{first_month}-01",))
            for statement in (DROP_OUTCOMES, DROP_NOTED):
                connection.execute(marked(statement), (beginning_of(f"{first_month}-01"),))
            connection.execute(marked(OUTCOMES_OF.format("day < ?")), (f"{first_month}-01",))
        with self._connected() as connection:
            for month in sorted(month for month in schema.months_held(connection, whole=False) if month < first_month):
                count += schema.drop_partitions(connection, month)
            self._months.clear()
        return count

    def forget(self, principal: Principal, name: str, now_ns: int) -> int:
        """See RelationalStore."""
        with self._writing() as connection:
            remember(_asking(connection), principal, name, now_ns)
            since_day = schema.kept_since(connection)
            where = sql.SQL("WHERE {} = %s").format(sql.Identifier(principal))
            for table in ("attempts", "documents"):
                connection.execute(
                    sql.SQL("DELETE FROM {0} USING entries {1} AND {0}.seq = entries.seq AND entry_day = day").format(
                        sql.Identifier(table), sql.SQL("WHERE entries.{} = %s").format(sql.Identifier(principal))
                    ),
                    (name,),
                )
            connection.execute(marked(FORGET_OUTCOMES[principal]), (name,) * FORGET_OUTCOMES[principal].count("?"))
            found = connection.execute(
                sql.SQL("DELETE FROM entries {} RETURNING day").format(where), (name,)
            ).fetchall()
            for statement in forget_statements(principal):
                connection.execute(marked(statement), (name, since_day))
            days = sorted({day for (day,) in found if day >= since_day})
            if days:
                _remake(connection, f"day IN ({', '.join(repr(day) for day in days)})")
        return len(found)

    @contextmanager
    def _writing(self) -> Iterator[psycopg.Connection[Any]]:
        """A transaction, in which nobody else writes."""
        with self._connected() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
            yield connection

    def _greet(self, connection: psycopg.Connection[Any]) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (schema.LOCK,))
            schema.migrate(connection)
            schema.refresh_rollups(connection)

    def _make_room(self, connection: psycopg.Connection[Any], batch: Batch) -> None:
        """Partitions for new months, before the transaction that needs them: making one holds everybody up."""
        wanted = {day[:7] for day in batch.days()}
        if wanted <= self._months:
            return
        self._months = schema.months_held(connection)
        for month in sorted(wanted - self._months):
            schema.make_partitions(connection, month)
            self._months.add(month)

    def _insert_new(self, connection: psycopg.Connection[Any], batch: Batch) -> int:
        if batch.entries:
            batch = batch.without(_known(connection, batch))
        if not batch.entries:
            return 0
        first = _take_numbers(connection, len(batch.entries))
        served = [None, *(self._intern(connection, facts) for facts in batch.facts)]
        copy_batch(connection, batch, first, served)
        for added in batch.added:
            add_to_rollups(connection, added, served)
        return len(batch.entries)

    def _intern(self, connection: psycopg.Connection[Any], facts: tuple[Value, ...]) -> int:
        known = self._served.get(facts)
        if known is None:
            plain = [int(fact) if isinstance(fact, bool) else fact for fact in facts]
            row = (
                connection.execute(_FIND_SERVED, plain).fetchone()
                or connection.execute(_INSERT_SERVED, plain).fetchone()
            )
            known = self._served[facts] = int(row[0]) if row else 0
        return known


def _remake(connection: psycopg.Connection[Any], days: str) -> None:
    for statement in remake_statements(days):
        connection.execute(statement.encode())


def _asking(connection: psycopg.Connection[Any]) -> Ask:
    def ask(statement: str, parameters: Sequence[Value]) -> Sequence[Sequence[Any]]:
        cursor = connection.execute(marked(statement), parameters)
        return cursor.fetchall() if cursor.description is not None else ()

    return ask


def _move(connection: psycopg.Connection[Any], before: SpoolProgress | None, after: SpoolProgress) -> None:
    start = 0 if before is None else before.offset
    found = connection.execute('SELECT "offset" FROM ingested WHERE name = %s', (after.name,)).fetchone()
    if (found[0] if found else 0) != start:
        raise LedgerError(f"the spool {after.name} was ingested by another process meanwhile; try again")
    connection.execute(
        'INSERT INTO ingested (name, "offset", entries, damaged, damaged_bytes) VALUES (%s, %s, %s, %s, %s) '
        'ON CONFLICT (name) DO UPDATE SET "offset" = excluded."offset", entries = excluded.entries, '
        "damaged = excluded.damaged, damaged_bytes = excluded.damaged_bytes",
        msgspec.structs.astuple(after),
    )


def _known(connection: psycopg.Connection[Any], batch: Batch) -> set[str]:
    """What is there already. An exchange's id says when it began: it is only looked for on the days of the batch."""
    days = batch.days()
    found = connection.execute(
        "SELECT id FROM entries WHERE id = ANY(%s::text[]) AND day BETWEEN %s AND %s",
        (array_of(batch.ids()), min(days), max(days)),
    ).fetchall()
    return {id_ for (id_,) in found}


def _take_numbers(connection: psycopg.Connection[Any], count: int) -> int:
    """The first of so many numbers that follow each other: nobody else takes any meanwhile."""
    row = connection.execute(
        "SELECT setval('entry_numbers', nextval('entry_numbers') + %s) - %s", (count - 1, count - 1)
    ).fetchone()
    return int(row[0]) if row else 0


_FIND_SERVED = (
    f"SELECT served FROM served WHERE {' AND '.join(f'{name} IS NOT DISTINCT FROM %s' for name in SERVED_COLUMNS)}"  # noqa: S608 - closed lists
).encode()
_INSERT_SERVED = (
    f"INSERT INTO served ({', '.join(SERVED_COLUMNS)}) VALUES ({', '.join(['%s'] * len(SERVED_COLUMNS))}) RETURNING served"  # noqa: S608 - closed lists
).encode()
