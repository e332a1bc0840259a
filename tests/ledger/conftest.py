"""Ledgers in both databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.reading import RelationalStore
from tests.postgres_server import PostgresServer


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> LedgerPlace:
    """Where an empty ledger is."""
    if request.param == "sqlite":
        return LedgerPlace(tmp_path)
    server: PostgresServer = request.getfixturevalue("postgres")
    return LedgerPlace(tmp_path, server.make_database())


@pytest.fixture
def store(place: LedgerPlace) -> Iterator[RelationalStore]:
    """An empty ledger."""
    with place.open_store() as store:
        yield store


OpenPlace = Callable[[str], LedgerPlace]


@pytest.fixture(params=["sqlite", "postgres"])
def place_called(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[OpenPlace]:
    """Where the ledger of a name is: an empty one at first, later the same one again."""
    places: dict[str, LedgerPlace] = {}

    def find(name: str) -> LedgerPlace:
        if name not in places:
            server = None if request.param == "sqlite" else request.getfixturevalue("postgres")
            places[name] = LedgerPlace(tmp_path / name, None if server is None else server.make_database())
        return places[name]

    with ExitStack():
        yield find
