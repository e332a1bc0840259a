"""The ledger as Parquet files, partitioned by day as Hive does it: `exchanges/day=2026-01-31/…`, `attempts/…` and `outcomes/…`.

Rules of this file: a file's name says which rows of the ledger it holds, and `export.json` up to which row everything is written;
outcomes have numbers of their own, because they come later than what they are about, and the day on which they were said.
Each step writes its files whole, under another name first, and then moves that mark; what an interrupted step left beyond the
mark is deleted by the next run. So every entry is in exactly one file, however often the export was interrupted. Prompts and
answers are not in there.
"""

from __future__ import annotations

import importlib
import os
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from entrepot.errors import ExtraMissing, LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.ledger.reading import RelationalReader
from entrepot.ledger.rows import ATTEMPT_COLUMNS, ENTRY_COLUMNS, SERVED_COLUMNS, kind_of

MARK = "export.json"
EXCHANGES = ("seq", *ENTRY_COLUMNS, *SERVED_COLUMNS)
ATTEMPTS = ("seq", "day", *ATTEMPT_COLUMNS)
OUTCOMES = ("seq", "day", *Outcome.__struct_fields__)
_ROWS_A_STEP = 20_000
_SECOND_NS = 1_000_000_000
_FILE = re.compile(r"(\d{12})-(\d{12})\.parquet(\.part)?")
_EXCHANGES_AFTER = f"""
    SELECT {", ".join(f'"{name}"' for name in EXCHANGES)} FROM exchanges WHERE seq > ? ORDER BY seq LIMIT ?
"""  # noqa: S608 - closed lists
_ATTEMPTS_BETWEEN = f"""
    SELECT {", ".join(f'entries."{name}"' if name in ("seq", "day") else f'attempts."{name}"' for name in ATTEMPTS)}
    FROM entries JOIN attempts ON attempts.seq = entries.seq
    WHERE entries.seq BETWEEN ? AND ? ORDER BY entries.seq, attempts.number
"""  # noqa: S608 - closed lists
_OUTCOMES_AFTER = f"""
    SELECT seq, given_ns, {", ".join(Outcome.__struct_fields__)} FROM outcomes WHERE seq > ? ORDER BY seq LIMIT ?
"""  # noqa: S608 - closed lists

Told = Callable[[int, int], None]
"""Is told how many entries are written and how many there are to write."""


class Mark(msgspec.Struct, frozen=True):
    """From which ledger, and up to which row of its entries and of its outcomes, a directory holds everything."""

    ledger: str
    last_seq: int = 0
    entries: int = 0
    last_outcome: int = 0
    outcomes: int = 0


class Exported(msgspec.Struct, frozen=True):
    """What one run wrote."""

    entries: int
    outcomes: int
    files: int
    last_seq: int


def export(reader: RelationalReader, directory: Path, told: Told | None = None) -> Exported:
    """Write what is not written yet. Raises LedgerError, and ExtraMissing without pyarrow."""
    write = _Writer(directory)
    try:
        mark = _read_mark(directory, reader.name)
        _sweep(directory, mark)
        found = reader.ask("SELECT count(*) FROM entries WHERE seq > ?", (mark.last_seq,))
        total, before = int(found[0][0]), mark
        told = told or (lambda *_: None)
        told(0, total)
        while rows := reader.ask(_EXCHANGES_AFTER, (mark.last_seq, _ROWS_A_STEP)):
            first, last = int(rows[0][0]), int(rows[-1][0])
            attempts = reader.ask(_ATTEMPTS_BETWEEN, (first, last))
            for table, columns, held in (("exchanges", EXCHANGES, rows), ("attempts", ATTEMPTS, attempts)):
                write.step(table, columns, held, first, last)
            mark = msgspec.structs.replace(mark, last_seq=last, entries=mark.entries + len(rows))
            _write_mark(directory, mark)
            written = mark.entries - before.entries
            told(written, max(total, written))
        while said := reader.ask(_OUTCOMES_AFTER, (mark.last_outcome, _ROWS_A_STEP)):
            last = int(said[-1][0])
            held = [(seq, _day_of(given_ns), *fields) for seq, given_ns, *fields in said]
            write.step("outcomes", OUTCOMES, held, int(said[0][0]), last)
            mark = msgspec.structs.replace(mark, last_outcome=last, outcomes=mark.outcomes + len(said))
            _write_mark(directory, mark)
    except OSError as error:
        raise LedgerError(f"cannot export to {directory}: {error.strerror or error}") from error
    return Exported(mark.entries - before.entries, mark.outcomes - before.outcomes, write.files, mark.last_seq)


def _day_of(given_ns: int) -> str:
    return datetime.fromtimestamp(given_ns // _SECOND_NS, UTC).date().isoformat()


def _by_day(rows: Iterable[Sequence[Any]], place: int) -> Iterable[tuple[str, list[Sequence[Any]]]]:
    """Rows by their day, without the column that says it: the folder does."""
    ordered = sorted(rows, key=itemgetter(place))
    for day, held in groupby(ordered, key=itemgetter(place)):
        yield str(day), [(*row[:place], *row[place + 1 :]) for row in held]


class _Writer:
    """Writes files below `directory`, and counts them. Raises ExtraMissing without pyarrow."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._arrow, self._parquet = _arrow()
        self._kinds = {
            "truth": self._arrow.bool_(),
            "integer": self._arrow.int32(),
            "whole": self._arrow.int64(),
            "float": self._arrow.float64(),
            "text": self._arrow.string(),
        }
        self.files = 0

    def step(self, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], first: int, last: int) -> None:
        """Write these rows of a table, a file a day."""
        for day, of_day in _by_day(rows, columns.index("day")):
            path = self._directory / table / f"day={day}" / f"{first:012}-{last:012}.parquet"
            self._write(path, [name for name in columns if name != "day"], of_day)
            self.files += 1

    def _write(self, path: Path, names: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
        arrays = []
        for name, held in zip(names, zip(*rows, strict=True), strict=True):
            kind = kind_of(name)
            values = [None if value is None else bool(value) for value in held] if kind == "truth" else list(held)
            arrays.append(self._arrow.array(values, self._kinds[kind]))
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f"{path.name}.part")
        with part.open("wb") as file:
            table = self._arrow.Table.from_arrays(arrays, names=names)
            self._parquet.write_table(table, file, compression="zstd")
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)


def _read_mark(directory: Path, ledger: str) -> Mark:
    path = directory / MARK
    try:
        mark = msgspec.json.decode(path.read_bytes(), type=Mark)
    except FileNotFoundError:
        return Mark(ledger)
    except msgspec.MsgspecError as error:
        raise LedgerError(f"{path} cannot be read ({error}); export to an empty directory") from error
    if mark.ledger != ledger:
        raise LedgerError(f"{directory} holds the export of {mark.ledger}, not of {ledger}; give another directory")
    return mark


def _write_mark(directory: Path, mark: Mark) -> None:
    part = directory / f"{MARK}.part"
    with part.open("wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(mark)))
        file.flush()
        os.fsync(file.fileno())
    part.replace(directory / MARK)


def _sweep(directory: Path, mark: Mark) -> None:
    """Delete what a step that did not come to its end has left."""
    for path in directory.glob("*/day=*/*.parquet*"):
        named = _FILE.fullmatch(path.name)
        last_seq = mark.last_outcome if path.parent.parent.name == "outcomes" else mark.last_seq
        if named is not None and (named[3] or int(named[1]) > last_seq):
            path.unlink()


def _arrow() -> tuple[ModuleType, ModuleType]:
    try:
        return importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise ExtraMissing("writing Parquet", "learn") from None
