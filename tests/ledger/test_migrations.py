from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.migrations import MIGRATIONS, applied, migrate
from entrepot.ledger.rows import ATTEMPT_COLUMNS, ENTRY_COLUMNS, SERVED_COLUMNS
from entrepot.ledger.sqlite import ledger_path, open_sqlite, open_sqlite_reader

# The schema that each released migration leaves behind. A released migration is never edited: add a new one instead.
RELEASED = [
    "f516a3e43c192f27",
    "2a5618f17c3217cd",
    "495a638c2c064823",
    "63772da55dc4d6e5",
    "bdf7ce2d8aa201fd",
    "c36bccb5ad33d962",
    "9152233c59144f6e",
    "5344ec904b1b96f0",
    "fc37b133684ac477",
    "79b509265e48b4ba",
]


def schema_after(count: int) -> str:
    connection = sqlite3.connect(":memory:")
    for migration in MIGRATIONS[:count]:
        migration(connection)
    rows = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
    connection.close()
    return hashlib.sha256(repr([(name, " ".join((sql or "").split())) for name, sql in rows]).encode()).hexdigest()[:16]


def test_a_released_migration_is_never_edited() -> None:
    assert [schema_after(number) for number in range(1, len(MIGRATIONS) + 1)] == RELEASED


def test_migrations_are_numbered_by_their_names() -> None:
    assert [int(migration.__name__[1:5]) for migration in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_migrating_twice_changes_nothing() -> None:
    connection = sqlite3.connect(":memory:")
    migrate(connection)
    migrate(connection)
    assert applied(connection) == len(MIGRATIONS)
    assert connection.execute("SELECT count(*) FROM migrations").fetchone() == (len(MIGRATIONS),)
    connection.close()


def test_every_column_that_is_written_is_in_the_schema() -> None:
    connection = sqlite3.connect(":memory:")
    migrate(connection)
    for table, written in (
        ("entries", ("seq", "served", *ENTRY_COLUMNS)),
        ("attempts", ("seq", *ATTEMPT_COLUMNS)),
        ("served", ("served", *SERVED_COLUMNS)),
    ):
        assert {row[1] for row in connection.execute(f"PRAGMA table_info({table})")} == set(written)
    connection.close()


def test_feedback_of_an_earlier_version_is_among_the_outcomes() -> None:
    connection = sqlite3.connect(":memory:")
    migrate(connection, MIGRATIONS[:6])
    connection.execute("INSERT INTO feedback VALUES ('b', 'exchange', 2, 'k', 'user', 0.5, 'meh')")
    connection.execute("INSERT INTO feedback VALUES ('a', 'exchange', 1, NULL, 'program', NULL, 'odd')")
    migrate(connection)
    assert connection.execute("SELECT * FROM outcomes ORDER BY seq").fetchall() == [
        (1, "a", "exchange", 1, "program", "", None, "odd", 1.0, None),
        (2, "b", "exchange", 2, "user", "k", 0.5, "meh", 1.0, None),
    ]
    assert connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'feedback'").fetchall() == []
    connection.close()


def test_a_ledger_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    with sqlite3.connect(ledger_path(tmp_path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (9999, 'm9999_of_tomorrow')")
    connection.close()
    for open_it in (open_sqlite, open_sqlite_reader):
        with pytest.raises(LedgerError, match="newer version"):
            open_it(tmp_path)


def test_a_ledger_of_an_older_version_is_read_once_it_was_brought_up_to_date(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    with sqlite3.connect(ledger_path(tmp_path)) as connection:
        connection.execute("DELETE FROM migrations")
    connection.close()
    with pytest.raises(LedgerError, match="older version"):
        open_sqlite_reader(tmp_path)
