"""Content in PostgreSQL, in tables of its own beside those of the ledger.

Rules of this file: as in `ledger/postgres.py`: nothing connects before it is needed, a connection that broke is made anew,
writers take turns by an advisory lock, and no message holds the address. What is deleted is vacuumed, so its room is used again;
the database's own log, its replicas and backups are not ours to clean.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg import conninfo

from entrepot.errors import LedgerError, SettingsError
from entrepot.ledger.content.store import Answered, ContentStore, Execute, Parameters

_LOCK = 0x656E7463  # "entc"
_TEXT = 'TEXT COLLATE "C"'
_DEFAULTS: dict[str, str | int] = {"connect_timeout": 5, "tcp_user_timeout": 30_000, "application_name": "entrepot"}
Connection = psycopg.Connection[Any]


def m0001_content(connection: Connection) -> None:
    """As that of `sqlite.py`. Bodies are kept as they are: what is sealed cannot be compressed, and the rest is short."""
    connection.execute(f"""
        CREATE TABLE content (
            id {_TEXT} PRIMARY KEY,
            started_ns BIGINT NOT NULL, day {_TEXT} NOT NULL,
            key {_TEXT}, team {_TEXT}, route {_TEXT} NOT NULL, dialect {_TEXT} NOT NULL,
            keep_until_s BIGINT NOT NULL,
            form {_TEXT} NOT NULL, sealed_by {_TEXT}, length BIGINT NOT NULL, body BYTEA NOT NULL
        )""")
    connection.execute("CREATE INDEX content_started ON content (started_ns, id)")
    connection.execute("CREATE INDEX content_keep_until ON content (keep_until_s)")
    connection.execute("CREATE INDEX content_key ON content (key)")
    connection.execute("CREATE INDEX content_team ON content (team)")
    connection.execute(f"""
        CREATE TABLE content_forgotten (
            what {_TEXT} NOT NULL, name {_TEXT} NOT NULL, at_ns BIGINT NOT NULL, PRIMARY KEY (what, name)
        )""")
    connection.execute(f"""
        CREATE TABLE content_ingested (
            name {_TEXT} PRIMARY KEY,
            "offset" BIGINT NOT NULL, entries BIGINT NOT NULL, damaged BIGINT NOT NULL, damaged_bytes BIGINT NOT NULL
        )""")


MIGRATIONS = (m0001_content,)


class PostgresContent(ContentStore):
    """The content in a database; its tables are made if they are not there. Raises SettingsError if the address is none."""

    def __init__(self, url: str) -> None:
        try:
            given = conninfo.conninfo_to_dict(url)
        except psycopg.ProgrammingError:
            raise SettingsError("the address of the ledger's database is none that PostgreSQL understands") from None
        super().__init__(f"the PostgreSQL database '{given.get('dbname', '')}' on {given.get('host', 'this machine')}")
        self._conninfo = conninfo.make_conninfo(url, **{key: _DEFAULTS[key] for key in _DEFAULTS.keys() - given.keys()})
        self._connection: Connection | None = None
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close the connection."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Execute]:
        with self._connected() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield _executing(connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Execute]:
        with self._connected() as connection:
            yield _executing(connection)

    def _scrub(self) -> None:
        with self._connected() as connection:
            connection.execute("VACUUM content")

    @contextlib.contextmanager
    def _connected(self) -> Iterator[Connection]:
        with self._lock:
            try:
                if self._connection is None or self._connection.closed:
                    self._connection = self._connect()
                yield self._connection
            except psycopg.Error as error:
                if self._connection is not None and self._connection.broken:
                    self._connection.close()
                told = " ".join(str(error).split()) or type(error).__name__
                raise LedgerError(f"the kept content in {self.name} cannot be used: {told}") from None

    def _connect(self) -> Connection:
        connection = psycopg.connect(self._conninfo, autocommit=True)
        try:
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                self._migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _migrate(self, connection: Connection) -> None:
        connection.execute(
            "CREATE TABLE IF NOT EXISTS content_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
        )
        row = connection.execute("SELECT coalesce(max(number), 0) FROM content_migrations").fetchone()
        count = int(row[0]) if row else 0
        if count > len(MIGRATIONS):
            raise LedgerError(f"{self.name} was written by a newer version of Entrepôt; upgrade this one")
        for number, migration in enumerate(MIGRATIONS[count:], start=count + 1):
            migration(connection)
            connection.execute("INSERT INTO content_migrations VALUES (%s, %s)", (number, migration.__name__))


def _executing(connection: Connection) -> Execute:
    def execute(statement: str, parameters: Parameters) -> Answered:
        return connection.execute(statement.replace("?", "%s").encode(), parameters)

    return execute
