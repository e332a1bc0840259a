"""What is PostgreSQL's own; what both databases promise is in test_checks.py, test_rollups.py and test_retention.py."""

from __future__ import annotations

import threading
from pathlib import Path

import msgspec
import psycopg
import pytest

from entrepot.errors import LedgerError, SettingsError
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.postgres import PostgresReader, PostgresStore
from entrepot.ledger.rollups import DAY_NS
from entrepot.ledger.spool import SpoolWriter, list_spools
from tests.postgres_server import PostgresServer


def test_entries_wait_while_the_database_is_away_and_arrive_once(tmp_path: Path) -> None:
    with PostgresServer() as server:
        store = PostgresStore(server.make_database())
        ingester = Ingester(store, tmp_path)
        with SpoolWriter(tmp_path, "gateway-0") as spool:
            spool.append(sample_entry(0))
            assert ingester.run_once() == 1
            server.stop()
            spool.append(sample_entry(1))
            for _ in range(3):
                with pytest.raises(LedgerError, match="cannot be used"):
                    ingester.run_once()
            spool.append(sample_entry(2))
            server.start()
            assert ingester.run_once() == 2
        assert ingester.run_once() == 0
        assert list_spools(tmp_path) == []
        assert store.totals().exchanges == 3
        assert store.verify().sound
        store.close()


def test_a_connection_cut_in_the_middle_of_a_batch_leaves_nothing_behind(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresStore(url) as store:
        store.insert([sample_entry(0)])
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrepot' "
                          "AND datname = current_database()")  # fmt: skip
        with pytest.raises(LedgerError):
            store.insert([sample_entry(1)])
        assert store.insert([sample_entry(1)]) == 1
        assert store.totals().exchanges == 2


def test_ingesters_of_several_machines_take_turns(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    stores = [PostgresStore(url) for _ in range(4)]
    failures: list[BaseException] = []

    def write(number: int) -> None:
        try:
            for batch in range(10):
                first = 1000 * number + 20 * batch
                assert stores[number].insert([sample_entry(first + one) for one in range(20)]) == 20
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(len(stores))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert stores[0].totals().exchanges == 4 * 10 * 20
    assert stores[0].verify().sound
    for store in stores:
        store.close()


def test_months_are_partitions_and_made_as_they_come(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresStore(url) as store:
        for days in (0, 31, 400):
            store.insert([msgspec.structs.replace(sample_entry(days), started_ns=FIRST_NS + days * DAY_NS)])
        assert store.find(sample_entry(400).id) is not None
    with psycopg.connect(url) as connection:
        found = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'entries\\_%' ORDER BY 1")
        assert [name for (name,) in found] == ["entries_2026_01", "entries_2026_02", "entries_2027_02"]


def test_what_texts_may_hold(postgres: PostgresServer) -> None:
    """A client names its model as it likes: nothing in there may hold ingestion up."""
    with PostgresStore(postgres.make_database()) as store:
        awkward = ['quote " and \\ and {,}', "nul \0 in it", "NULL", "", "x" * 100_000, "语言 🚢 \t\n"]
        entries = [
            msgspec.structs.replace(sample_entry(number), asked_model=text, team=text[:50].replace("\0", ""))
            for number, text in enumerate(awkward)
        ]
        assert store.insert(entries) == len(awkward)
        assert store.verify().differences == ()
        assert len(store.totals_by(("asked_model",))) == len(awkward)
        assert store.find(entries[1].id) == entries[1]


def test_an_empty_database_is_no_ledger_to_read(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresReader(url) as reader, pytest.raises(LedgerError, match="older version, or empty"):
        reader.totals()
    with PostgresStore(url) as store:
        store.totals()
    with psycopg.connect(url) as connection:
        connection.execute("INSERT INTO migrations VALUES (9999, 'of_tomorrow')")
    for kind in (PostgresReader, PostgresStore):
        with kind(url) as reader, pytest.raises(LedgerError, match="newer version"):
            reader.totals()


def test_a_server_that_is_not_there_is_told_of_without_the_password(tmp_path: Path) -> None:
    place = LedgerPlace(tmp_path, f"postgresql://someone:hush-hush@/ledger?host={tmp_path}")
    with place.open_store() as store, pytest.raises(LedgerError) as raised:
        store.totals()
    assert "hush" not in str(raised.value)
    assert "hush" not in str(place)
    place.prepare()


def test_an_address_that_is_none_is_refused_without_showing_it() -> None:
    with pytest.raises(SettingsError) as raised:
        PostgresStore("postgresql://user:hush-hush@host:notaport/x?nonsense=1=2=3")
    assert "hush" not in str(raised.value)


def test_readers_and_new_months_do_not_wait_for_each_other(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    stop = threading.Event()
    failures: list[LedgerError] = []

    def read() -> None:
        with PostgresReader(url) as reader:
            while not stop.is_set():
                try:
                    reader.find(sample_entry(0).id)
                except LedgerError as error:
                    failures.append(error)
                    return

    with PostgresStore(url) as store:
        store.insert([sample_entry(0)])
        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for month in range(40):
            moment = FIRST_NS + month * 31 * DAY_NS
            store.insert([msgspec.structs.replace(sample_entry(month + 1), started_ns=moment)])
        store.drop_before("2028-01-01")
        stop.set()
        for thread in threads:
            thread.join()
        assert failures == []
        assert store.totals().exchanges == 41
        assert store.verify().sound


def test_a_month_of_which_a_partition_is_missing_is_made_whole(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresStore(url) as store:
        store.insert([sample_entry(0)])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE documents_2026_01")
    with PostgresStore(url) as store:
        assert store.insert([sample_entry(1)]) == 1
        assert store.drop_before("2026-03-01") == 2
