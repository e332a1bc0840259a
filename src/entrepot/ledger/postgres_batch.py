"""Entries as PostgreSQL takes them in, but for the numbers that only the database gives: made here or in another process.

Rules of this file: pure. Facts of deployments are numbered from 1 within the batch, 0 where nobody answered; the store puts the
database's own numbers in their place. Whatever else roll-ups are given is rendered here, as arrays are written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence, Set
from typing import Any

import msgspec

from entrepot.ledger.additions import additions
from entrepot.ledger.documents import Document
from entrepot.ledger.erasures import Asked
from entrepot.ledger.rollups import each_table
from entrepot.ledger.rows import ENTRY_COLUMNS, Value, rows_of

Row = tuple[Any, ...]
_ESCAPED, _BACKSLASHED = re.compile(r'(["\\])'), r"\\\1"
_TABLES = {(cube.name, grain): place for place, (cube, grain) in enumerate(each_table())}
_ID, _DAY = (ENTRY_COLUMNS.index(name) for name in ("id", "day"))
_ASKED = tuple(ENTRY_COLUMNS.index(name) for name in Asked._fields)


class Added(msgspec.Struct, frozen=True, array_like=True):
    """What is added to one table, `table` being its place in `each_table()`: its columns in their order, as arrays.

    The column of facts is a list of numbers within the batch instead.
    """

    table: int
    columns: tuple[str | list[int], ...]


class Batch(msgspec.Struct, frozen=True, array_like=True):
    """Entries, each once: `entries` in the order of ENTRY_COLUMNS, `attempts` of each in that of ATTEMPT_COLUMNS, `documents` as
    they lay in the spool. `served` are places in `facts`, from 1.
    """

    entries: list[Row]
    attempts: list[tuple[Row, ...]]
    documents: list[bytes]
    facts: list[Row]
    served: list[int]
    added: list[Added]

    def ids(self) -> list[str]:
        """The id of each."""
        return [entry[_ID] for entry in self.entries]

    def days(self) -> set[str]:
        """On which days they began."""
        return {entry[_DAY] for entry in self.entries}

    def asked(self) -> Iterator[Asked]:
        """Of each what erasures ask about."""
        return (Asked(*(entry[place] for place in _ASKED)) for entry in self.entries)

    def without(self, ids: Set[str]) -> Batch:
        """All others."""
        if not ids:
            return self
        left = [place for place, entry in enumerate(self.entries) if entry[_ID] not in ids]
        entries, served = [self.entries[place] for place in left], [self.served[place] for place in left]
        return Batch(
            entries,
            [self.attempts[place] for place in left],
            [self.documents[place] for place in left],
            self.facts,
            served,
            _added(entries, served),
        )


def batch_of(documents: Sequence[Document]) -> Batch:
    """These, the first of those that have one id."""
    by_id: dict[str, Document] = {}
    for document in documents:
        by_id.setdefault(document.entry.id, document)
    rows = [rows_of(document.entry) for document in by_id.values()]
    places: dict[Row, int] = {}
    served = [0 if row.served is None else places.setdefault(row.served, len(places) + 1) for row in rows]
    entries = [row.entry for row in rows]
    return Batch(
        entries,
        [row.attempts for row in rows],
        [document.encoded for document in by_id.values()],
        list(places),
        served,
        _added(entries, served),
    )


def _added(entries: Sequence[Row], served: Sequence[int]) -> list[Added]:
    return [
        Added(
            _TABLES[cube.name, grain],
            tuple(
                list(column) if name == "served" else array_of(column)
                for name, column in zip((*cube.columns(grain), *cube.measures), zip(*rows, strict=True), strict=True)
            ),
        )
        for cube, grain, rows in additions(entries, [number or None for number in served])
        if rows
    ]


def array_of(values: Sequence[Value]) -> str:
    """An array as PostgreSQL writes it: psycopg takes some microseconds for every number in one."""
    if values and isinstance(values[0], str):
        texts = [str(value) for value in values]
        plain = '","'.join(texts)
        if plain.count('"') == 2 * (len(texts) - 1) and "\\" not in plain:
            return f'{{"{plain}"}}'
        return "{" + ",".join(f'"{_ESCAPED.sub(_BACKSLASHED, text)}"' for text in texts) + "}"
    return "{" + ",".join(map(repr, values)) + "}"
