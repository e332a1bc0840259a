"""Outcome, prompt and price files as a collection writes them: what `train` and `evaluate` read, with a little more beside it.

Rules of this file: a file is written whole or not at all. Columns that the README of outcome data names have its meaning; the
others (`deployment`, `cost_usd`, `duration_ms`, `graded_by`, `exchange`, `at`, `least_logprob`) are for people and reports, but
for `mean_logprob`, which `train` learns from (`confidences.py`).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from entrepot.errors import DataError, ExtraMissing


class OutcomeRow(msgspec.Struct, frozen=True):
    """How one deployment did on one prompt. `correct` is in [0, 1]; tokens are those billed, `at` is UTC.

    `mean_logprob` and `least_logprob` are of the log-probabilities of the answer's tokens, as far as the provider tells them.
    """

    benchmark: str
    prompt_id: str
    model: str
    correct: float
    answer: str
    input_tokens: int
    output_tokens: int
    deployment: str
    cost_usd: float | None
    duration_ms: float
    graded_by: str
    exchange: str
    at: str
    mean_logprob: float | None = None
    least_logprob: float | None = None


class PromptRow(msgspec.Struct, frozen=True):
    """One prompt: what a router may look at, and its answer key."""

    prompt_id: str
    benchmark: str
    category: str
    language: str
    prompt: str
    reference: str
    input_tokens: int


class PriceRow(msgspec.Struct, frozen=True):
    """Dollars per million tokens, as they add up to what a model's answers really cost."""

    model: str
    input_usd_per_mtok: str
    output_usd_per_mtok: str
    deployment: str
    answers: int


def check_ending(path: Path) -> None:
    """Raises DataError where the ending says no format, ExtraMissing for Parquet without the `learn` extra."""
    _writer(path)


def write_rows(rows: Sequence[msgspec.Struct], path: Path) -> None:
    """Write JSON Lines or Parquet, by the file's ending. Raises as `check_ending`, and OSError."""
    write = _writer(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    write(rows, beside)
    beside.replace(path)


def write_prices(rows: Sequence[PriceRow], path: Path) -> None:
    """Write CSV, as `evaluate --prices` reads it. Raises OSError."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(PriceRow.__struct_fields__)
    writer.writerows([getattr(row, name) for name in PriceRow.__struct_fields__] for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    beside.write_text(text.getvalue(), encoding="utf-8")
    beside.replace(path)


def _writer(path: Path) -> Callable[[Sequence[msgspec.Struct], Path], None]:
    if path.suffix in {".jsonl", ".ndjson"}:
        return _write_lines
    if path.suffix != ".parquet":
        raise DataError(f"{path}: the ending says neither Parquet (.parquet) nor JSON Lines (.jsonl)")
    try:
        # an optional extra, and slow to import
        from pyarrow import Table, parquet  # noqa: PLC0415 - see above
    except ImportError as error:
        raise ExtraMissing(f"writing {path}", "learn") from error

    def write(rows: Sequence[msgspec.Struct], to: Path) -> None:
        parquet.write_table(Table.from_pylist([msgspec.to_builtins(row) for row in rows]), to)

    return write


def _write_lines(rows: Sequence[msgspec.Struct], path: Path) -> None:
    path.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
