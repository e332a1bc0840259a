from __future__ import annotations

import pytest

from entrepot.errors import LedgerError, SettingsError
from entrepot.ledger.postgres_connection import Connection, PostgresConnection, marked
from tests.postgres_server import PostgresServer


def connect(url: str, met: list[Connection]) -> PostgresConnection:
    return PostgresConnection(url, "the ledger", LedgerError, met.append)


def test_it_connects_when_it_is_used_and_once(postgres: PostgresServer) -> None:
    met: list[Connection] = []
    connection = connect(postgres.url(), met)
    assert met == []
    for _ in range(2):
        with connection.use() as used:
            assert used.execute("SELECT 1").fetchone() == (1,)
    assert len(met) == 1
    connection.close()
    with connection.use():
        assert len(met) == 2
    connection.close()


def test_one_that_broke_is_made_anew_and_what_went_wrong_is_told(postgres: PostgresServer) -> None:
    met: list[Connection] = []
    connection = connect(postgres.url(), met)
    with (
        pytest.raises(
            LedgerError, match=r"the ledger in the PostgreSQL database 'postgres' on .* cannot be used: .*terminat"
        ),
        connection.use() as used,
    ):
        used.execute("SELECT pg_terminate_backend(pg_backend_pid())")
    with connection.use() as used:
        assert used.execute("SELECT 1").fetchone() == (1,)
    assert len(met) == 2
    connection.close()


def test_one_that_could_not_be_greeted_is_not_kept(postgres: PostgresServer) -> None:
    def refuse(_: Connection) -> None:
        raise LedgerError("not this one")

    connection = PostgresConnection(postgres.url(), "the ledger", LedgerError, refuse)
    for _ in range(2):
        with pytest.raises(LedgerError, match="not this one"), connection.use():
            pass


def test_settings_of_the_address_count_more_than_ours(postgres: PostgresServer) -> None:
    given = PostgresConnection(f"{postgres.url()}&application_name=theirs", "x", LedgerError, lambda _: None)
    ours = PostgresConnection(postgres.url(), "x", LedgerError, lambda _: None, application_name="ours")
    for connection, name in ((given, "theirs"), (ours, "ours")):
        with connection.use() as used:
            assert used.info.get_parameters()["application_name"] == name
        connection.close()


def test_an_address_that_is_none_is_not_shown() -> None:
    with pytest.raises(SettingsError, match="the ledger's database") as caught:
        connect("host=db password=s3cret nonsense=1", [])
    assert "s3cret" not in caught.value.message


def test_marks_are_psycopgs() -> None:
    assert marked("a % b = ?") == b"a %% b = %s"
