"""The SQL of reports, as text and parameters: what SQLite and PostgreSQL both understand.

Rules of this file: only names from the closed lists of `store.py` are put into a statement; every value is a parameter.
Sums come from the roll-ups (`rollups.py`) where one of them knows the dimensions asked for, else from the entries. They are
first taken by the number of the facts (`served`), and only then joined with their text: a fraction of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.errors import Defect
from entrepot.ledger.rollups import COMPARED, SUMS, cube_called, find_cube
from entrepot.ledger.sources import Parameters, source
from entrepot.ledger.store import DIMENSIONS, SERVED_DIMENSIONS, Comparison, Dimension, Period, Split
from entrepot.statistics.intervals import RatioSums

FIND = "SELECT document FROM documents WHERE seq = (SELECT seq FROM entries WHERE id = ?)"
PAGE = """
    SELECT entries.started_ns, entries.seq, document
    FROM entries JOIN documents ON documents.seq = entries.seq
    WHERE entries.started_ns >= ? AND (entries.started_ns, entries.seq) > (?, ?) AND entries.started_ns < ?
    ORDER BY entries.started_ns, entries.seq
    LIMIT ?
"""
SPOOL_PROGRESS = 'SELECT name, "offset", entries, damaged, damaged_bytes FROM ingested'

_NEVER_NULL = frozenset(("day", "state", "dialect", "asked_model"))


def documents_of(count: int) -> str:
    """Rows of id and document, of so many ids."""
    return f"""
        SELECT entries.id, document FROM entries JOIN documents ON documents.seq = entries.seq
        WHERE entries.id IN ({", ".join("?" * count)})
    """  # noqa: S608 - only question marks are put in


def totals_by(dimensions: Sequence[Dimension], period: Period) -> tuple[str, Parameters]:
    """Rows of: the dimensions' values and whether served (neither without dimensions), then the fields of `Sums`."""
    for name in dimensions:
        if name not in DIMENSIONS:
            raise Defect(f"no dimension of the ledger is called {name!r}")
    facts = any(name in SERVED_DIMENSIONS for name in dimensions)
    keys = {name for name in dimensions if name not in SERVED_DIMENSIONS} | ({"served"} if facts else set())
    cube = find_cube(keys)
    if dimensions and not facts:
        keys.add("answered" if "answered" in cube.keys else "served")
    rows, parameters = source(cube, period, by_day="day" in keys)
    inner_keys = ", ".join(f'"{name}"' for name in sorted(keys))
    # by day, what the cube holds is added up as far as it can be before it is joined: once more would only take time
    is_whole = "day" in keys and set(cube.keys) <= keys
    inner_sums = ", ".join(name if is_whole else f"sum({name}) AS {name}" for name in SUMS)
    grouped = f"GROUP BY {inner_keys}" if keys and not is_whole else ""
    chosen = ", ".join(filter(None, (inner_keys, inner_sums)))
    outer = [_shown(name) for name in dimensions]
    if dimensions:
        outer.append(f"part.{'answered' if 'answered' in keys else 'served'} <> 0 AS was_served")
    group = f"GROUP BY {', '.join(str(place) for place in range(1, len(outer) + 1))}" if dimensions else ""
    outer += [f"coalesce(sum(part.{name}), 0)" for name in SUMS]
    joined = "LEFT JOIN served ON served.served = part.served" if facts else ""
    sql = f"""
        SELECT {", ".join(outer)}
        FROM (SELECT {chosen} FROM ({rows}) AS rows {grouped}) AS part
        {joined}
        {group}
        ORDER BY sum(part.exchanges) DESC, 1
    """  # noqa: S608 - names come from closed lists, values are parameters
    return sql, parameters


def _shown(name: Dimension) -> str:
    """A dimension's value as a report has it: NULL where it is not known or there is none."""
    if name in SERVED_DIMENSIONS:
        return f'served."{name}"'
    return f'part."{name}"' if name in _NEVER_NULL else f"""nullif(part."{name}", '')"""


def added_time(period: Period) -> tuple[str, Parameters]:
    """Rows of bucket and count, over exchanges that a deployment answered."""
    rows, parameters = source(cube_called("added"), period, by_day=False)
    return f"SELECT added_bucket, sum(exchanges) FROM ({rows}) AS rows GROUP BY 1 ORDER BY 1", parameters  # noqa: S608 - closed lists


def spending(period: Period, without: Sequence[str]) -> tuple[str, Parameters]:
    """Rows of key, team, route and nano-dollars charged. The ids in `without` are few: what was open at one moment.

    Read from the entries, not from roll-ups: a budget's period begins when its own clock says, and this is asked seldom.
    """
    bounds = ((period.since_ns, "started_ns >= ?"), (period.until_ns, "started_ns < ?"))
    given = [(moment_ns, clause) for moment_ns, clause in bounds if moment_ns is not None]
    clauses = [*(clause for _, clause in given), *([f"id NOT IN ({', '.join('?' * len(without))})"] if without else [])]
    charged = "coalesce(sum(coalesce(charged_nano_usd, cost_nano_usd, 0)), 0)"
    where = f"WHERE {' AND '.join(clauses)}" if clauses else ""
    sql = f"SELECT key, team, route, {charged} FROM entries {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"  # noqa: S608 - only constants are put in
    return sql, (*(moment_ns for moment_ns, _ in given), *without)


def comparisons(period: Period, route: str | None = None) -> tuple[str, Parameters]:
    """Rows for `comparison_of`."""
    rows, parameters = source(cube_called("compared"), period, by_day=False)
    sums = ", ".join(f"sum({name})" for name in _COMPARISON)
    sql = f"""
        SELECT nullif(baseline_deployment, ''), nullif(baseline_model, ''), {sums}
        FROM ({rows}) AS rows {"" if route is None else "WHERE route = ?"}
        GROUP BY 1, 2 HAVING sum(finished) > 0 ORDER BY 3 DESC, 1
    """  # noqa: S608 - closed lists
    return sql, parameters if route is None else (*parameters, route)


_COMPARISON = tuple(name for name in COMPARED if not name.startswith(("finished", "unfinished", "split"))) + tuple(
    name for name in COMPARED if name.startswith("split")
)


def comparison_of(row: Sequence[Any]) -> Comparison:
    """A row of `comparisons` as a value."""
    return Comparison(
        baseline_deployment=row[0],
        baseline_model=row[1],
        exchanges=row[2],
        cost_nano_usd=row[3],
        measured=row[4],
        measured_nano_usd=row[5],
        estimated_nano_usd=row[6],
        error_usd2=float(row[7]),
        pairs=RatioSums(row[8], *(float(value) for value in row[9:14])),
        drawn=RatioSums(row[14], *(float(value) for value in row[15:20])),
        thrown_away_nano_usd=row[20],
        unknown_cost=row[21],
        split=Split(*row[22:]),
    )


def unfinished(period: Period) -> tuple[str, Parameters]:
    """One row: the fields of `Unfinished`."""
    rows, parameters = source(cube_called("compared"), period, by_day=False)
    sums = ", ".join(
        f"coalesce(sum({name}), 0)" for name in ("unfinished", "unfinished_cost_nano_usd", "unfinished_unknown_cost")
    )
    sql = f"""
        WITH rows AS ({rows})
        SELECT {sums} FROM rows
        WHERE route <> '' AND route IN (SELECT route FROM rows WHERE baseline_model <> '')
    """  # noqa: S608 - closed lists
    return sql, parameters
