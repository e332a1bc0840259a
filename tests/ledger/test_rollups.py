"""Roll-ups give the numbers that the entries give, whatever came in whichever order and whatever the period."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.exchange.records import Entry
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.rollups import CUBES, DAY_NS, HOUR_NS, find_cube
from entrepot.ledger.rows import ENTRY_COLUMNS, SERVED_COLUMNS, rows_of
from entrepot.ledger.sqlite import ledger_path, open_sqlite
from entrepot.ledger.store import ALWAYS, SERVED_DIMENSIONS, Dimension, Period, Sums
from tests.ledger.entries import entries
from tests.postgres_server import PostgresServer

moments = st.none() | st.builds(
    lambda day, hour, second: FIRST_NS + day * DAY_NS + hour * HOUR_NS + second * 1_000_000_000,
    st.integers(-1, 4),
    st.integers(0, 23),
    st.sampled_from([0, 0, 0, 1, 1800, 3599]),
)
periods = st.just(ALWAYS) | st.builds(Period, moments, moments)
asked: st.SearchStrategy[tuple[Dimension, ...]] = st.sampled_from(
    [(), ("model",), ("team",), ("key",), ("route", "provider"), ("day",), ("day", "maker"), ("state", "dialect"),
     ("team", "day"), ("asked_model",), ("key", "model"), ("language",), ("difficulty", "maker_country"), ("client_region",),
     ("data_classes", "day")]
)  # fmt: skip


Key = tuple[tuple[str | None, ...], bool]


def added_up(given_entries: Sequence[Entry], dimensions: Sequence[Dimension], period: Period) -> dict[Key, Sums]:
    """The sums by their definition, one entry after another."""
    sums: dict[Key, list[int]] = defaultdict(lambda: [0] * len(Sums.__struct_fields__))
    for entry in {one.id: one for one in reversed(given_entries)}.values():
        if (period.since_ns is not None and entry.started_ns < period.since_ns) or (
            period.until_ns is not None and entry.started_ns >= period.until_ns
        ):
            continue
        rows = rows_of(entry)
        columns = dict(zip(ENTRY_COLUMNS, rows.entry, strict=True))
        served = dict(zip(SERVED_COLUMNS, rows.served or (None,) * len(SERVED_COLUMNS), strict=True))
        values = [served[name] if name in SERVED_DIMENSIONS else columns[name] for name in dimensions]
        # nothing and an empty text are one group: a roll-up's key holds no NULL
        texts = tuple(
            None if value in (None, "") else str(int(value) if isinstance(value, bool) else value) for value in values
        )
        key = (texts, bool(dimensions) and rows.served is not None)
        if entry.shadow is not None:
            place = Sums.__struct_fields__.index("shadows")
            sums[key][place] += 1
            sums[key][place + 1] += int(columns["cost_nano_usd"] or 0)
            continue
        added = {
            "exchanges": 1,
            "shadows": 0,
            "shadow_nano_usd": 0,
            "completed": entry.state == "completed",
            "unknown_usage": bool(columns["attempts"]) and columns["input_tokens"] is None,
            "estimated_usage": columns["usage_estimated"],
            "unknown_cost": columns["cost_nano_usd"] is None,
        }
        for place, name in enumerate(Sums.__struct_fields__):
            sums[key][place] += int(added.get(name, columns.get(name)) or 0)
    return {key: Sums(*total) for key, total in sums.items()}


Question = tuple[tuple[Dimension, ...], Period]
BATCHES = st.lists(st.lists(entries(), max_size=8), max_size=4)
QUESTIONS = st.lists(st.tuples(asked, periods), min_size=1, max_size=4)


def hold_to_the_entries(store: RelationalStore, batches: list[list[Entry]], questions: list[Question]) -> None:
    for batch in batches:
        store.insert(batch)
    everything = [entry for batch in batches for entry in batch]
    for dimensions, period in questions:
        wanted = added_up(everything, dimensions, period)
        found = {
            (group.values, group.served): group.sums for group in store.totals_by(dimensions, period, shadows=True)
        }
        if not dimensions:
            assert store.totals(period) == wanted.get(((), False), Sums())
            continue
        assert found == wanted


def of_one_moment(given_entries: list[Entry], known: dict[str, int]) -> list[Entry]:
    """Those whose id began when it is `known` to have: an id holds its moment, by which PostgreSQL's partitions go."""
    return [entry for entry in given_entries if known.setdefault(entry.id, entry.started_ns) == entry.started_ns]


def hold_to_themselves_made_again(store: RelationalStore, given_entries: list[Entry], period: Period) -> None:
    for entry in given_entries:
        store.insert([entry])
    before = (store.totals_by(("route", "model"), period), store.unfinished(period), store.added_time(period))
    compared = store.comparisons(period)
    assert store.verify().sound
    store.rebuild_rollups()
    assert store.verify().sound
    assert (
        store.totals_by(("route", "model"), period),
        store.unfinished(period),
        store.added_time(period),
    ) == before
    for old, new in zip(compared, store.comparisons(period), strict=True):
        assert msgspec.structs.replace(old, error_usd2=0, pairs=new.pairs, drawn=new.drawn) == msgspec.structs.replace(
            new, error_usd2=0
        )
        assert new.error_usd2 == pytest.approx(old.error_usd2)
        assert tuple(new.pairs) == pytest.approx(tuple(old.pairs))


@settings(deadline=None, max_examples=60)
@given(BATCHES, QUESTIONS)
def test_sums_are_those_of_the_entries(batches: list[list[Entry]], questions: list[Question]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        hold_to_the_entries(store, batches, questions)


@settings(deadline=None, max_examples=12)
@given(BATCHES, QUESTIONS)
def test_on_postgresql_too_sums_are_those_of_the_entries(
    postgres: PostgresServer, batches: list[list[Entry]], questions: list[Question]
) -> None:
    known: dict[str, int] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerPlace(Path(folder), postgres.make_database()).open_store() as store,
    ):
        hold_to_the_entries(store, [of_one_moment(batch, known) for batch in batches], questions)


@settings(deadline=None, max_examples=30)
@given(st.lists(entries(), max_size=12), periods)
def test_made_again_they_are_the_same(given_entries: list[Entry], period: Period) -> None:
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        hold_to_themselves_made_again(store, given_entries, period)


@settings(deadline=None, max_examples=8)
@given(st.lists(entries(), max_size=12), periods)
def test_on_postgresql_too_they_are_the_same_made_again(
    postgres: PostgresServer, given_entries: list[Entry], period: Period
) -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        LedgerPlace(Path(folder), postgres.make_database()).open_store() as store,
    ):
        hold_to_themselves_made_again(store, of_one_moment(given_entries, {}), period)


def test_a_cube_of_another_definition_is_made_anew(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(number) for number in range(3)])
    with contextlib.closing(sqlite3.connect(ledger_path(tmp_path))) as connection, connection:
        connection.execute("UPDATE rollups SET definition = 'of yesterday'")
        connection.execute("DROP TABLE daily_served")
        connection.execute("CREATE TABLE daily_of_yesterday (day TEXT)")
    with open_sqlite(tmp_path) as store:
        assert store.totals().exchanges == 3
        assert store.verify().sound


def test_every_cube_has_its_own_name() -> None:
    assert len({cube.name for cube in CUBES}) == len(CUBES)
    assert find_cube({"served", "day"}) is CUBES[0]
    assert find_cube({"key"}).name == "key"
    assert not find_cube({"key", "served"}).name
