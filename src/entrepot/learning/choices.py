"""A file of choices: what `auto` asked and accepted for each test prompt, so that anyone who holds the key can grade it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from entrepot.errors import DataError, ExtraMissing
from entrepot.learning.evaluate import Choice


def write_choices(choices: Sequence[Choice], path: Path) -> None:
    """Write JSON Lines or Parquet, by the file's ending. Raises DataError, and ExtraMissing for Parquet without `learn`."""
    if path.suffix in {".jsonl", ".ndjson"}:
        path.write_bytes(b"".join(msgspec.json.encode(choice) + b"\n" for choice in choices))
    elif path.suffix == ".parquet":
        try:
            # an optional extra, and slow to import
            from pyarrow import Table, parquet  # noqa: PLC0415 - see above
        except ImportError as error:
            raise ExtraMissing(f"writing {path}", "learn") from error
        parquet.write_table(Table.from_pylist([msgspec.to_builtins(choice) for choice in choices]), path)
    else:
        raise DataError(f"{path}: the ending says neither Parquet (.parquet) nor JSON Lines (.jsonl)")
