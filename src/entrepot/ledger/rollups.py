"""Sums kept by the hour and by the day as entries arrive, so that a report over a year reads few rows, not every entry.

Rules of this file: a cube is a few columns of `entries` to group by and sums over each group; everything in it can be made
again from the entries, and `verify` in `checks` proves it equal. Each cube is two tables, `hourly_NAME` and `daily_NAME`. A
period is cut into whole days, whole hours at its two ends, and what is left of an hour, which is read from the entries.
Values that are NULL in the entries are '' (texts) or 0 (numbers) in a cube, because NULL is not equal to itself in a key.
The statements are what SQLite and PostgreSQL both understand.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from datetime import UTC, datetime
from typing import NamedTuple

from entrepot.ledger.store import Period

Parameters = tuple[int | str, ...]
HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS
_FIRST_NS, _LAST_NS = 0, 4_102_444_800 * 1_000_000_000  # 1970 to 2100: what a date as text compares rightly in

HOUR = f"(started_ns / {HOUR_NS}) % 24"


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _sum(expression: str, condition: str) -> str:
    return f"coalesce(sum({expression}) FILTER (WHERE {condition}), 0)"


SUMS: Mapping[str, str] = {
    "exchanges": "count(*)",
    "completed": _count("state = 'completed'"),
    "input_tokens": "coalesce(sum(input_tokens), 0)",
    "cache_read_tokens": "coalesce(sum(cache_read_tokens), 0)",
    "cache_write_tokens": "coalesce(sum(cache_write_tokens), 0)",
    "output_tokens": "coalesce(sum(output_tokens), 0)",
    "reasoning_tokens": "coalesce(sum(reasoning_tokens), 0)",
    "unknown_usage": _count("attempts > 0 AND input_tokens IS NULL"),
    "estimated_usage": "coalesce(sum(usage_estimated), 0)",
    "cost_nano_usd": "coalesce(sum(cost_nano_usd), 0)",
    "unknown_cost": _count("cost_nano_usd IS NULL"),
    "thrown_away_nano_usd": "coalesce(sum(thrown_away_nano_usd), 0)",
}
"""In the order of the fields of `store.Sums`."""

_DONE = "state = 'completed'"
_COMPARED = f"{_DONE} AND cost_nano_usd IS NOT NULL"
_MEASURED = f"{_COMPARED} AND baseline_measured = 1"
_ESTIMATED = f"{_COMPARED} AND baseline_measured = 0"
_PAIR = f"{_MEASURED} AND baseline_predicted_nano_usd IS NOT NULL"
_DRAWN = f"{_PAIR} AND baseline_drawn = 1"
_Y, _X, _ERROR = (
    f"({column} * 1e-9)"
    for column in ("baseline_cost_nano_usd", "baseline_predicted_nano_usd", "baseline_error_nano_usd")
)
_MOMENTS = {"x": _X, "y": _Y, "xx": f"{_X} * {_X}", "xy": f"{_X} * {_Y}", "yy": f"{_Y} * {_Y}"}
_UNFINISHED = f"NOT ({_DONE}) AND attempts > 0"

COMPARED: Mapping[str, str] = {
    "finished": _count(_DONE),
    "exchanges": _count(_COMPARED),
    "cost_nano_usd": _sum("cost_nano_usd", _COMPARED),
    "measured": _count(_MEASURED),
    "measured_nano_usd": _sum("baseline_cost_nano_usd", _MEASURED),
    "estimated_nano_usd": _sum("baseline_cost_nano_usd", _ESTIMATED),
    "error_usd2": _sum(f"{_ERROR} * {_ERROR}", _ESTIMATED),
    "pairs": _count(_PAIR),
    **{f"pairs_{name}": _sum(term, _PAIR) for name, term in _MOMENTS.items()},
    "drawn": _count(_DRAWN),
    **{f"drawn_{name}": _sum(term, _DRAWN) for name, term in _MOMENTS.items()},
    "thrown_away_nano_usd": _sum("thrown_away_nano_usd", _COMPARED),
    "unknown_cost": _count(f"{_DONE} AND cost_nano_usd IS NULL"),
    "unfinished": _count(_UNFINISHED),
    "unfinished_cost_nano_usd": _sum("cost_nano_usd", _UNFINISHED),
    "unfinished_unknown_cost": _count(f"{_UNFINISHED} AND cost_nano_usd IS NULL"),
}
"""What the comparison with the baseline is made of (`store.Comparison`, `store.Unfinished`)."""


class Cube(NamedTuple):
    """Sums by some columns of the entries. `where` leaves entries out of it.

    `served` is the number of the facts of whoever answered; `answered` is only whether anybody did.
    """

    name: str
    keys: tuple[str, ...]
    measures: Mapping[str, str]
    where: str = ""

    @property
    def tables(self) -> tuple[str, str]:
        """Its two tables: by the hour, by the day."""
        return f"hourly_{self.name}", f"daily_{self.name}"

    def key_of(self, name: str) -> str:
        """An entry's value of this key, never NULL."""
        if name == "answered":
            return "CASE WHEN served IS NULL THEN 0 ELSE 1 END"
        empty = "0" if name in _NUMBERS else "''"
        return f"coalesce({_quoted(name)}, {empty})"


_NUMBERS = frozenset({"served", "answered", "added_bucket"})

CUBES: tuple[Cube, ...] = (
    Cube("served", ("served",), SUMS),
    Cube("state", ("state", "dialect", "answered"), SUMS),
    Cube("route", ("route", "served"), SUMS),
    Cube("team", ("team", "served"), SUMS),
    Cube("key", ("key", "team", "answered"), SUMS),
    Cube("asked", ("asked_model", "answered"), SUMS),
    Cube("compared", ("route", "baseline_deployment", "baseline_model"), COMPARED),
    Cube("added", ("added_bucket",), {"exchanges": "count(*)"}, "served IS NOT NULL"),
)
"""A cube for each question that reports ask; another combination is answered from the entries."""


def find_cube(keys: Set[str]) -> Cube:
    """The smallest cube of `SUMS` that knows all these columns; where there is none, one without tables, whose
    rows are the entries' own.

    `day` is known to every cube, and whether an entry was answered to each that knows by whom.
    """
    wanted = keys - {"day", "answered"}
    found = [cube for cube in CUBES if cube.measures is SUMS and wanted <= set(cube.keys)]
    return min(found, key=lambda cube: len(cube.keys), default=Cube("", (*sorted(wanted - {"served"}), "served"), SUMS))


def cube_called(name: str) -> Cube:
    """The cube of this name."""
    return next(cube for cube in CUBES if cube.name == name)


def create_statements() -> Iterator[str]:
    """What makes the tables of all cubes."""
    for cube in CUBES:
        for table, times in zip(cube.tables, (("day", "hour"), ("day",)), strict=True):
            keys = [f"{_quoted(key)} {'INTEGER' if key in _NUMBERS else 'TEXT'} NOT NULL" for key in cube.keys]
            moments = ["day TEXT NOT NULL", "hour INTEGER NOT NULL"][: len(times)]
            measures = [f"{name} {_type_of(name)} NOT NULL" for name in cube.measures]
            primary = ", ".join((*times, *map(_quoted, cube.keys)))
            columns = ", ".join((*moments, *keys, *measures))
            yield f"CREATE TABLE {table} ({columns}, PRIMARY KEY ({primary}))"


def add_statements(condition: str) -> Iterator[str]:
    """What adds the entries that meet `condition` to all cubes. Each may be run once for an entry."""
    for cube in CUBES:
        for table, times in zip(cube.tables, (("day", HOUR), ("day",)), strict=True):
            added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in cube.measures)
            keys = ", ".join(("day", *(["hour"] if len(times) > 1 else []), *map(_quoted, cube.keys)))
            yield f"{_insert(cube, table, times, condition)} ON CONFLICT ({keys}) DO UPDATE SET {added}"


def clear_statements() -> Iterator[str]:
    """What empties all cubes."""
    for cube in CUBES:
        for table in cube.tables:
            yield f"DELETE FROM {table}"  # noqa: S608 - a closed list


def _insert(cube: Cube, table: str, times: tuple[str, ...], condition: str) -> str:
    columns = ("day", *(["hour"] if len(times) > 1 else []), *map(_quoted, cube.keys), *cube.measures)
    return f"INSERT INTO {table} ({', '.join(columns)}) {grouped(cube, times, condition)}"


def grouped(cube: Cube, times: tuple[str, ...], condition: str) -> str:
    """The cube's rows as the entries that meet `condition` give them, with the expressions `times` before the keys."""
    keys = (*times, *(f"{cube.key_of(key)} AS {_quoted(key)}" for key in cube.keys))
    where = " AND ".join(filter(None, (condition, cube.where)))
    chosen = ", ".join((*keys, *(f"{sums} AS {name}" for name, sums in cube.measures.items())))
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    return f"SELECT {chosen} FROM entries WHERE {where} GROUP BY {places}"  # noqa: S608 - closed lists


def source(cube: Cube, period: Period) -> tuple[str, Parameters]:
    """Rows of `day`, the cube's keys and measures, which add up to the period: a statement to select from."""
    since_ns, until_ns = _bounds(period)
    if not cube.name:
        return grouped(cube, ("day",), "started_ns >= ? AND started_ns < ?"), (since_ns, until_ns)
    names = ", ".join(("day", *map(_quoted, cube.keys), *cube.measures))
    hourly, daily = cube.tables
    parts: list[str] = []
    parameters: list[int | str] = []
    for unit, first_ns, last_ns in _cut(since_ns, until_ns):
        if unit == "day":
            parts.append(f"SELECT {names} FROM {daily} WHERE day >= ? AND day < ?")  # noqa: S608 - closed lists
            parameters += [_day(first_ns), _day(last_ns)]
        elif unit == "hour":  # never over midnight
            parts.append(f"SELECT {names} FROM {hourly} WHERE day = ? AND hour >= ? AND hour < ?")  # noqa: S608 - closed lists
            end = (last_ns - 1) // HOUR_NS % 24 + 1
            parameters += [_day(first_ns), first_ns // HOUR_NS % 24, end]
        else:
            parts.append(grouped(cube, ("day",), "started_ns >= ? AND started_ns < ?"))
            parameters += [first_ns, last_ns]
    if not parts:
        parts.append(f"SELECT {names} FROM {daily} WHERE day < ''")  # noqa: S608 - closed lists
    return " UNION ALL ".join(parts), tuple(parameters)


def _bounds(period: Period) -> tuple[int, int]:
    since_ns = _FIRST_NS if period.since_ns is None else min(max(period.since_ns, _FIRST_NS), _LAST_NS)
    until_ns = _LAST_NS if period.until_ns is None else min(max(period.until_ns, _FIRST_NS), _LAST_NS)
    return since_ns, until_ns


def _cut(since_ns: int, until_ns: int) -> Iterator[tuple[str, int, int]]:
    """The period as ("entry" | "hour" | "day", first, last), each half-open, in order of time."""
    at_ns = since_ns
    while at_ns < until_ns:
        if at_ns % DAY_NS == 0 and until_ns - at_ns >= DAY_NS:
            end_ns = until_ns - until_ns % DAY_NS
            yield "day", at_ns, end_ns
        elif at_ns % HOUR_NS == 0 and until_ns - at_ns >= HOUR_NS:
            end_ns = min(until_ns - until_ns % HOUR_NS, at_ns - at_ns % DAY_NS + DAY_NS)
            yield "hour", at_ns, end_ns
        else:
            end_ns = min(until_ns, at_ns - at_ns % HOUR_NS + HOUR_NS)
            yield "entry", at_ns, end_ns
        at_ns = end_ns


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).date().isoformat()


def _type_of(measure: str) -> str:
    return "DOUBLE PRECISION" if measure == "error_usd2" or measure.endswith(_MOMENT_ENDS) else "BIGINT"


_MOMENT_ENDS = tuple(f"_{name}" for name in _MOMENTS)


def _quoted(name: str) -> str:
    return f'"{name}"'


DEFINITION = hashlib.sha256("\n".join((*create_statements(), *add_statements(""))).encode()).hexdigest()[:16]
"""Names what the roll-ups are: another one, and they have to be made again."""
