from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from entrepot.control.migrations import MIGRATIONS, migrate
from entrepot.control.sqlite import control_path, open_control, open_control_reader
from entrepot.errors import ControlError
from entrepot.ledger.migrations import applied

# The schema that each released migration leaves behind. A released migration is never edited: add a new one instead.
RELEASED = ["fe986ee131c3fcdc"]


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
    connection.close()


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    open_control(tmp_path).close()
    with sqlite3.connect(control_path(tmp_path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (9999, 'm9999_of_tomorrow')")
    connection.close()
    for open_it in (open_control, open_control_reader):
        with pytest.raises(ControlError, match="newer version"):
            open_it(tmp_path)
