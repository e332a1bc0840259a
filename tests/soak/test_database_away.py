"""PostgreSQL away under load, for as long as a machine takes to come back: answers flow, the operator is told, every entry
arrives once. Rules: `test_soak.py`."""

from __future__ import annotations

import asyncio
import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.control.watching import STUCK_S
from entrepot.settings.schema import LedgerSettings
from tests.end_to_end.world import World, eventually, world
from tests.postgres_server import PostgresServer
from tests.soak.load import Clients, Load

pytestmark = pytest.mark.end_to_end

AT_ONCE = 8
DEADLINE_S = 40.0
MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))


class Told:
    """What the operator sees, looked at again and again: the notes of /readyz, how much waits in the spools."""

    def __init__(self, installation: World) -> None:
        self._installation = installation
        self.statuses: set[int] = set()
        self.noted = False
        self.failing = False
        self.waiting: list[float] = []

    def look(self) -> None:
        status, _, body = self._installation.request("//readyz", key=None)
        self.statuses.add(status)
        self.noted |= any("the ledger takes no entries" in note for note in json.loads(body).get("notes", []))
        lines = self._installation.request("//metrics", key=None)[2].decode().splitlines()
        found = dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))
        self.failing |= found.get("entrepot_ingest_failing") == "1"
        self.waiting.append(float(found.get("entrepot_spool_waiting_bytes", "0")))


def under_load(installation: World, during: Callable[[], None]) -> Load:
    """Clients of every dialect, who ask until `during` is over, and a little longer."""
    clients = Clients(installation.base_url, ("cheap/slow", "auto"), DEADLINE_S, seed=4, leave=0.0)
    going = threading.Thread(target=during)
    going.start()
    while going.is_alive():
        asyncio.run(clients.run(AT_ONCE, 2.0))
    going.join()
    return asyncio.run(clients.run(AT_ONCE, 2.0))


def arrived_once(installation: World, load: Load) -> None:
    """Whatever was answered is in the ledger, and nothing else, and its sums are those of its rows."""
    asked = {one.exchange for one in load.told}
    assert len(asked) == len(load.told)

    def all_there() -> bool:
        with installation.place.open_reader() as reader:
            return reader.totals().exchanges >= len(asked)

    assert eventually(all_there, 120.0)
    with installation.place.open_reader() as reader:
        assert reader.totals().exchanges == len(asked)
        assert all(reader.find(exchange) is not None for exchange in asked)
        assert reader.verify().differences == ()
    assert eventually(lambda: json.loads(installation.request("//readyz", key=None)[2]) == {"status": "ready"}, 60.0)


def away(directory: Path, seconds: float) -> None:
    with (
        PostgresServer() as server,
        world(directory, ledger=LedgerSettings(str(directory), server.make_database())) as installation,
    ):
        told = Told(installation)

        def absence() -> None:
            time.sleep(1.0)
            server.stop()
            until_s = time.monotonic() + seconds
            while time.monotonic() < until_s:
                told.look()
                time.sleep(min(1.0, seconds / 20))
            server.start()

        load = under_load(installation, absence)
        assert load.endings().keys() == {"whole"}
        assert load.wrong() == []
        assert told.statuses == {200}  # who could take its place has no other ledger
        assert told.noted
        assert told.failing
        assert told.waiting[-1] > told.waiting[0]
        arrived_once(installation, load)


def test_answers_flow_while_the_database_is_away_under_load_and_every_entry_arrives_once(tmp_path: Path) -> None:
    away(tmp_path, 20.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_for_minutes_too(tmp_path: Path) -> None:
    away(tmp_path, 60.0 * MINUTES)


@pytest.mark.soak
@pytest.mark.timeout(600)
def test_a_database_that_takes_a_connection_and_says_nothing_is_told_of_too(tmp_path: Path) -> None:
    with (
        PostgresServer() as server,
        world(tmp_path, ledger=LedgerSettings(str(tmp_path), server.make_database())) as installation,
    ):
        told = Told(installation)

        def silence() -> None:
            time.sleep(1.0)
            with server.silent():
                assert eventually(lambda: told.look() or (told.noted and told.failing), STUCK_S + 60.0)  # type: ignore[func-returns-value]  # first look, then judge

        load = under_load(installation, silence)
        assert load.endings().keys() == {"whole"}
        assert told.noted
        assert told.failing
        arrived_once(installation, load)
