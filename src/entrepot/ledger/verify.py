"""A ledger read against itself: columns against the documents they were made of, roll-ups against the entries.

Rules of this file: it reads, and mends nothing. Of days whose entries were dropped, only the months are re-added. Sums of squares
are floats, whose last digits depend on the order of adding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

import msgspec

from entrepot.exchange.records import Entry
from entrepot.ledger.rollups import Cube, Grain, each_table, grouped, grouped_days
from entrepot.ledger.rows import ATTEMPT_COLUMNS, ENTRY_COLUMNS, SERVED_COLUMNS, rows_of

Query = Callable[[str], Iterator[Sequence[Any]]]
"""Runs a statement without parameters, and gives its rows as they come."""

MAX_DIFFERENCES = 100
_NEAR = 1e-9

_ENTRIES = f"""
    SELECT entries.seq, documents.document, {", ".join(f'entries."{name}"' for name in ENTRY_COLUMNS)},
           {", ".join(f"served.{name}" for name in SERVED_COLUMNS)}
    FROM entries LEFT JOIN documents ON documents.seq = entries.seq LEFT JOIN served ON served.served = entries.served
    ORDER BY entries.seq
"""  # noqa: S608 - closed lists
_ATTEMPTS = f"SELECT seq, {', '.join(ATTEMPT_COLUMNS)} FROM attempts ORDER BY seq, number"  # noqa: S608 - closed lists


class Verified(msgspec.Struct, frozen=True):
    """What was read, and what does not agree: a sentence each, at most MAX_DIFFERENCES of them."""

    entries: int
    attempts: int
    rollup_rows: int
    differences: tuple[str, ...]

    @property
    def sound(self) -> bool:
        """Whether everything agrees."""
        return not self.differences


def verify(query: Query) -> Verified:
    """Re-add every sum of a ledger."""
    differences: list[str] = []
    entries = attempts = rows = 0
    decode = msgspec.msgpack.Decoder(Entry).decode
    all_attempts = groupby(query(_ATTEMPTS), key=itemgetter(0))
    following = next(all_attempts, None)
    for seq, document, *columns in query(_ENTRIES):
        entries += 1
        held: list[Sequence[Any]] = []
        if following is not None and following[0] == seq:
            held = [row[1:] for row in following[1]]
            following = next(all_attempts, None)
        attempts += len(held)
        differences.extend(f"entry {columns[0]}{told}" for told in _compare_entry(document, columns, held, decode))
    if following is not None:
        differences.append(f"attempts of the entry numbered {following[0]} belong to no entry")
    since_day = next((str(row[0]) for row in query("SELECT since_day FROM kept")), "")
    for cube, grain in each_table():
        for difference in _compare(query, cube, grain, since_day):
            rows += 1
            if difference:
                differences.append(difference)
    return Verified(entries, attempts, rows, tuple(differences[:MAX_DIFFERENCES]))


def _compare_entry(
    document: bytes | None,
    columns: Sequence[Any],
    attempts: Sequence[Sequence[Any]],
    decode: Callable[[bytes], Entry],
) -> Iterator[str]:
    """What of an entry's columns and attempts its document does not say."""
    if document is None:
        yield " has no document"
        return
    try:
        made = rows_of(decode(document))
    except msgspec.MsgspecError as error:
        yield f": its document cannot be read: {error}"
        return
    expected = (*made.entry, *(made.served or (None,) * len(SERVED_COLUMNS)))
    for name, held, wanted in zip((*ENTRY_COLUMNS, *SERVED_COLUMNS), columns, expected, strict=True):
        if not _same(held, wanted):
            yield f": {name} is {held!r}, its document says {wanted!r}"
    if len(attempts) != len(made.attempts):
        yield f" has {len(attempts)} attempts, its document {len(made.attempts)}"
    for held_row, wanted_row in zip(attempts, made.attempts, strict=False):
        if not all(map(_same, held_row, wanted_row)):
            yield f": attempt {held_row[0]} is not what its document says"


def _compare(query: Query, cube: Cube, grain: Grain, since_day: str) -> Iterator[str | None]:
    """For each row of a roll-up, what is wrong with it."""
    keys, table = cube.columns(grain), cube.table(grain)
    names = ", ".join(f'"{name}"' for name in (*keys, *cube.measures))
    if grain == "monthly":
        given, of, made = "days", "", grouped_days(cube)
    else:
        given, of, made = "entries", f"WHERE day >= '{since_day}'", grouped(cube, grain, f"day >= '{since_day}'")
    held = {tuple(row[: len(keys)]): row[len(keys) :] for row in query(f"SELECT {names} FROM {table} {of}")}  # noqa: S608 - closed lists
    for row in query(made):
        key = tuple(row[: len(keys)])
        kept = held.pop(key, None)
        where = f"{table} at {', '.join(map(str, key))}"
        if kept is None:
            yield f"{where}: the row is missing"
            continue
        wrong = [
            f"{name} is {have}, the {given} give {want}"
            for name, have, want in zip(cube.measures, kept, row[len(keys) :], strict=True)
            if not _same(have, want)
        ]
        yield f"{where}: {'; '.join(wrong)}" if wrong else None
    for key in held:
        yield f"{table} at {', '.join(map(str, key))}: none of the {given} is of it"


def _same(held: object, wanted: object) -> bool:
    if isinstance(held, float) or isinstance(wanted, float):
        if not isinstance(held, int | float) or not isinstance(wanted, int | float):
            return False
        return math.isclose(held, wanted, rel_tol=_NEAR, abs_tol=1e-30) or (math.isnan(held) and math.isnan(wanted))
    return held == wanted
