"""Old entries go and their sums stay; one principal's entries go and their sums with them. In both databases."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from entrepot.exchange.records import Entry
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.postgres import PostgresStore
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.retention import drop_old
from entrepot.ledger.rollups import DAY_NS
from entrepot.ledger.sqlite import SqliteStore
from entrepot.ledger.store import Period


def entry_of(number: int, *, day: int = 0, key: str = "k", team: str = "t") -> Entry:
    return msgspec.structs.replace(
        sample_entry(number), started_ns=FIRST_NS + day * DAY_NS + number * 1_000_000_000, key=key, team=team
    )


def test_old_months_go_and_their_sums_stay(store: RelationalStore) -> None:
    store.insert([entry_of(number, day=20 * number) for number in range(6)])  # 1 and 21 January ... 11 April
    before = store.totals(), store.totals_by(("key",)), store.comparisons()
    assert store.drop_before("2026-03-01") == 3
    assert store.kept_since() == "2026-03-01"
    assert store.find(entry_of(0).id) is None
    assert store.find(entry_of(3).id) is not None
    assert (store.totals(), store.totals_by(("key",)), store.comparisons()) == before
    assert store.verify().differences == ()
    store.rebuild_rollups()
    assert (store.totals(), store.totals_by(("key",)), store.comparisons()) == before
    assert store.drop_before("2026-02-01") == 0
    assert store.kept_since() == "2026-03-01"


def test_a_number_is_never_given_twice(store: RelationalStore) -> None:
    store.insert([entry_of(0), entry_of(1, key="gone")])
    store.forget("key", "gone", FIRST_NS)
    store.insert([entry_of(2)])
    assert [row[0] for row in store._query("SELECT seq FROM entries ORDER BY seq")] == [1, 3]


def test_who_is_forgotten_leaves_nothing(store: RelationalStore) -> None:
    store.insert([entry_of(number, day=number % 3, key=f"key-{number % 2}") for number in range(10)])
    alone = [entry_of(number, day=number % 3, key=f"key-{number % 2}") for number in range(0, 10, 2)]
    assert store.forget("key", "key-1", FIRST_NS) == 5
    assert store.forget("key", "key-1", FIRST_NS) == 0
    assert [group.values for group in store.totals_by(("key",))] == [("key-0",)]
    assert store.totals().cost_nano_usd == sum(entry.cost_nano_usd or 0 for entry in alone)
    for table in ("entries", "attempts", "documents"):
        assert store._query(f"SELECT count(*) FROM {table}")[0][0] == 5
    assert store.verify().differences == ()


def test_who_is_forgotten_goes_from_the_sums_of_days_whose_entries_are_gone(store: RelationalStore) -> None:
    store.insert([entry_of(0, team="gone"), entry_of(1), entry_of(2, day=40, team="gone")])
    store.drop_before("2026-02-01")
    assert store.forget("team", "gone", FIRST_NS) == 1
    assert [group.values for group in store.totals_by(("team",))] == [("t",)]
    assert [group.values for group in store.totals_by(("key", "team"))] == [("k", "t")]
    assert store.totals().exchanges == 2  # by others than that team, the old day still has its share
    assert store.verify().differences == ()


@pytest.mark.parametrize("place", ["sqlite", "postgres"], indirect=True)
def test_another_definition_takes_over_what_it_can_of_days_whose_entries_are_gone(place: LedgerPlace) -> None:
    with place.open_store() as store:
        store.insert([entry_of(0), entry_of(1, day=40)])
        store.drop_before("2026-02-01")
        before = store.totals(), store.totals(Period(until_ns=FIRST_NS + 31 * DAY_NS))
        assert before[1].exchanges == 1
        for statement in (
            "UPDATE rollups SET definition = 'of yesterday'",
            "ALTER TABLE daily_served DROP COLUMN thrown_away_nano_usd",
            "DROP TABLE hourly_served",
        ):
            execute(store, statement)
    with place.open_store() as store:
        assert (store.totals(), store.totals(Period(until_ns=FIRST_NS + 31 * DAY_NS))) == before
        assert store.verify().differences == ()


def test_days_are_counted_back_from_today(store: RelationalStore) -> None:
    now = datetime.now(UTC)
    for number, days in enumerate((0, 5, 100)):
        began_ns = int((now - timedelta(days=days)).timestamp()) * 1_000_000_000
        store.insert([msgspec.structs.replace(sample_entry(number), started_ns=began_ns)])
    assert drop_old(store, 40) == 1
    assert store._query("SELECT count(*) FROM entries")[0][0] == 2
    assert store.totals().exchanges == 3


def execute(store: RelationalStore, statement: str) -> None:
    if isinstance(store, PostgresStore):
        with store._connected() as connection:
            connection.execute(statement.encode())
    else:
        assert isinstance(store, SqliteStore)
        store._connection.execute(statement)
