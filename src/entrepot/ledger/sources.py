"""Where the sums of a period are read from: whole months and days, whole hours at its two ends, and entries for what is left.

Rules of this file: the parts of a period do not overlap and leave nothing out. The statements are what SQLite and PostgreSQL
both understand.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Literal

from entrepot.ledger.rollups import DAY_NS, HOUR_NS, Cube, grouped
from entrepot.ledger.store import Period

Parameters = tuple[int | str, ...]
Unit = Literal["entry", "hour", "day", "month"]

_S = 1_000_000_000
_FIRST_NS, _LAST_NS = 0, 4_102_444_800 * _S  # 1970 to 2100: what a date as text compares rightly in


def source(cube: Cube, period: Period, *, by_day: bool) -> tuple[str, Parameters]:
    """Rows of the cube's keys and measures (and `day`, where asked for) that add up to the period: a statement to select from."""
    since_ns, until_ns = _bounds(period)
    if not cube.name:
        return grouped(cube, "daily", "started_ns >= ? AND started_ns < ?"), (since_ns, until_ns)
    names = ", ".join((*(["day"] if by_day else []), *(f'"{name}"' for name in (*cube.keys, *cube.measures))))
    parts: list[str] = []
    parameters: list[int | str] = []
    for unit, first_ns, last_ns in _cut(since_ns, until_ns, months=not by_day):
        day = _date(first_ns)
        if unit == "month":
            parts.append(f"SELECT {names} FROM {cube.table('monthly')} WHERE month >= ? AND month < ?")  # noqa: S608 - closed lists
            parameters += [day[:7], _date(last_ns)[:7]]
        elif unit == "day":
            parts.append(f"SELECT {names} FROM {cube.table('daily')} WHERE day >= ? AND day < ?")  # noqa: S608 - closed lists
            parameters += [day, _date(last_ns)]
        elif unit == "hour":  # never over midnight
            parts.append(f"SELECT {names} FROM {cube.table('hourly')} WHERE day = ? AND hour >= ? AND hour < ?")  # noqa: S608 - closed lists
            parameters += [day, first_ns // HOUR_NS % 24, (last_ns - 1) // HOUR_NS % 24 + 1]
        else:
            made = grouped(cube, "daily", "started_ns >= ? AND started_ns < ?")
            parts.append(f"SELECT {names} FROM ({made}) AS rest")  # noqa: S608 - closed lists
            parameters += [first_ns, last_ns]
    if not parts:
        parts.append(f"SELECT {names} FROM {cube.table('daily')} WHERE day < ''")  # noqa: S608 - closed lists
    return " UNION ALL ".join(parts), tuple(parameters)


def within(period: Period) -> tuple[str, Parameters]:
    """The condition that an entry is of the period."""
    return "started_ns >= ? AND started_ns < ?", _bounds(period)


def _bounds(period: Period) -> tuple[int, int]:
    since_ns = _FIRST_NS if period.since_ns is None else min(max(period.since_ns, _FIRST_NS), _LAST_NS)
    until_ns = _LAST_NS if period.until_ns is None else min(max(period.until_ns, _FIRST_NS), _LAST_NS)
    return since_ns, until_ns


def _cut(since_ns: int, until_ns: int, *, months: bool) -> Iterator[tuple[Unit, int, int]]:
    """The period as (unit, first, last), each half-open, in order of time."""
    at_ns = since_ns
    while at_ns < until_ns:
        unit, end_ns = _part(at_ns, until_ns, months=months)
        yield unit, at_ns, end_ns
        at_ns = end_ns


def _part(at_ns: int, until_ns: int, *, months: bool) -> tuple[Unit, int]:
    """The largest unit that begins here and fits in, and up to where whole ones of it go."""
    if at_ns % DAY_NS == 0 and until_ns - at_ns >= DAY_NS:
        next_month_ns = _month_after(at_ns)
        last_month_ns = _month_of(until_ns)
        if months and _month_of(at_ns) == at_ns and at_ns < last_month_ns:
            return "month", last_month_ns
        whole_days_ns = until_ns - until_ns % DAY_NS
        return "day", min(whole_days_ns, next_month_ns) if months and next_month_ns <= last_month_ns else whole_days_ns
    if at_ns % HOUR_NS == 0 and until_ns - at_ns >= HOUR_NS:
        return "hour", min(until_ns - until_ns % HOUR_NS, at_ns - at_ns % DAY_NS + DAY_NS)
    return "entry", min(until_ns, at_ns - at_ns % HOUR_NS + HOUR_NS)


def _month_of(at_ns: int) -> int:
    """When the month of this moment began."""
    moment = datetime.fromtimestamp(at_ns // _S, UTC)
    return int(datetime(moment.year, moment.month, 1, tzinfo=UTC).timestamp()) * _S


def _month_after(at_ns: int) -> int:
    """When the month after this moment begins."""
    return _month_of(_month_of(at_ns) + 31 * DAY_NS)


def _date(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // _S, UTC).date().isoformat()


def beginning_of(day: str) -> int:
    """When a day (2026-01-31, UTC) begins, in nanoseconds since 1970."""
    return int(datetime.fromisoformat(day).replace(tzinfo=UTC).timestamp()) * _S
