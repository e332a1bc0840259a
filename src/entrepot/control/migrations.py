"""The schema of the control store, as the steps that led to it.

Rules of this file: those of `ledger/migrations.py`. What is kept is named objects as JSON, because they are few, are always
read whole and take the shapes of `objects.py`. That changes are only ever added to is held by the database itself.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable


def m0001_objects(connection: sqlite3.Connection) -> None:
    """The first schema."""
    connection.execute("""
        CREATE TABLE objects (
            kind TEXT NOT NULL, name TEXT NOT NULL, body TEXT NOT NULL,
            PRIMARY KEY (kind, name)
        ) WITHOUT ROWID""")
    connection.execute("""
        CREATE TABLE changes (
            seq INTEGER PRIMARY KEY,
            at_ns INTEGER NOT NULL, who TEXT NOT NULL, via TEXT NOT NULL,
            action TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
            before TEXT, after TEXT
        )""")
    connection.execute("CREATE INDEX changes_of ON changes (kind, name)")
    for verb in ("UPDATE", "DELETE"):
        connection.execute(f"""
            CREATE TRIGGER changes_no_{verb.lower()} BEFORE {verb} ON changes
            BEGIN SELECT RAISE(ABORT, 'the trail of changes is only ever added to'); END""")


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (m0001_objects,)


def applied(connection: sqlite3.Connection) -> int:
    """How many migrations the database has had; 0 for an empty one."""
    if not connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'migrations'").fetchone():
        return 0
    (count,) = connection.execute("SELECT coalesce(max(number), 0) FROM migrations").fetchone()
    return int(count)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, inside the caller's transaction."""
    connection.execute("CREATE TABLE IF NOT EXISTS migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL)")
    for number, migration in enumerate(MIGRATIONS, start=1):
        if number > applied(connection):
            migration(connection)
            connection.execute("INSERT INTO migrations VALUES (?, ?)", (number, migration.__name__))
