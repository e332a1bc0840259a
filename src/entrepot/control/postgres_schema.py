"""The schema of the control store in PostgreSQL, as the steps that led to it.

Rules of this file: those of `ledger/migrations.py`. The tables lie beside the ledger's and are told from them by their names.
"""

from __future__ import annotations

from collections.abc import Callable

from entrepot.errors import ControlError
from entrepot.ledger.postgres_connection import Connection

LOCK = 0x636E746C  # "cntl": which of the database's advisory locks writers take turns by
_TEXT = 'TEXT COLLATE "C"'


def m0001_objects(connection: Connection) -> None:
    """As `m0001_objects` of SQLite."""
    connection.execute(f"""
        CREATE TABLE control_objects (
            kind {_TEXT} NOT NULL, name {_TEXT} NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (kind, name)
        )""")
    connection.execute(f"""
        CREATE TABLE control_changes (
            seq BIGINT PRIMARY KEY,
            at_ns BIGINT NOT NULL, who TEXT NOT NULL, via TEXT NOT NULL,
            action TEXT NOT NULL, kind {_TEXT} NOT NULL, name {_TEXT} NOT NULL,
            before TEXT, after TEXT
        )""")
    connection.execute("CREATE INDEX control_changes_of ON control_changes (kind, name)")
    connection.execute("""
        CREATE FUNCTION control_changes_stay() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE EXCEPTION 'the trail of changes is only ever added to'; END $$""")
    connection.execute("""
        CREATE TRIGGER control_changes_stay BEFORE UPDATE OR DELETE OR TRUNCATE ON control_changes
        FOR EACH STATEMENT EXECUTE FUNCTION control_changes_stay()""")


MIGRATIONS: tuple[Callable[[Connection], None], ...] = (m0001_objects,)


def prepare(connection: Connection) -> None:
    """Apply what is missing. Raises ControlError if a newer version wrote the tables."""
    count = applied(connection)
    if count < len(MIGRATIONS):
        with connection.transaction():
            take_turn(connection)
            connection.execute(
                "CREATE TABLE IF NOT EXISTS control_migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)"
            )
            count = applied(connection)
            for number, migration in enumerate(MIGRATIONS[count:], start=count + 1):
                migration(connection)
                connection.execute("INSERT INTO control_migrations VALUES (%s, %s)", (number, migration.__name__))
    if count > len(MIGRATIONS):
        raise ControlError("the control store was written by a newer version of Entrepôt; upgrade this one")


def applied(connection: Connection) -> int:
    """How many migrations the database has had."""
    if connection.execute("SELECT to_regclass('control_migrations')").fetchone() == (None,):
        return 0
    row = connection.execute("SELECT coalesce(max(number), 0) FROM control_migrations").fetchone()
    return int(row[0]) if row else 0


def take_turn(connection: Connection) -> None:
    """Wait until nobody else changes anything, and keep others out until the transaction ends."""
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK,))
