"""Sums kept by the hour, the day and the month as entries arrive, so that a report over a year reads few rows, not every entry.

Rules of this file: a cube is a few columns of `entries` to group by and sums over each group. Each cube is three tables,
`hourly_NAME`, `daily_NAME` and `monthly_NAME`; the first two can be made again from the entries, the third from the second, and
`verify.py` proves them equal. Values that are NULL in the entries are '' (texts) or 0 (numbers) in a cube, because NULL is not
equal to itself in a key. The statements are what SQLite and PostgreSQL both understand. What arriving entries add is added up
by `additions.py`, by the same definitions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Set
from typing import Literal, NamedTuple

HOUR_NS = 3_600_000_000_000
DAY_NS = 24 * HOUR_NS

Grain = Literal["hourly", "daily", "monthly"]
GRAINS: Mapping[Grain, Mapping[str, str]] = {
    "hourly": {"day": "day", "hour": f"(started_ns / {HOUR_NS}) % 24"},
    "daily": {"day": "day"},
    "monthly": {"month": "substr(day, 1, 7)"},
}
"""How finely sums are kept: for each grain the columns that say when, and what they are of an entry."""


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _sum(expression: str, condition: str) -> str:
    return f"coalesce(sum({expression}) FILTER (WHERE {condition}), 0)"


SENT = "shadow_of IS NULL"
"""What a client asked for, and got or did not: every sum but those of shadows is over these."""
_SUMMED = (
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
)

SUMS: Mapping[str, str] = {
    "exchanges": _count(SENT),
    "completed": _count(f"state = 'completed' AND {SENT}"),
    **{name: _sum(name, SENT) for name in _SUMMED},
    "unknown_usage": _count(f"attempts > 0 AND input_tokens IS NULL AND {SENT}"),
    "estimated_usage": _sum("usage_estimated", SENT),
    "cost_nano_usd": _sum("cost_nano_usd", SENT),
    "unknown_cost": _count(f"cost_nano_usd IS NULL AND {SENT}"),
    "thrown_away_nano_usd": _sum("thrown_away_nano_usd", SENT),
    "shadows": _count("shadow_of IS NOT NULL"),
    "shadow_nano_usd": _sum("cost_nano_usd", "shadow_of IS NOT NULL"),
}
"""In the order of the fields of `store.Sums`."""

_DONE = "state = 'completed'"
_COMPARED = f"{_DONE} AND cost_nano_usd IS NOT NULL"
_MEASURED = f"{_COMPARED} AND baseline_measured = 1"
_ESTIMATED = f"{_COMPARED} AND baseline_measured = 0"
_PAIR = f"{_MEASURED} AND baseline_predicted_nano_usd IS NOT NULL"
_DRAWN = f"{_PAIR} AND baseline_drawn = 1"
_Y, _X, _ERROR = (
    f"(CAST({column} AS DOUBLE PRECISION) * 1e-9)"
    for column in ("baseline_cost_nano_usd", "baseline_predicted_nano_usd", "baseline_error_nano_usd")
)
_MOMENTS = {"x": _X, "y": _Y, "xx": f"{_X} * {_X}", "xy": f"{_X} * {_Y}", "yy": f"{_Y} * {_Y}"}
_UNFINISHED = f"NOT ({_DONE}) AND attempts > 0"

_SPLIT = f"{_ESTIMATED} AND as_long_nano_usd IS NOT NULL"

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
    "split": _count(_SPLIT),
    "split_baseline_nano_usd": _sum("baseline_cost_nano_usd", _SPLIT),
    "split_as_long_nano_usd": _sum("as_long_nano_usd", _SPLIT),
    "split_as_long_uncached_nano_usd": _sum("as_long_uncached_nano_usd", _SPLIT),
    "split_uncached_nano_usd": _sum("uncached_nano_usd", _SPLIT),
    "split_answer_nano_usd": _sum("cost_nano_usd - thrown_away_nano_usd", _SPLIT),
    "unknown_cost": _count(f"{_DONE} AND cost_nano_usd IS NULL"),
    "unfinished": _count(_UNFINISHED),
    "unfinished_cost_nano_usd": _sum("cost_nano_usd", _UNFINISHED),
    "unfinished_unknown_cost": _count(f"{_UNFINISHED} AND cost_nano_usd IS NULL"),
}
"""What the comparison with the baseline is made of (`store.Comparison`, `store.Unfinished`)."""


_TOLD = "checked IS NOT NULL AND p_correct IS NOT NULL"

JUDGED: Mapping[str, str] = {
    "checks": _count("checked IS NOT NULL"),
    "passed": "coalesce(sum(checked), 0)",
    "agreements": _count("agreed IS NOT NULL"),
    "agreed": "coalesce(sum(agreed), 0)",
    "agreed_squares": "coalesce(sum(agreed * agreed), 0)",
    "told": _count(_TOLD),
    "told_p": _sum("p_correct", _TOLD),
    "told_passed": _sum("checked", _TOLD),
}
"""Outcomes that lie in the entries themselves (`store.Judged`); what was said of them later is joined with them."""

EXPECTED: Mapping[str, str] = {
    "exchanges": "count(*)",
    "p_correct": "coalesce(sum(p_correct), 0)",
    "p_best": "coalesce(sum(p_best), 0)",
    "referred": _count("p_reference IS NOT NULL"),
    "referred_p_correct": _sum("p_correct", "p_reference IS NOT NULL"),
    "p_reference": "coalesce(sum(p_reference), 0)",
}
"""What the router expected of those who answered, of the best candidate and of the reference (`store.Expectation`)."""


class Cube(NamedTuple):
    """Sums by some columns of the entries. `where` leaves entries out of it.

    `served` is the number of the facts of whoever answered; `answered` is only whether anybody did.
    """

    name: str
    keys: tuple[str, ...]
    measures: Mapping[str, str]
    where: str = ""

    def table(self, grain: Grain) -> str:
        """The table of one grain."""
        return f"{grain}_{self.name}"

    def columns(self, grain: Grain) -> tuple[str, ...]:
        """What identifies a row of that table."""
        return (*GRAINS[grain], *self.keys)

    def key_of(self, name: str) -> str:
        """An entry's value of this key, never NULL."""
        if name == "answered":
            return "CASE WHEN served IS NULL THEN 0 ELSE 1 END"
        empty = "0" if name in NUMBERS else "''"
        return f"coalesce({_quoted(name)}, {empty})"


NUMBERS = frozenset({"served", "answered", "added_bucket", "hour", "p_tenth"})
IS_JUDGED = "(checked IS NOT NULL OR agreed IS NOT NULL)"
IS_EXPECTED = "p_correct IS NOT NULL"
IS_ANSWERED = f"served IS NOT NULL AND {SENT}"

CUBES: tuple[Cube, ...] = (
    Cube("served", ("served",), SUMS),
    Cube("state", ("state", "dialect", "answered"), SUMS),
    Cube("route", ("route", "served"), SUMS),
    Cube("team", ("team", "served"), SUMS),
    Cube("key", ("key", "team", "answered"), SUMS),
    Cube("asked", ("asked_model", "answered"), SUMS),
    Cube("compared", ("route", "baseline_deployment", "baseline_model"), COMPARED, SENT),
    Cube("added", ("added_bucket",), {"exchanges": "count(*)"}, IS_ANSWERED),
    Cube("language", ("language", "served"), SUMS),
    Cube("difficulty", ("difficulty", "served"), SUMS),
    Cube("client_region", ("client_region", "served"), SUMS),
    Cube("data_classes", ("data_classes", "served"), SUMS),
    Cube("judged", ("route", "served", "language", "difficulty", "p_tenth"), JUDGED, IS_JUDGED),
    Cube("expected", ("route", "served"), EXPECTED, IS_EXPECTED),
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
    for cube, grain in each_table():
        columns = [f"{_quoted(name)} {type_of(name)} NOT NULL" for name in (*cube.columns(grain), *cube.measures)]
        primary = ", ".join(map(_quoted, cube.columns(grain)))
        yield f"CREATE TABLE {cube.table(grain)} ({', '.join(columns)}, PRIMARY KEY ({primary}))"


def each_table() -> Iterator[tuple[Cube, Grain]]:
    """Every cube in every grain."""
    for cube in CUBES:
        for grain in GRAINS:
            yield cube, grain


def add_onto(cube: Cube, grain: Grain) -> str:
    """What follows an INSERT into a table, so that the measures are added to those that it has."""
    table, keys = cube.table(grain), ", ".join(map(_quoted, cube.columns(grain)))
    added = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in cube.measures)
    return f"ON CONFLICT ({keys}) DO UPDATE SET {added}"


def remake_statements(days: str) -> Iterator[str]:
    """What makes the roll-ups again of days that meet a condition, e.g. `day >= '2026-01-01'`; and of every month."""
    for cube, grain in each_table():
        yield f"DELETE FROM {cube.table(grain)}" + ("" if grain == "monthly" else f" WHERE {days}")  # noqa: S608 - closed lists
        made = grouped_days(cube) if grain == "monthly" else grouped(cube, grain, days)
        columns = ", ".join(map(_quoted, (*cube.columns(grain), *cube.measures)))
        yield f"INSERT INTO {cube.table(grain)} ({columns}) {made}"


def take_over_statements(cube: Cube, grain: Grain, old: str, columns: Set[str], since_day: str) -> Iterator[str]:
    """What copies the days before `since_day`, whose entries are gone, from a table of an earlier definition.

    Nothing, where that table had other keys: then nobody knows those days any more.
    """
    if grain == "monthly" or not set(cube.columns(grain)) <= columns:
        return
    names = ", ".join(map(_quoted, (*cube.columns(grain), *cube.measures)))
    held = ", ".join(_quoted(name) if name in columns else "0" for name in (*cube.columns(grain), *cube.measures))
    yield f"INSERT INTO {cube.table(grain)} ({names}) SELECT {held} FROM {old} WHERE day < '{since_day}'"  # noqa: S608 - closed lists


def renew_statements(held: Mapping[str, Set[str]], since_day: str) -> Iterator[str]:
    """What replaces the tables of another definition, `held` with their columns, by those of this one."""
    yield from (f'ALTER TABLE "{table}" RENAME TO "old_{table}"' for table in held)
    yield from create_statements()
    for cube, grain in each_table():
        table = cube.table(grain)
        if since_day and table in held:
            yield from take_over_statements(cube, grain, f"old_{table}", held[table], since_day)
    yield from remake_statements(f"day >= '{since_day}'")
    yield from (f'DROP TABLE "old_{table}"' for table in held)


def forget_statements(principal: str) -> Iterator[str]:
    """What takes the rows of a key or a team (`principal` says which) out of roll-ups whose entries are gone."""
    for cube, grain in each_table():
        if principal in cube.keys and grain != "monthly":
            yield f"DELETE FROM {cube.table(grain)} WHERE {_quoted(principal)} = ? AND day < ?"  # noqa: S608 - closed lists


def grouped(cube: Cube, grain: Grain, condition: str) -> str:
    """A table's rows as the entries that meet `condition` give them."""
    times = [f"{expression} AS {_quoted(name)}" for name, expression in GRAINS[grain].items()]
    keys = (*times, *(f"{cube.key_of(key)} AS {_quoted(key)}" for key in cube.keys))
    where = " AND ".join(filter(None, (condition, cube.where)))
    chosen = ", ".join((*keys, *(f"{sums} AS {name}" for name, sums in cube.measures.items())))
    places = ", ".join(str(place + 1) for place in range(len(keys)))
    return f"SELECT {chosen} FROM entries WHERE {where} GROUP BY {places}"  # noqa: S608 - closed lists


def grouped_days(cube: Cube) -> str:
    """The monthly rows as the daily ones give them."""
    keys = ", ".join((*GRAINS["monthly"].values(), *map(_quoted, cube.keys)))
    measures = ", ".join(f"sum({name})" for name in cube.measures)
    places = ", ".join(str(place + 1) for place in range(1 + len(cube.keys)))
    return f"SELECT {keys}, {measures} FROM {cube.table('daily')} GROUP BY {places}"  # noqa: S608 - closed lists


def type_of(name: str) -> str:
    """What a column of a roll-up holds, as SQL says it."""
    if name in _TEXTS:
        return "TEXT"
    if name in NUMBERS:
        return "INTEGER"
    return "DOUBLE PRECISION" if is_float(name) else "BIGINT"


def is_float(measure: str) -> bool:
    """Whether a measure is a sum of squares, products or probabilities, not of whole numbers."""
    return measure in _FLOATS


_FLOATS = frozenset(
    (
        *(
            "error_usd2",
            "agreed",
            "agreed_squares",
            "told_p",
            "p_correct",
            "p_best",
            "referred_p_correct",
            "p_reference",
        ),
        *(f"{kind}_{name}" for kind in ("pairs", "drawn") for name in _MOMENTS),
    )
)
_TEXTS = {"day", "month", *(key for cube in CUBES for key in cube.keys)} - NUMBERS


def _quoted(name: str) -> str:
    return f'"{name}"'


DEFINITION = hashlib.sha256(
    "\n".join((*create_statements(), *remake_statements(""), *(add_onto(*table) for table in each_table()))).encode()
).hexdigest()[:16]
"""Names what the roll-ups are: another one, and they have to be made again."""
