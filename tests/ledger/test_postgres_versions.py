"""The ledger in every version of PostgreSQL that is installed here: CI has Debian's and the one that a wheel carries."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from entrepot.ledger.checks import check_ledger, sample_entry
from entrepot.ledger.postgres import PostgresStore
from tests.postgres_server import PostgresServer, find_programs, version_of


@pytest.fixture(scope="module", params=range(len(find_programs()) or 1))
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer]:
    number: int = request.param
    found = find_programs()
    with PostgresServer(found[number] if found else None) as running:
        yield running


def test_each_keeps_every_promise_of_a_ledger(server: PostgresServer) -> None:
    urls: dict[str, str] = {}

    def open_store(name: str) -> PostgresStore:
        urls.setdefault(name, server.make_database())
        return PostgresStore(urls[name])

    check_ledger(open_store)


def test_each_makes_months_and_drops_them(server: PostgresServer) -> None:
    with PostgresStore(server.make_database()) as store:
        store.insert([sample_entry(number) for number in range(3)])
        assert store.totals().exchanges == 3
        assert store.drop_before("2100-01-01") == 3
        assert store.verify().sound


def test_more_than_one_version_is_tried() -> None:
    versions = {version_of(programs) for programs in find_programs()}
    if len(versions) < 2:
        pytest.skip("only one version of PostgreSQL is installed")
    assert min(map(int, versions)) >= 14  # what the documentation promises begins there
