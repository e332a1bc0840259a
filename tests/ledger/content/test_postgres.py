"""What is PostgreSQL's own: its tables lie beside the ledger's, and a database that is away is told of without its address."""

from __future__ import annotations

import psycopg
import pytest

from entrepot.errors import LedgerError, SettingsError
from entrepot.ledger.content.postgres import PostgresContent
from entrepot.ledger.postgres import PostgresStore
from tests.ledger.content.samples import BEGAN_NS, SECOND_NS, kept
from tests.postgres_server import PostgresServer


def test_content_lies_beside_the_ledger_and_dead_rows_are_vacuumed(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresStore(url) as ledger, PostgresContent(url) as store:
        assert ledger.spool_progress() == {}
        store.insert([kept(number) for number in range(20)])
        store.forget("key", "alice", BEGAN_NS + 100 * SECOND_NS)
        with psycopg.connect(url) as connection:
            (vacuumed,) = connection.execute("SELECT count(*) FROM content").fetchone() or (None,)
            assert vacuumed == 0
            row = connection.execute("SELECT pg_relation_size('content'), pg_relation_size('entries')").fetchone()
            assert row == (0, 0)  # what is empty to its end is given back


def test_a_database_that_went_away_is_told_of_and_found_again() -> None:
    with PostgresServer() as server:
        url = server.make_database()
        store = PostgresContent(url)
        store.insert([kept(1)])
        server.stop()
        with pytest.raises(LedgerError, match="the kept content in the PostgreSQL database 'ledger_") as caught:
            store.find("exchange-0001")
        assert url not in str(caught.value)
        server.start()
        assert store.find("exchange-0001") == kept(1)
        store.close()


def test_an_address_that_is_none_is_not_repeated() -> None:
    with pytest.raises(SettingsError, match="none that PostgreSQL understands") as caught:
        PostgresContent("postgresql://who:secret@host/?nothing")
    assert "secret" not in str(caught.value)


def test_tables_of_a_newer_version_are_refused(postgres: PostgresServer) -> None:
    url = postgres.make_database()
    with PostgresContent(url) as store:
        store.insert([kept(1)])
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO content_migrations VALUES (99, 'later')")
    with PostgresContent(url) as store, pytest.raises(LedgerError, match="newer version"):
        store.find("exchange-0001")
