"""What every test of the control store starts from: an empty one, in either database."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from entrepot.control.place import ControlPlace
from entrepot.control.postgres import PostgresControlStore
from entrepot.control.sqlite import control_path
from entrepot.control.store import ControlStore
from tests.control.admin import Admin
from tests.control.books import a_store
from tests.postgres_server import PostgresServer

WriteObject = Callable[[str, str], None]


@pytest.fixture(params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest) -> str | None:
    """The address of an empty database, None where the store is to be a file."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.make_database()


@pytest.fixture
def place(tmp_path: Path, database: str | None) -> ControlPlace:
    """Where a store may be made."""
    return ControlPlace(tmp_path, database)


@pytest.fixture
def store(place: ControlPlace) -> Iterator[ControlStore]:
    """An empty store."""
    with place.open_store() as opened:
        yield opened


@pytest.fixture
def write_object(tmp_path: Path, database: str | None) -> WriteObject:
    """Writes an object of a kind past the store."""

    def write(kind: str, body: str) -> None:
        if database is None:
            connection = sqlite3.connect(control_path(tmp_path))
            connection.execute("INSERT INTO objects VALUES (?, 'x', ?)", (kind, body))
            connection.commit()
            connection.close()
            return
        with PostgresControlStore(database) as store:
            store.state()  # makes the tables
        with psycopg.connect(database) as other:
            other.execute("INSERT INTO control_objects VALUES (%s, 'x', %s)", (kind, body))

    return write


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Admin]:
    """An admin API over an empty store, with one admin."""
    with a_store(tmp_path) as opened:
        yield Admin(tmp_path, opened)
