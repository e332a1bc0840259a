"""The schema of the control store, as the steps that led to it.

Rules of this file: those of `ledger/migrations.py`. What is kept is named objects as JSON, because they are few, are always
read whole and take the shapes of `objects.py`. That changes are only ever added to is held by the database itself.
"""

from __future__ import annotations

import sqlite3

from entrepot.ledger import migrations as ledger


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


MIGRATIONS: ledger.Migrations = (m0001_objects,)


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, inside the caller's transaction."""
    ledger.migrate(connection, MIGRATIONS)
