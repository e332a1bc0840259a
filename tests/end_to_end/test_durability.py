"""What was answered is written down, exactly once: processes killed under load, a ledger that takes nothing, a full disk.

The loop is short here; `make soak` runs the long one.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import random
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.ledger.sqlite import LEDGER_FILE
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings
from tests.end_to_end.world import KEY, World, eventually, world
from tests.read_only import read_only
from tests.small_disk import fill, small_disk

pytestmark = pytest.mark.end_to_end


class Load:
    """Clients that ask without pause, some for streams, and remember which exchanges they were answered in to the end."""

    def __init__(self, entrepot: World, clients: int = 4) -> None:
        self.acknowledged: list[str] = []
        self._entrepot = entrepot
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask, args=(number,)) for number in range(clients)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self, number: int) -> None:
        stream = number % 2 == 1
        asked = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}
        headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
        connection: http.client.HTTPConnection | None = None
        while not self._stop.is_set():
            try:
                if connection is None:
                    found = self._entrepot.installation
                    connection = http.client.HTTPConnection(found.host, found.port, timeout=20)
                connection.request("POST", "/v1/chat/completions", json.dumps(asked), headers)
                with connection.getresponse() as answer:  # one that breaks off holds its socket until it is closed
                    body = answer.read()
                whole = b"data: [DONE]" in body if stream else answer.status == 200
                if answer.status == 200 and whole:
                    self.acknowledged.append(answer.headers["x-entrepot-exchange"])
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
        if connection is not None:
            connection.close()


def kill_again_and_again(entrepot: World, load: Load, kills: int, seed: int) -> None:
    """Kill one process after the other, at moments of chance, each time after some answers."""
    chance, supervisor = random.Random(seed), entrepot.installation.supervisor
    for _ in range(kills):
        before = len(load.acknowledged)
        assert eventually(lambda before=before: len(load.acknowledged) > before + 20, 60)  # type: ignore[misc]  # a default is how a loop's value is kept
        time.sleep(chance.random() * 0.05)
        child = chance.choice([*supervisor._gateways, supervisor._control])
        child.process.kill()


def ids_in_ledger(directory: Path) -> Counter[str]:
    with contextlib.closing(sqlite3.connect(directory / LEDGER_FILE, timeout=30)) as ledger:
        return Counter(row[0] for row in ledger.execute("SELECT id FROM entries"))


def all_arrived(directory: Path, acknowledged: list[str]) -> bool:
    found = ids_in_ledger(directory)
    return all(found[each] == 1 for each in acknowledged)


@pytest.fixture
def two_gateways(tmp_path: Path) -> Iterator[World]:
    with world(tmp_path, gateway=GatewaySettings(port=0, processes=2, grace_s=5)) as installation:
        yield installation


def test_no_entry_of_an_answer_is_lost_or_doubled_when_processes_are_killed(two_gateways: World) -> None:
    lose_nothing(two_gateways, kills=4, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(1200)
def test_no_entry_of_an_answer_is_lost_or_doubled_in_a_long_time(two_gateways: World) -> None:
    lose_nothing(two_gateways, kills=100, seed=2)


def lose_nothing(entrepot: World, kills: int, seed: int) -> None:
    with Load(entrepot) as load:
        kill_again_and_again(entrepot, load, kills, seed)
    assert len(load.acknowledged) > 20 * kills
    assert eventually(lambda: all_arrived(entrepot.directory, load.acknowledged), 60)
    assert set(ids_in_ledger(entrepot.directory).values()) == {1}


def test_answers_flow_while_the_ledger_is_locked_and_entries_arrive_once_later(two_gateways: World) -> None:
    directory = two_gateways.directory
    with contextlib.closing(sqlite3.connect(directory / LEDGER_FILE, timeout=30, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with Load(two_gateways) as load:
            assert eventually(lambda: len(load.acknowledged) > 50, 60)

            def told() -> bool:
                status, _, body = two_gateways.request("//readyz", key=None)
                notes = json.loads(body).get("notes", [])
                return status == 200 and any("the ledger takes no entries" in note for note in notes)

            assert eventually(told, 60)
        assert eventually(lambda: b"entrepot_ingest_failing 1" in two_gateways.request("//metrics", key=None)[2], 60)
        other.execute("ROLLBACK")
    assert eventually(lambda: all_arrived(directory, load.acknowledged), 60)
    assert set(ids_in_ledger(directory).values()) == {1}
    assert eventually(lambda: json.loads(two_gateways.request("//readyz", key=None)[2]) == {"status": "ready"}, 60)


def test_answers_flow_while_the_ledger_is_read_only_and_entries_arrive_once_later(two_gateways: World) -> None:
    ledger = two_gateways.directory / LEDGER_FILE
    first = two_gateways.chat()[1]["x-entrepot-exchange"]
    assert eventually(lambda: all_arrived(two_gateways.directory, [first]), 60)
    with read_only(ledger):
        two_gateways.installation.supervisor._control.process.kill()  # whoever has it open may still write it
        with Load(two_gateways) as load:

            def told() -> bool:
                status, _, body = two_gateways.request("//readyz", key=None)
                return status == 200 and any("takes no entries" in note for note in json.loads(body).get("notes", []))

            assert eventually(told, 60)
        assert eventually(lambda: b"entrepot_ingest_failing 1" in two_gateways.request("//metrics", key=None)[2], 60)
    assert len(load.acknowledged) > 0
    assert eventually(lambda: all_arrived(two_gateways.directory, [first, *load.acknowledged]), 60)
    assert set(ids_in_ledger(two_gateways.directory).values()) == {1}
    assert eventually(lambda: json.loads(two_gateways.request("//readyz", key=None)[2]) == {"status": "ready"}, 60)


def lost(entrepot: World) -> int:
    body = entrepot.request("//metrics", key=None)[2].decode()
    return int(next(line for line in body.splitlines() if line.startswith("entrepot_entries_lost_total ")).split()[1])


RESERVE = 4 * 1024 * 1024
LONG_ENTRIES = (KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), tags=("x" * 30_000,)),)


@pytest.mark.parametrize("when_full", ["serve", "refuse"])
def test_a_full_disk_is_answered_from_what_was_set_aside_then_as_the_operator_wants(
    tmp_path: Path, when_full: str
) -> None:
    with small_disk(tmp_path / "disk", 160 * 1024) as disk:
        ledger = LedgerSettings(str(disk), reserve_bytes=RESERVE, when_full=when_full)  # type: ignore[arg-type]  # one of its words
        with world(disk, ledger=ledger, keys=LONG_ENTRIES) as entrepot:
            written = [entrepot.chat()[1]["x-entrepot-exchange"] for _ in range(5)]
            assert eventually(lambda: all_arrived(disk, written))
            ballast = fill(disk)
            for _ in range(20):  # far less than what was set aside
                status, headers, _ = entrepot.chat()
                assert status == 200
                written.append(headers["x-entrepot-exchange"])
            assert entrepot.request("//readyz", key=None)[0] == 200
            exhaust(entrepot)
            status, _, body = entrepot.request("//readyz", key=None)
            assert status == 503
            assert "could not be written to the spool" in json.loads(body)["trouble"]
            status, _, answer = entrepot.chat()
            if when_full == "serve":
                assert status == 200
                assert lost(entrepot) > 0
            else:
                assert status == 503
                assert answer["error"]["code"] == "entries_unwritable"
            ballast.unlink()
            assert eventually(lambda: entrepot.chat()[0] == 200)
            assert eventually(lambda: entrepot.request("//readyz", key=None)[0] == 200)
            assert eventually(lambda: all_arrived(disk, written), 60)


def exhaust(entrepot: World) -> None:
    """Ask until an entry could not be written. A request that is refused writes an entry too, and takes no model."""
    body = json.dumps({"model": "no such", "messages": [{"role": "user", "content": "hi"}]}).encode()
    found = entrepot.installation
    connection = http.client.HTTPConnection(found.host, found.port, timeout=20)
    headers = {"authorization": f"Bearer {KEY}", "content-type": "application/json"}
    for number in range(2_000):
        connection.request("POST", "/v1/chat/completions", body, headers)
        connection.getresponse().read()
        if number % 50 == 49 and lost(entrepot) > 0:
            break
    connection.close()
