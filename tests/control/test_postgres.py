"""What is PostgreSQL's own of the control store."""

from __future__ import annotations

import psycopg
import pytest

from entrepot.control.postgres import PostgresControlStore
from entrepot.errors import ControlError, SettingsError
from entrepot.ledger.postgres import PostgresStore
from tests.control.books import a_key
from tests.postgres_server import PostgresServer


@pytest.fixture
def url(postgres: PostgresServer) -> str:
    return postgres.make_database()


def test_a_store_that_was_away_goes_on(postgres: PostgresServer) -> None:
    with PostgresServer() as server, PostgresControlStore(server.make_database()) as store:
        key, _ = a_key(store)
        before = store.state()
        server.stop()
        for _ in range(2):
            with pytest.raises(
                ControlError, match=r"the control store in the PostgreSQL database 'ledger_.*cannot be used"
            ):
                store.state()
            with pytest.raises(ControlError, match="cannot be used"):
                a_key(store, "other")
        server.start()
        assert store.state() == before
        assert store.snapshot().keys == (key,)


def test_a_connection_cut_in_the_middle_of_a_change_leaves_nothing_behind(url: str) -> None:
    with PostgresControlStore(url) as store:
        a_key(store)
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'entrepot' "
                          "AND datname = current_database()")  # fmt: skip
        with pytest.raises(ControlError):
            a_key(store, "other")
        assert [key.name for key in store.snapshot().keys] == ["web"]
        assert store.snapshot().version == 1


def test_the_trail_cannot_be_rewritten(url: str) -> None:
    with PostgresControlStore(url) as store:
        a_key(store)
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in (
            "UPDATE control_changes SET who = 'x'",
            "DELETE FROM control_changes",
            "TRUNCATE control_changes",
        ):
            with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
                connection.execute(statement)


def test_a_store_from_a_backup_is_another_one(url: str) -> None:
    """Also where as many changes were made since as the backup had not."""
    with PostgresControlStore(url) as store, psycopg.connect(url, autocommit=True) as connection:
        a_key(store)
        before = store.state()
        connection.execute("ALTER TABLE control_changes DISABLE TRIGGER control_changes_stay")
        connection.execute("UPDATE control_changes SET at_ns = at_ns + 1")
        assert store.state() != before


def test_it_lies_beside_the_ledger_in_one_database(url: str) -> None:
    with PostgresControlStore(url) as store, PostgresStore(url) as ledger:
        a_key(store)
        assert ledger.totals().exchanges == 0
        assert [key.name for key in store.snapshot().keys] == ["web"]


def test_tables_of_a_newer_version_are_left_alone(url: str) -> None:
    with PostgresControlStore(url) as store:
        store.state()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO control_migrations VALUES (9999, 'm9999_of_tomorrow')")
    with PostgresControlStore(url) as store, pytest.raises(ControlError, match="newer version"):
        store.snapshot()


def test_an_address_that_is_none_is_told_without_it() -> None:
    with pytest.raises(SettingsError, match="the control store's database") as caught:
        PostgresControlStore("host=db password=s3cret nonsense=1")
    assert "s3cret" not in caught.value.message
