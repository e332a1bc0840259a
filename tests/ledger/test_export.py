"""What is exported is what the ledger holds, each entry once, however often it was interrupted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pytest

from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.ledger import export as exporting
from entrepot.ledger.checks import FIRST_NS, SAMPLE_SERVED, sample_entry
from entrepot.ledger.export import ATTEMPTS, EXCHANGES, MARK, OUTCOMES, Mark, export
from entrepot.ledger.reading import RelationalStore
from entrepot.ledger.rollups import DAY_NS
from entrepot.ledger.sqlite import open_sqlite


def entry_on(number: int, day: int) -> Entry:
    place = msgspec.structs.replace(SAMPLE_SERVED, on_premises=True, open_weights=True)
    began_ns = FIRST_NS + day * DAY_NS + number * 1_000_000_000
    return msgspec.structs.replace(sample_entry(number), started_ns=began_ns, served=place)


def ask(directory: Path, columns: str, table: str = "exchanges") -> list[tuple[Any, ...]]:
    source = f"read_parquet('{directory}/{table}/*/*.parquet', hive_partitioning = true)"
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT {columns} FROM {source} ORDER BY ALL").fetchall()


def test_duckdb_reads_what_the_ledger_holds(store: RelationalStore, tmp_path: Path) -> None:
    store.insert([entry_on(number, day=number % 3) for number in range(10)])
    store.insert([msgspec.structs.replace(sample_entry(20), served=None, cost_nano_usd=None, state="failed")])
    out = tmp_path / "out"
    out.mkdir()
    done = export(store, out)
    assert (done.entries, done.files) == (11, 6)
    names = [name for name in EXCHANGES if name != "day"]
    held = store.ask(f"SELECT {', '.join(names)} FROM exchanges ORDER BY seq")
    assert ask(out, ", ".join(names)) == [tuple(row) for row in held]
    assert [row[0].isoformat() for row in ask(out, "DISTINCT day")] == ["2026-01-01", "2026-01-02", "2026-01-03"]
    (cost,) = ask(out, "sum(cost_nano_usd)")
    assert cost[0] == store.totals().cost_nano_usd
    attempts = [name for name in ATTEMPTS if name not in ("day", "seq")]
    assert len(ask(out, ", ".join(attempts), "attempts")) == 11


def test_a_second_run_writes_what_is_new_and_a_late_entry_goes_to_its_day(
    store: RelationalStore, tmp_path: Path
) -> None:
    store.insert([entry_on(0, day=0), entry_on(1, day=1)])
    assert export(store, tmp_path).entries == 2
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.parquet")}
    assert export(store, tmp_path).entries == 0
    store.insert([entry_on(2, day=0)])
    assert export(store, tmp_path).entries == 1
    assert all(path.read_bytes() == held for path, held in before.items())
    assert len(list((tmp_path / "exchanges" / "day=2026-01-01").iterdir())) == 2
    assert len(ask(tmp_path, "seq")) == 3


def said_of(number: int, day: int, score: float | None = 0.5) -> Outcome:
    return Outcome(
        f"o{number}-{day}", sample_entry(number).id, FIRST_NS + day * DAY_NS, "user", "k", score, "meh", 0.25
    )


def test_what_was_said_is_exported_beside_them_by_the_day_on_which_it_was_said(
    store: RelationalStore, tmp_path: Path
) -> None:
    store.insert([entry_on(number, day=0) for number in range(3)])
    store.insert_documents([], [said_of(0, 0), said_of(1, 40), said_of(2, 40, None)])
    done = export(store, tmp_path)
    assert (done.entries, done.outcomes, done.files) == (3, 3, 4)
    names = [name for name in OUTCOMES if name != "day"]
    held = store.ask(f"SELECT {', '.join(names)} FROM outcomes ORDER BY seq")
    assert ask(tmp_path, ", ".join(names), "outcomes") == [tuple(row) for row in held]
    days = [row[0].isoformat() for row in ask(tmp_path, "DISTINCT day", "outcomes")]
    assert days == ["2026-01-01", "2026-02-10"]
    store.insert_documents([], [said_of(0, 41)])  # said long after its entry was exported
    done = export(store, tmp_path)
    assert (done.entries, done.outcomes, done.files) == (0, 1, 1)
    assert len(ask(tmp_path, "id", "outcomes")) == 4


def test_an_interrupted_export_of_outcomes_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_ROWS_A_STEP", 2)
    out = tmp_path / "out"
    out.mkdir()
    marks: list[Mark] = []
    write_mark = exporting._write_mark

    def interrupt(directory: Path, mark: Mark) -> None:
        marks.append(mark)
        if mark.last_outcome == 4:
            raise KeyboardInterrupt  # between the files and the mark
        write_mark(directory, mark)

    with open_sqlite(tmp_path) as store:
        store.insert([entry_on(0, day=0)])
        store.insert_documents([], [said_of(0, day) for day in range(5)])
        monkeypatch.setattr(exporting, "_write_mark", interrupt)
        with pytest.raises(KeyboardInterrupt):
            export(store, out)
        monkeypatch.setattr(exporting, "_write_mark", write_mark)
        assert export(store, out).outcomes == 3
    assert [mark.last_outcome for mark in marks] == [0, 2, 4]
    assert [row[0] for row in ask(out, "seq", "outcomes")] == [1, 2, 3, 4, 5]


def test_a_directory_of_an_earlier_version_gets_its_outcomes(tmp_path: Path) -> None:
    with open_sqlite(tmp_path) as store:
        store.insert([entry_on(0, day=0)])
        store.insert_documents([], [said_of(0, 0)])
        (tmp_path / MARK).write_text(f'{{"ledger": "{store.name}", "last_seq": 1, "entries": 1}}', encoding="utf-8")
        done = export(store, tmp_path)
    assert (done.entries, done.outcomes) == (0, 1)


def test_an_interrupted_export_goes_on_and_doubles_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting, "_ROWS_A_STEP", 4)
    out = tmp_path / "out"
    out.mkdir()

    def interrupt(written: int, _: int) -> None:
        if written == 8:
            raise KeyboardInterrupt

    with open_sqlite(tmp_path) as store:
        store.insert([entry_on(number, day=number % 2) for number in range(11)])
        with pytest.raises(KeyboardInterrupt):
            export(store, out, interrupt)
        # as though the machine had died between the files and the mark of the third step, and in the middle of a file
        for day in ("2026-01-01", "2026-01-02"):
            (out / "exchanges" / f"day={day}" / "000000000009-000000000010.parquet").write_bytes(b"half of it")
            (out / "attempts" / f"day={day}" / "000000000001-000000000004.parquet.part").write_bytes(b"half of it")
        steps: list[tuple[int, int]] = []
        assert export(store, out, lambda *told: steps.append(told)).entries == 3
        assert steps == [(0, 3), (3, 3)]
    assert [row[0] for row in ask(out, "seq")] == list(range(1, 12))
    assert not list(out.rglob("*.part"))


def test_a_directory_holds_the_export_of_one_ledger(tmp_path: Path) -> None:
    for name in ("one", "other"):
        with open_sqlite(tmp_path / name) as store:
            store.insert([sample_entry(0)])
            if name == "one":
                export(store, tmp_path)
                continue
            with pytest.raises(LedgerError, match="holds the export of"):
                export(store, tmp_path)
            (tmp_path / MARK).write_text("{", encoding="utf-8")
            with pytest.raises(LedgerError, match="empty directory"):
                export(store, tmp_path)


def test_where_nothing_can_be_written_that_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with open_sqlite(tmp_path) as store:
        store.insert([sample_entry(0)])
        with pytest.raises(LedgerError, match="cannot export to"):
            export(store, tmp_path / "file")
