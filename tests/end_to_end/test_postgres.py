"""An installation whose ledger is in PostgreSQL, through the real processes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from entrepot.control import keys
from entrepot.control.place import ControlPlace
from entrepot.control.store import Actor
from entrepot.errors import ControlError
from entrepot.settings.schema import LedgerSettings
from tests.end_to_end.world import World, eventually, world
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.end_to_end


def asked(installation: World, count: int) -> list[str]:
    answers = [installation.chat("cheap/small", f"number {number}") for number in range(count)]
    assert [status for status, _, _ in answers] == [200] * count
    return [headers["x-entrepot-exchange"] for _, headers, _ in answers]


def held(installation: World, exchanges: list[str]) -> bool:
    with installation.place.open_reader() as reader:
        return all(reader.find(exchange) is not None for exchange in exchanges)


def test_gateways_answer_while_the_database_is_away_and_entries_arrive_once(tmp_path: Path) -> None:
    with PostgresServer() as server:
        ledger = LedgerSettings(str(tmp_path), server.make_database())
        with world(tmp_path, ledger=ledger) as installation:
            exchanges = asked(installation, 10)
            assert eventually(lambda: held(installation, exchanges))
            server.stop()
            exchanges += asked(installation, 10)
            assert installation.decision(exchanges[-1])["state"] == "completed"  # read from the spool
            server.start()
            exchanges += asked(installation, 10)
            assert eventually(lambda: held(installation, exchanges), within_s=30)
            with installation.place.open_reader() as reader:
                assert reader.totals().exchanges == len(exchanges)
                assert reader.verify().differences == ()


def test_an_installation_starts_by_what_it_knew_last_while_the_database_is_away(tmp_path: Path) -> None:
    with PostgresServer() as server:
        ledger = LedgerSettings(str(tmp_path), server.make_database())
        with world(tmp_path, ledger=ledger) as installation:
            key = made(installation, "web")
            assert eventually(lambda: installation.chat("cheap/small", key=key)[0] == 200)
        server.stop()
        with world(tmp_path, ledger=ledger) as installation:
            assert installation.chat("cheap/small", key=key)[0] == 200
            exchanges = asked(installation, 3)
            server.start()
            assert eventually(lambda: held_at_last(installation, exchanges), within_s=30)
            other = made(installation, "other")
            assert eventually(lambda: installation.chat("cheap/small", key=other)[0] == 200, within_s=30)


def test_an_installation_that_never_read_its_rules_does_not_start(tmp_path: Path) -> None:
    with PostgresServer() as server:
        ledger = LedgerSettings(str(tmp_path), server.make_database())
        server.stop()
        with pytest.raises(ControlError, match="cannot be used"), world(tmp_path, ledger=ledger):
            pass


def made(installation: World, name: str) -> str:
    """A client's key, made as `entrepot keys new` does on any machine."""
    with (
        ControlPlace(installation.directory, installation.database).open_store() as store,
        store.change(Actor("test", "command line"), time.time_ns()) as book,
    ):
        return keys.make(book, keys.NewKey(name), os.urandom(32))[1]


def held_at_last(installation: World, exchanges: list[str]) -> bool:
    """As `held`, where the tables may not be there yet."""
    with installation.place.open_store() as store:
        return all(store.find(exchange) is not None for exchange in exchanges)
