"""What is kept of days is what the ledger holds, and is made again as soon as it is not."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.sqlite import SqliteStore, open_sqlite
from entrepot.ledger.store import ALWAYS, Period
from entrepot.reports.scenario.kept import FOLDER, drop_kept, load_decisions
from tests.reports.scenario.office import FIRST_NS, Office

_DAY_NS = 86_400 * 1_000_000_000


def entries_of_three_days() -> list[Entry]:
    office = Office()
    for number in range(9):
        office.now_ns = FIRST_NS + number // 3 * _DAY_NS + (number % 3 + 1) * 3_600_000_000_000
        office.ask(str(number))
    return office.entries


def begun(store: SqliteStore, directory: Path | None, period: Period = ALWAYS) -> list[int]:
    found: list[int] = load_decisions(store, directory, period).by_entry["started_ns"].tolist()
    return found


def test_decisions_come_in_the_order_of_their_beginning_the_first_time_and_again(tmp_path: Path) -> None:
    entries = entries_of_three_days()
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
        first = begun(store, tmp_path)
        assert first == [entry.started_ns for entry in entries]
        assert sorted(path.name for path in (tmp_path / FOLDER).iterdir()) == [
            "2026-01-01.npz", "2026-01-02.npz", "2026-01-03.npz",
        ]  # fmt: skip
        assert begun(store, tmp_path) == begun(store, None) == first


def test_what_was_kept_is_read_and_not_made_again(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of_three_days())
        load_decisions(store, tmp_path, ALWAYS)
        kept = tmp_path / FOLDER / "2026-01-02.npz"
        before = kept.stat().st_mtime_ns
        again = load_decisions(store, tmp_path, ALWAYS)
        assert kept.stat().st_mtime_ns == before
        np.testing.assert_array_equal(
            again.by_candidate["p_correct"], load_decisions(store, None, ALWAYS).by_candidate["p_correct"]
        )


def test_a_day_to_which_something_came_late_is_made_again(tmp_path: Path) -> None:
    entries = entries_of_three_days()
    with open_sqlite(tmp_path) as store:
        store.insert(entries[:-1])
        assert len(begun(store, tmp_path)) == 8
        store.insert(entries[-1:])
        assert len(begun(store, tmp_path)) == 9


def test_what_is_kept_can_be_dropped_at_any_time(tmp_path: Path) -> None:
    drop_kept(tmp_path)
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of_three_days())
        whole = begun(store, tmp_path)
        drop_kept(tmp_path)
        assert list((tmp_path / FOLDER).iterdir()) == []
        assert begun(store, tmp_path) == whole


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of_three_days())
        whole = begun(store, tmp_path)
        kept = tmp_path / FOLDER / "2026-01-02.npz"
        kept.write_bytes(kept.read_bytes()[:200])
        assert begun(store, tmp_path) == whole
        (tmp_path / FOLDER / "2026-01-01.npz").write_bytes(b"")
        assert begun(store, tmp_path) == whole


def test_a_period_is_cut_to_the_nanosecond(tmp_path: Path) -> None:
    entries = entries_of_three_days()
    with open_sqlite(tmp_path) as store:
        store.insert(entries)
        period = Period(entries[1].started_ns, entries[7].started_ns)
        assert begun(store, tmp_path, period) == [entry.started_ns for entry in entries[1:7]]
        assert begun(store, tmp_path, Period(FIRST_NS + 9 * _DAY_NS)) == []
        cut = load_decisions(store, tmp_path, period)
        assert cut.by_entry["count"].sum() == len(cut.by_candidate["deployment"])


def test_where_nothing_can_be_kept_it_is_read_all_the_same(tmp_path: Path) -> None:
    (tmp_path / FOLDER).write_text("a file where the folder should be", encoding="utf-8")
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of_three_days())
        assert len(begun(store, tmp_path)) == 9


def test_an_entry_that_cannot_be_read_is_an_error_of_ours_with_its_day(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert(entries_of_three_days())
        store._connection.execute(
            "UPDATE documents SET document = ? WHERE seq = 4", (msgspec.msgpack.encode({"id": 1}),)
        )
        with pytest.raises(LedgerError, match="an entry of 2026-01-02 cannot be read"):
            load_decisions(store, tmp_path, ALWAYS)
