"""What is added up in memory is what the database would have added up."""

from __future__ import annotations

import tempfile

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.exchange.records import Entry
from entrepot.ledger.additions import additions
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.rollups import CUBES, GRAINS
from entrepot.ledger.rows import MAX_NANO, rows_of
from entrepot.ledger.sqlite import open_sqlite
from tests.ledger.entries import entries


@settings(deadline=None, max_examples=50)
@given(st.lists(st.lists(entries(), max_size=12), max_size=3))
def test_every_roll_up_agrees_with_the_entries(batches: list[list[Entry]]) -> None:
    with tempfile.TemporaryDirectory() as folder, open_sqlite(folder) as store:
        for batch in batches:
            store.insert(batch)
        assert store.verify().differences == ()


def test_sums_beyond_64_bits_within_a_batch_stay_exact() -> None:
    rows = rows_of(msgspec.structs.replace(sample_entry(0), cost_nano_usd=MAX_NANO)).entry
    many = 2_000
    added = {(one.cube.name, one.grain): one for one in additions([rows] * many, [1] * many)}
    ((*_, thrown_away),) = added["served", "daily"].rows
    place = list(added["served", "daily"].cube.measures).index("cost_nano_usd")
    assert added["served", "daily"].rows[0][2 + place] == many * MAX_NANO
    assert thrown_away == 0


def test_nothing_arriving_adds_nothing() -> None:
    assert list(additions([], [])) == []


def test_every_table_gets_its_addition() -> None:
    tables = [(one.cube.name, one.grain) for one in additions([rows_of(sample_entry(0)).entry], [1])]
    assert tables == [(cube.name, grain) for cube in CUBES for grain in GRAINS]


def test_what_has_no_value_is_one_group_whether_empty_or_unknown() -> None:
    rows = [rows_of(msgspec.structs.replace(sample_entry(0), team=team)).entry for team in (None, "")]
    added = {(one.cube.name, one.grain): one.rows for one in additions(rows, [1, 1])}
    assert [row[:3] for row in added["team", "daily"]] == [("2026-01-01", "", 1)]
