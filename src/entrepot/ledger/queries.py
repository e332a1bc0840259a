"""The SQL of reports, as text and parameters: what SQLite and PostgreSQL both understand.

Rules of this file: only names from the closed lists of `store.py` are put into a statement; every value is a parameter.
Sums are first taken by the number of the facts (`served`), and only then joined with their text: a fraction of the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.errors import Defect
from entrepot.ledger.store import DIMENSIONS, SERVED_DIMENSIONS, Comparison, Dimension, Period
from entrepot.statistics.intervals import RatioSums

Parameters = tuple[int, ...]

FIND = "SELECT document FROM documents WHERE seq = (SELECT seq FROM entries WHERE id = ?)"
SPOOL_PROGRESS = "SELECT name, offset, entries, damaged, damaged_bytes FROM ingested"

# In the order of the fields of `store.Sums`.
_SUMS = {
    "exchanges": "count(*)",
    "completed": "count(*) FILTER (WHERE state = 'completed')",
    "input_tokens": "sum(input_tokens)",
    "cache_read_tokens": "sum(cache_read_tokens)",
    "cache_write_tokens": "sum(cache_write_tokens)",
    "output_tokens": "sum(output_tokens)",
    "reasoning_tokens": "sum(reasoning_tokens)",
    "unknown_usage": "count(*) FILTER (WHERE attempts > 0 AND input_tokens IS NULL)",
    "estimated_usage": "sum(usage_estimated)",
    "cost_nano_usd": "sum(cost_nano_usd)",
    "unknown_cost": "count(*) FILTER (WHERE cost_nano_usd IS NULL)",
    "thrown_away_nano_usd": "sum(thrown_away_nano_usd)",
}


def totals_by(dimensions: Sequence[Dimension], period: Period) -> tuple[str, Parameters]:
    """Rows of: the dimensions' values and whether served (neither without dimensions), then the fields of `Sums`."""
    for name in dimensions:
        if name not in DIMENSIONS:
            raise Defect(f"no dimension of the ledger is called {name!r}")
    where, parameters = _where(period)
    inner_keys = ", ".join(("served", *(f'"{name}"' for name in dimensions if name not in SERVED_DIMENSIONS)))
    inner_sums = ", ".join(f"{expression} AS {name}" for name, expression in _SUMS.items())
    outer = [f'"{name}"' for name in dimensions] + (["part.served IS NOT NULL AS was_served"] if dimensions else [])
    group = f"GROUP BY {', '.join(str(place) for place in range(1, len(outer) + 1))}" if dimensions else ""
    outer += [f"coalesce(sum(part.{name}), 0)" for name in _SUMS]
    sql = f"""
        SELECT {", ".join(outer)}
        FROM (SELECT {inner_keys}, {inner_sums} FROM entries {where} GROUP BY {inner_keys}) AS part
        LEFT JOIN served ON served.served = part.served
        {group}
        ORDER BY sum(part.exchanges) DESC, 1
    """  # noqa: S608 - names come from closed lists, values are parameters
    return sql, parameters


def added_time(period: Period) -> tuple[str, Parameters]:
    """Rows of bucket and count, over exchanges that a deployment answered."""
    where, parameters = _where(period, "served IS NOT NULL")
    return f"SELECT added_bucket, count(*) FROM entries {where} GROUP BY 1 ORDER BY 1", parameters  # noqa: S608 - only constants are put in


def spending(period: Period, without: Sequence[str]) -> tuple[str, tuple[int | str, ...]]:
    """Rows of key, team, route and nano-dollars charged. The ids in `without` are few: what was open at one moment."""
    where, parameters = _where(period, *([f"id NOT IN ({', '.join('?' * len(without))})"] if without else []))
    charged = "coalesce(sum(coalesce(charged_nano_usd, cost_nano_usd, 0)), 0)"
    sql = f"SELECT key, team, route, {charged} FROM entries {where} GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"  # noqa: S608 - only constants are put in
    return sql, (*without, *parameters)


def comparisons(period: Period) -> tuple[str, Parameters]:
    """Rows for `comparison_of`."""
    where, parameters = _where(period, "state = 'completed'")
    compared = "cost_nano_usd IS NOT NULL"
    pair = f"{compared} AND baseline_measured AND baseline_predicted_nano_usd IS NOT NULL"
    drawn = f"{pair} AND baseline_drawn"
    y, x, error = (
        f"({column} * 1e-9)"
        for column in ("baseline_cost_nano_usd", "baseline_predicted_nano_usd", "baseline_error_nano_usd")
    )
    columns = (
        "baseline_deployment",
        "baseline_model",
        _count(compared),
        _sum("cost_nano_usd", compared),
        _count(f"{compared} AND baseline_measured"),
        _sum("baseline_cost_nano_usd", f"{compared} AND baseline_measured"),
        _sum("baseline_cost_nano_usd", f"{compared} AND NOT baseline_measured"),
        _sum(f"{error} * {error}", f"{compared} AND NOT baseline_measured"),
        _count(pair),
        *(_sum(term, pair) for term in (x, y, f"{x} * {x}", f"{x} * {y}", f"{y} * {y}")),
        _count(drawn),
        *(_sum(term, drawn) for term in (x, y, f"{x} * {x}", f"{x} * {y}", f"{y} * {y}")),
        _sum("thrown_away_nano_usd", compared),
        _count(f"NOT ({compared})"),
    )
    return f"SELECT {', '.join(columns)} FROM entries {where} GROUP BY 1, 2 ORDER BY 3 DESC, 1", parameters  # noqa: S608 - only constants are put in


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
    )


def unfinished(period: Period) -> tuple[str, Parameters]:
    """One row: the fields of `Unfinished`."""
    routes, routes_parameters = _where(period, "baseline_model IS NOT NULL")
    where, parameters = _where(
        period,
        "state <> 'completed'",
        "attempts > 0",
        f"route IN (SELECT DISTINCT route FROM entries {routes})",  # noqa: S608 - constants
    )
    sql = f"SELECT count(*), coalesce(sum(cost_nano_usd), 0), {_count('cost_nano_usd IS NULL')} FROM entries {where}"  # noqa: S608 - constants
    # The conditions of a period come last in a clause, so the inner parameters are the first ones.
    return sql, routes_parameters + parameters


def _count(condition: str) -> str:
    return f"count(*) FILTER (WHERE {condition})"


def _sum(expression: str, condition: str) -> str:
    return f"coalesce(sum({expression}) FILTER (WHERE {condition}), 0)"


def _where(period: Period, *conditions: str) -> tuple[str, Parameters]:
    clauses, parameters = list(conditions), []
    for moment_ns, clause in ((period.since_ns, "started_ns >= ?"), (period.until_ns, "started_ns < ?")):
        if moment_ns is not None:
            clauses.append(clause)
            parameters.append(min(max(moment_ns, -_LIMIT), _LIMIT))
    return (f"WHERE {' AND '.join(clauses)}" if clauses else ""), tuple(parameters)


_LIMIT = 2**63 - 1
