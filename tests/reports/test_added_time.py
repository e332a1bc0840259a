from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.reports.added_time import AddedTime, measure_added_time, tabulate_added_time


def test_the_median_and_the_99th_percentile_are_of_answered_exchanges(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([msgspec.structs.replace(sample_entry(n), added_ms=0.01 * (n + 1)) for n in range(200)])
        store.insert([msgspec.structs.replace(sample_entry(n), served=None, added_ms=9e9) for n in range(200, 400)])
        added = measure_added_time(store)
    assert added.exchanges == 200
    assert added.p50_ms == pytest.approx(1.0, rel=0.0101)
    assert added.p99_ms == pytest.approx(1.98, rel=0.0101)
    table = tabulate_added_time(added)
    assert [row[1] for row in table.rows[1:]] == [added.p50_ms, added.p99_ms]


def test_where_nothing_was_answered_no_time_is_stated(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        assert measure_added_time(store) == AddedTime(0, None, None)
    assert [row[1] for row in tabulate_added_time(AddedTime(0, None, None)).rows[1:]] == [None, None]
