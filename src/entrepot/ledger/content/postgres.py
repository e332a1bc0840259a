"""Content in PostgreSQL, in tables of its own beside those of the ledger.

Rules of this file: writers take turns by an advisory lock. What is deleted is vacuumed, so its room is used again;
the database's own log, its replicas and backups are not ours to clean.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from entrepot.errors import LedgerError
from entrepot.ledger.content.store import Answered, ContentStore, Execute, Parameters
from entrepot.ledger.postgres_connection import Connection, PostgresConnection, marked

_LOCK = 0x656E7463  # "entc"
_TEXT = 'TEXT COLLATE "C"'


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
        self._database = PostgresConnection(url, "the kept content", LedgerError, self._set_up)
        super().__init__(self._database.name)

    def close(self) -> None:
        """Close the connection."""
        self._database.close()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[Execute]:
        with self._database.use() as connection, connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            yield _executing(connection)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Execute]:
        with self._database.use() as connection:
            yield _executing(connection)

    def _scrub(self) -> None:
        with self._database.use() as connection:
            connection.execute("VACUUM content")

    def _set_up(self, connection: Connection) -> None:
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
            self._migrate(connection)

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
        return connection.execute(marked(statement), parameters)

    return execute
