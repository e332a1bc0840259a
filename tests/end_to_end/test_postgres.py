"""An installation whose ledger is in PostgreSQL, through the real processes."""

from __future__ import annotations

from pathlib import Path

import pytest

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


def test_an_installation_starts_while_the_database_is_away(tmp_path: Path) -> None:
    with PostgresServer() as server:
        url = server.make_database()
        server.stop()
        with world(tmp_path, ledger=LedgerSettings(str(tmp_path), url)) as installation:
            exchanges = asked(installation, 3)
            server.start()
            assert eventually(lambda: held_at_last(installation, exchanges), within_s=30)


def held_at_last(installation: World, exchanges: list[str]) -> bool:
    """As `held`, where the tables may not be there yet."""
    with installation.place.open_store() as store:
        return all(store.find(exchange) is not None for exchange in exchanges)
