"""How a batch is written into the tables of a PostgreSQL ledger: by COPY, and into roll-ups by arrays.

Rules of this file: it writes inside the caller's transaction, and decides nothing.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import psycopg

from entrepot.ledger.postgres_batch import Added, Batch, array_of
from entrepot.ledger.rollups import Cube, Grain, add_onto, each_table, type_of
from entrepot.ledger.rows import ATTEMPT_COLUMNS, ENTRY_COLUMNS, kind_of

Connection = psycopg.Connection[Any]


def copy_batch(connection: Connection, batch: Batch, first: int, served: Sequence[int | None]) -> None:
    """Write the entries of a batch, numbered from `first` on, the facts of those that were `served` at each place."""
    with connection.cursor() as cursor:
        with cursor.copy(_COPY_ENTRIES) as copy:
            copy.set_types(_ENTRY_TYPES)
            for seq, (place, entry) in enumerate(zip(batch.served, batch.entries, strict=True), start=first):
                copy.write_row((seq, served[place], *entry))
        with cursor.copy(_COPY_ATTEMPTS) as copy:
            copy.set_types(_ATTEMPT_TYPES)
            for seq, (entry, attempts) in enumerate(zip(batch.entries, batch.attempts, strict=True), start=first):
                for attempt in attempts:
                    copy.write_row((seq, entry[_DAY], *attempt))
        with cursor.copy(_COPY_DOCUMENTS) as copy:
            copy.write(_COPY_HEAD)
            for start in range(0, len(batch.entries), _DOCUMENTS_AT_ONCE):
                copy.write(_document_rows(batch, start, first + start))
            copy.write(_COPY_END)


def add_to_rollups(connection: Connection, added: Added, served: Sequence[int | None]) -> None:
    """Add what a batch adds to one table."""
    columns = [
        column if isinstance(column, str) else array_of([served[place] or 0 for place in column])
        for column in added.columns
    ]
    connection.execute(_ADD[added.table], columns)


def _document_rows(batch: Batch, start: int, seq: int) -> bytes:
    """Rows of `documents` as binary COPY has them: psycopg's own `write_row` would send every ten in a turn of its own."""
    parts: list[bytes] = []
    end = start + _DOCUMENTS_AT_ONCE
    rows = zip(batch.entries[start:end], batch.documents[start:end], strict=True)
    for number, (entry, document) in enumerate(rows, start=seq):
        day = entry[_DAY].encode()
        parts += (_ROW_HEAD.pack(3, 8, number, len(day)), day, _LENGTH.pack(len(document)), document)
    return b"".join(parts)


def _copy(table: str, columns: Sequence[str]) -> bytes:
    names = ", ".join(f'"{name}"' for name in columns)
    return f"COPY {table} ({names}) FROM STDIN (FORMAT BINARY)".encode()


def _add(cube: Cube, grain: Grain) -> bytes:
    names = (*cube.columns(grain), *cube.measures)
    columns = ", ".join(f'"{name}"' for name in names)
    arrays = ", ".join(f"%s::{type_of(name)}[]" for name in names)
    statement = f"INSERT INTO {cube.table(grain)} ({columns}) SELECT * FROM unnest({arrays}) {add_onto(cube, grain)}"  # noqa: S608 - closed lists
    return statement.encode()


_DAY = ENTRY_COLUMNS.index("day")
# The binary form of COPY: https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format".
_COPY_HEAD, _COPY_END = b"PGCOPY\n\xff\r\n\0" + bytes(8), b"\xff\xff"
_ROW_HEAD, _LENGTH = struct.Struct("!hiqi"), struct.Struct("!i")
_DOCUMENTS_AT_ONCE = 256
_COPY_ENTRIES = _copy("entries", ("seq", "served", *ENTRY_COLUMNS))
_COPY_ATTEMPTS = _copy("attempts", ("seq", "entry_day", *ATTEMPT_COLUMNS))
_COPY_DOCUMENTS = _copy("documents", ("seq", "entry_day", "document"))
_TYPES = {"truth": "int2", "integer": "int4", "whole": "int8", "float": "float8", "text": "text"}
_ENTRY_TYPES = tuple(_TYPES[kind_of(name)] for name in ("seq", "served", *ENTRY_COLUMNS))
_ATTEMPT_TYPES = tuple(_TYPES[kind_of(name)] for name in ("seq", "entry_day", *ATTEMPT_COLUMNS))
_ADD = tuple(_add(cube, grain) for cube, grain in each_table())
