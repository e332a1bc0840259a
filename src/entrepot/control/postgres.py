"""The control store in PostgreSQL, beside the ledger: for several machines.

Rules of this file: those of `ledger/postgres_connection.py`. Writers of all machines take turns by an advisory lock, which is not
the ledger's: nobody who changes a key waits for entries. A database that does not answer is given up soon, since every process
asks it several times a second and has what it read last.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from entrepot.control import postgres_schema as schema
from entrepot.control.store import ControlStore, Query
from entrepot.errors import ControlError
from entrepot.ledger.postgres_connection import Connection, PostgresConnection, marked

_TABLES = {"objects": "control_objects", "changes": "control_changes"}
_GIVEN_UP_AFTER_MS = 10_000
_STATE = marked("SELECT seq, at_ns FROM control_changes ORDER BY seq DESC LIMIT 1")
_READ_ONLY = b"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


class PostgresControlStore(ControlStore):
    """See ControlStore. It connects when it is first used, and then brings the schema up to date."""

    def __init__(self, url: str) -> None:
        """Raises SettingsError if the address is none."""
        self._database = PostgresConnection(
            url, "the control store", ControlError, schema.prepare, tcp_user_timeout=_GIVEN_UP_AFTER_MS
        )
        self.name = self._database.name

    def state(self) -> Hashable:
        """The number and the time of the newest change: of another store, as of one from a backup, the two are others."""
        with self._database.use() as connection:
            return connection.execute(_STATE).fetchone()

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    @contextmanager
    def _transaction(self, *, writing: bool) -> Iterator[Query]:
        with self._database.use() as connection, connection.transaction(), self._decoding():
            if writing:
                schema.take_turn(connection)
            else:
                connection.execute(_READ_ONLY)
            yield _query_of(connection)

    @contextmanager
    def _decoding(self) -> Iterator[None]:
        try:
            yield
        except msgspec.MsgspecError as error:
            raise ControlError(
                f"the control store in {self.name} holds what this version cannot read: {error}"
            ) from error


def _query_of(connection: Connection) -> Query:
    def query(statement: str, parameters: Sequence[str | int | None]) -> list[tuple[Any, ...]]:
        cursor = connection.execute(marked(statement.format_map(_TABLES)), parameters)
        return cursor.fetchall() if cursor.description else []

    return query
