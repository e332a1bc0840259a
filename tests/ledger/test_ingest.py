from __future__ import annotations

import asyncio
import contextlib
import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.documents import Document
from entrepot.ledger.frames import frame
from entrepot.ledger.ingest import Ingester, pause_after
from entrepot.ledger.spool import SpoolWriter, list_spools, spool_folder
from entrepot.ledger.sqlite import SqliteStore, ledger_path, open_sqlite, open_sqlite_reader
from entrepot.ledger.store import SpoolProgress
from tests.ledger.victim import Victim
from tests.read_only import read_only


def spool_of(directory: Path, name: str, data: bytes) -> Path:
    """A finished spool file with these bytes."""
    spool_folder(directory).mkdir(parents=True, exist_ok=True)
    path = spool_folder(directory) / f"{name}.spool"
    path.write_bytes(data)
    return path


def framed(number: int) -> bytes:
    return frame(msgspec.msgpack.encode(sample_entry(number)))


def test_entries_are_ingested_once_however_often_it_runs(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store, SpoolWriter(tmp_path, "gateway-0") as spool:
        ingester = Ingester(store, tmp_path)
        spool.append(sample_entry(0))
        assert (ingester.run_once(), ingester.run_once()) == (1, 0)
        spool.append(sample_entry(1))
        assert Ingester(store, tmp_path).run_once() == 1  # after a restart it goes on where it was
        assert store.totals().exchanges == 2
        assert spool.path.exists()


def test_a_finished_file_is_deleted_once_the_ledger_has_it(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        ingester = Ingester(store, tmp_path)
        with SpoolWriter(tmp_path, "gateway-0") as spool:
            spool.append(sample_entry(0))
            ingester.run_once()
            spool.append(sample_entry(1))
        assert ingester.run_once() == 1
        assert list_spools(tmp_path) == []
        assert store.totals().exchanges == 2


def test_many_entries_go_in_by_the_batch(tmp_path: Path) -> None:
    spool_of(tmp_path, "big", b"".join(framed(number) for number in range(4500)))
    with open_sqlite(tmp_path) as store:
        assert Ingester(store, tmp_path).run_once() == 4500
        assert store.spool_progress()["big.spool"].entries == 4500


def test_a_torn_end_is_passed_over_and_no_damage(tmp_path: Path) -> None:
    spool_of(tmp_path, "torn", framed(0) + framed(1)[:-5])
    with open_sqlite(tmp_path) as store:
        assert Ingester(store, tmp_path).run_once() == 1
        assert store.spool_progress()["torn.spool"].damaged == 0
    assert list_spools(tmp_path) == []


def test_damage_in_the_middle_is_counted_told_and_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    bad = bytearray(framed(1))
    bad[40] ^= 0xFF
    strange = frame(b"\x93\x01\x02\x03")
    path = spool_of(tmp_path, "bad", framed(0) + bytes(bad) + framed(2) + strange + framed(3))
    content = path.read_bytes()
    with open_sqlite(tmp_path) as store:
        assert Ingester(store, tmp_path).run_once() == 3
        progress = store.spool_progress()["bad.spool"]
    assert (progress.damaged, progress.damaged_bytes) == (2, len(bad) + 4)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2
    assert list_spools(tmp_path) == []
    assert path.with_name("bad.spool.damaged").read_bytes() == content


def test_a_ledger_locked_by_another_leaves_the_spool_as_it_is(tmp_path: Path) -> None:
    path = spool_of(tmp_path, "waiting", framed(0))
    with open_sqlite(tmp_path) as store:
        store._connection.execute("PRAGMA busy_timeout = 1")
        other = sqlite3.connect(ledger_path(tmp_path), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        ingester = Ingester(store, tmp_path)
        with pytest.raises(LedgerError, match="database is locked"):
            ingester.run_once()
        assert path.read_bytes() == framed(0)
        other.execute("ROLLBACK")
        other.close()
        assert ingester.run_once() == 1


def test_a_ledger_that_cannot_be_written_leaves_the_spool_as_it_is(tmp_path: Path) -> None:
    path = spool_of(tmp_path, "waiting", framed(0))
    with open_sqlite(tmp_path) as store:
        store._connection.execute("PRAGMA query_only = ON")
        with pytest.raises(LedgerError, match="readonly"):
            Ingester(store, tmp_path).run_once()
        assert path.read_bytes() == framed(0)
        assert Ingester(store, tmp_path).run_once() == 1  # the file is opened anew


def test_a_ledger_that_was_opened_read_only_is_written_once_it_can_be(tmp_path: Path) -> None:
    open_sqlite(tmp_path).close()
    spool_of(tmp_path, "waiting", framed(0))
    with read_only(ledger_path(tmp_path)):
        store = open_sqlite(tmp_path)
        ingester = Ingester(store, tmp_path)
        for _ in range(3):
            with pytest.raises(LedgerError, match="readonly"):
                ingester.run_once()
    with store:
        assert ingester.run_once() == 1
        assert ingester.trouble is None
        assert store.verify().sound


def test_a_ledger_that_is_put_in_the_place_of_another_is_the_one_that_is_written(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        ingester = Ingester(store, tmp_path)
        spool_of(tmp_path, "first", framed(0))
        assert ingester.run_once() == 1
        ledger_path(tmp_path).rename(tmp_path / "aside.db")
        spool_of(tmp_path, "second", framed(1))
        assert ingester.run_once() == 1
    with open_sqlite_reader(tmp_path) as reader:
        assert reader.totals().exchanges == 1


class _Failing(SqliteStore):
    """Dies after the entries are in and before the transaction is committed."""

    def _insert_new(self, documents: Sequence[Document]) -> int:
        super()._insert_new(documents)
        raise sqlite3.OperationalError("disk I/O error")


def test_a_transaction_that_fails_leaves_neither_entries_nor_progress(tmp_path: Path) -> None:
    path = spool_of(tmp_path, "waiting", framed(0))
    with open_sqlite(tmp_path) as store:
        with pytest.raises(LedgerError, match="disk I/O error"):
            Ingester(_Failing(store._connection, store._path), tmp_path).run_once()
        assert store.totals().exchanges == 0
        assert store.spool_progress() == {}
        assert path.exists()
        assert Ingester(store, tmp_path).run_once() == 1


def test_an_ingester_that_was_overtaken_doubles_nothing(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store, SpoolWriter(tmp_path, "gateway-0") as spool:
        slow, fast = Ingester(store, tmp_path), Ingester(store, tmp_path)
        spool.append(sample_entry(0))
        slow.run_once()
        spool.append(sample_entry(1))
        fast.run_once()
        with pytest.raises(LedgerError, match="by another process"):
            slow.run_once()
        assert slow.run_once() == 0
        assert store.spool_progress()[spool.path.name].entries == 2
        assert store.totals().exchanges == 2


def test_a_spool_that_cannot_be_read_does_not_hold_up_the_others(tmp_path: Path) -> None:
    (spool_folder(tmp_path) / "a.spool").mkdir(parents=True)
    spool_of(tmp_path, "b", framed(0))
    with open_sqlite(tmp_path) as store:
        with pytest.raises(LedgerError, match=r"a\.spool"):
            Ingester(store, tmp_path).run_once()
        assert store.totals().exchanges == 1


def test_a_name_that_the_ledger_knows_goes_on_after_its_offset(tmp_path: Path) -> None:
    spool_of(tmp_path, "known", framed(0) + framed(1))
    with open_sqlite(tmp_path) as store:
        store.insert([], after=SpoolProgress("known.spool", offset=len(framed(0))))
        assert Ingester(store, tmp_path).run_once() == 1
        assert store.find(sample_entry(0).id) is None


def test_writers_at_work_lose_nothing_while_it_is_ingested(tmp_path: Path) -> None:
    each, writers = 300, 4

    def write(place: int) -> None:
        with SpoolWriter(tmp_path, f"gateway-{place}", rotate_bytes=20_000) as spool:
            for number in range(each):
                spool.append(sample_entry(place * each + number))

    with open_sqlite(tmp_path) as store:
        ingester = Ingester(store, tmp_path)
        threads = [threading.Thread(target=write, args=(place,)) for place in range(writers)]
        for thread in threads:
            thread.start()
        count = 0
        while any(thread.is_alive() for thread in threads):
            count += ingester.run_once()
        count += ingester.run_once()
        assert count == store.totals().exchanges == each * writers
        assert store.totals().cost_nano_usd == sum(1_000 + number for number in range(each * writers))
    assert list_spools(tmp_path) == []


@pytest.mark.end_to_end
def test_writers_killed_at_work_lose_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    acknowledged: set[int] = set()
    with open_sqlite(tmp_path) as store:
        ingester = Ingester(store, tmp_path)
        for kill in range(3):
            with contextlib.ExitStack() as stack:
                victims = [
                    # At their own speed three writers leave one ingester behind for good.
                    Victim(tmp_path, (3 * kill + one) * 1_000_000, rotate_bytes=100_000, pause_s=0.001)
                    for one in range(3)
                ]
                for victim in victims:
                    stack.enter_context(victim)
                for victim in victims:
                    victim.wait_for(100)
                    ingester.run_once()
                    acknowledged.update(victim.kill())
        ingester.run_once()
        missing = [number for number in acknowledged if store.find(sample_entry(number).id) is None]
        assert len(acknowledged) >= 900
        assert missing == []
        assert store.totals().exchanges - len(acknowledged) <= 9  # written, and killed before it could say so
    assert list_spools(tmp_path) == []


async def happens(condition: Callable[[], bool]) -> None:
    """Until a thread that sets no event has done it."""
    while True:
        if condition():
            return
        await asyncio.sleep(0.001)


async def test_following_ingests_what_comes_and_runs_once_more_when_stopped(tmp_path: Path) -> None:
    stop = asyncio.Event()
    with open_sqlite(tmp_path) as store, SpoolWriter(tmp_path, "gateway-0") as spool:
        following = asyncio.create_task(Ingester(store, tmp_path).follow(stop, interval_s=0.001))
        spool.append(sample_entry(0))
        await happens(lambda: store.find(sample_entry(0).id) is not None)
        spool.append(sample_entry(1))
        spool.close()
        stop.set()
        await following
        assert store.totals().exchanges == 2


@pytest.mark.parametrize(("count", "pause_s"), [(0, 0.2), (99, 0.2), (100, 0.4), (399, 0.8), (400, 1.0), (8000, 1.0)])
def test_a_busy_spool_is_ingested_less_often_and_at_least_every_second(count: int, pause_s: float) -> None:
    assert pause_after(count, 0.2) == pytest.approx(pause_s)


async def test_following_goes_on_after_a_failure_and_tells_of_it_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stop = asyncio.Event()
    spool_of(tmp_path, "waiting", framed(0))
    with open_sqlite(tmp_path) as store:
        with sqlite3.connect(tmp_path / "ledger.db") as another:
            another.execute("CREATE TRIGGER full BEFORE INSERT ON entries BEGIN SELECT RAISE(ABORT, 'no room'); END")
        following = asyncio.create_task(Ingester(store, tmp_path).follow(stop, interval_s=0.001))
        await happens(lambda: bool(caplog.records))
        await asyncio.sleep(0.02)
        with another:
            another.execute("DROP TRIGGER full")
        another.close()
        await happens(lambda: store.find(sample_entry(0).id) is not None)
        stop.set()
        await following
    assert len(caplog.records) == 1
    assert "entries wait in the spool" in caplog.text


def test_nothing_to_ingest_is_no_error(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        assert Ingester(store, tmp_path).run_once() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["ledger.db"]
