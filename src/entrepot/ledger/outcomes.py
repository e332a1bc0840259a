"""The SQL of outcomes: checks and agreement from their roll-up, what was said of entries joined with them.

Rules of this file: as in `queries.py`. A period is that of the exchanges, whenever somebody said what came of them.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.exchange.outcome import Outcome, OutcomeSource
from entrepot.ledger.rollups import EXPECTED, JUDGED, cube_called
from entrepot.ledger.rows import Value
from entrepot.ledger.sources import Parameters, source, within
from entrepot.ledger.store import Period

_NONE = "CAST(0 AS DOUBLE PRECISION)"
_FACTS = "served.deployment, served.model, served.maker_country"
_ALIKE = "nullif(part.language, ''), nullif(part.difficulty, ''), nullif(part.p_tenth, 0)"
_COLUMNS = ", ".join(Outcome.__struct_fields__)
LATEST = """
    SELECT exchange, source, who, score, weight, label, given_ns, seq, chance FROM outcomes
    WHERE score IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM outcomes AS later
        WHERE later.exchange = outcomes.exchange AND later.source = outcomes.source AND later.who = outcomes.who
          AND (later.given_ns > outcomes.given_ns OR (later.given_ns = outcomes.given_ns AND later.id > outcomes.id)))
"""
"""Of one who said several things about one exchange, the last; nothing, where that has no score."""

_BY_SOURCE = f"""
    SELECT exchange, source, sum(score * weight) / sum(weight) AS score FROM ({LATEST}) AS latest GROUP BY exchange, source
"""  # noqa: S608 - constants
"""An exchange is counted once for each source, however many of it said something: jurors who read the same answer are no
further observations."""

_OTHERS, _JUDGES = "FILTER (WHERE source <> 'judge')", "FILTER (WHERE source = 'judge')"
_BY_EXCHANGE = f"""
    SELECT exchange, sum(score * weight) {_OTHERS} / sum(weight) {_OTHERS} AS score,
           sum(score * weight) {_JUDGES} / sum(weight) {_JUDGES} AS judged
    FROM ({LATEST}) AS latest WHERE source <> 'sign' GROUP BY exchange
"""  # noqa: S608 - constants
"""Signs are left out: they are all bad, so a mean over those who have one would be of the bad ones alone. Judges stand apart:
what they like (long answers) may be what one arm has more of."""

INSERT_OUTCOME = f"""
    INSERT INTO outcomes ({_COLUMNS}) VALUES ({", ".join("?" * len(Outcome.__struct_fields__))})
    ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - a closed list

_OF_THEIRS = "DELETE FROM outcomes WHERE exchange IN (SELECT id FROM entries WHERE {} = ?)"
OUTCOME_SOURCES_OF_KEYS = ("user", "program")
"""Whose `who` is the name of a client's key."""
_BY_KEY = f"(source IN {OUTCOME_SOURCES_OF_KEYS} AND who = ?)"
FORGET_OUTCOMES = {"key": f"{_OF_THEIRS.format('key')} OR {_BY_KEY}", "team": _OF_THEIRS.format("team")}
"""What deletes the outcomes of the entries of a principal, and what a key said of anybody's; every parameter is its name."""
DROP_OUTCOMES = "DELETE FROM outcomes WHERE given_ns < ?"
"""What was said before a moment is about entries from before it. What is said later of entries that are dropped goes with them;
said after they are gone, at the latest when it is as old itself."""
OUTCOMES_OF = "DELETE FROM outcomes WHERE exchange IN (SELECT id FROM entries WHERE {})"

AFTER = f"SELECT seq, {_COLUMNS} FROM outcomes WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608 - a closed list


def outcome_row(outcome: Outcome) -> tuple[Value, ...]:
    """The values of INSERT_OUTCOME."""
    return msgspec.structs.astuple(outcome)


def told(period: Period, after: tuple[str, str, str], rows: int) -> tuple[str, Parameters]:
    """Rows of the fields of `Told`, the next so many after one's exchange, source and name."""
    where, parameters = within(period)
    facts = f"""
        SELECT entries.id AS exchange, entries.started_ns, entries.route, {_FACTS}, entries.p_correct, {{}}
        FROM entries LEFT JOIN served ON served.served = entries.served
    """  # noqa: S608 - constants
    checks = f"""
        {
        facts.format(
            "'check' AS source, '' AS who, CAST(entries.checked AS DOUBLE PRECISION) AS score, 1.0 AS weight, "
            "CAST(NULL AS TEXT) AS label, entries.started_ns AS given_ns"
        )
    }
        WHERE entries.checked IS NOT NULL AND {where}
    """
    said = f"""
        {facts.format("latest.source, latest.who, latest.score, latest.weight, latest.label, latest.given_ns")}
        JOIN ({LATEST}) AS latest ON latest.exchange = entries.id
        WHERE shadow_of IS NULL AND {where}
    """
    sql = f"""
        SELECT * FROM ({checks} UNION ALL {said}) AS told
        WHERE (exchange, source, who) > (?, ?, ?) ORDER BY exchange, source, who LIMIT ?
    """  # noqa: S608 - constants
    return sql, (*parameters, *parameters, *after, rows)


def judgements(
    period: Period, sources: Sequence[OutcomeSource], after: tuple[str, str, str], rows: int
) -> tuple[str, Parameters]:
    """Rows of the fields of `Judgement`, the next so many after one's exchange, source and name."""
    where, parameters = within(period)
    sql = f"""
        SELECT entries.id, entries.route, {_FACTS}, entries.language, entries.difficulty, entries.p_correct,
               entries.output_tokens, latest.source, latest.who, latest.score, latest.weight, latest.chance
        FROM ({LATEST} AND source IN ({", ".join("?" * len(sources))})) AS latest
        CROSS JOIN entries LEFT JOIN served ON served.served = entries.served
        WHERE entries.id = latest.exchange AND {where} AND (latest.exchange, latest.source, latest.who) > (?, ?, ?)
        ORDER BY latest.exchange, latest.source, latest.who LIMIT ?
    """  # noqa: S608 - constants
    return sql, (*sources, *parameters, *after, rows)


def judged(period: Period) -> tuple[tuple[str, Parameters], ...]:
    """Statements whose rows are those of `Judged`."""
    rows, parameters = source(cube_called("judged"), period, by_day=False)
    sums = ", ".join(f"sum({name}) AS {name}" for name in JUDGED)
    part = f"""
        SELECT route, served, language, difficulty, p_tenth, {sums} FROM ({rows}) AS rows
        GROUP BY route, served, language, difficulty, p_tenth
    """  # noqa: S608 - closed lists
    start = f"SELECT nullif(part.route, ''), {_FACTS}, {_ALIKE}"
    end = f"FROM ({part}) AS part LEFT JOIN served ON served.served = part.served"
    checks = f"{start}, 'check', checks, passed, passed, told, told_p, told_passed {end} WHERE checks > 0"
    agreements = (
        f"{start}, 'agreement', agreements, agreed, agreed_squares, 0, {_NONE}, {_NONE} {end} WHERE agreements > 0"
    )
    return ((checks, parameters), (agreements, parameters), _said(period))


def _said(period: Period) -> tuple[str, Parameters]:
    """What anybody said.

    `CROSS JOIN` keeps SQLite from reading every entry of the period for the few of which something was said.
    """
    where, parameters = within(period)
    known = "CASE WHEN entries.p_correct IS NULL THEN 0 ELSE 1 END"
    sql = f"""
        SELECT entries.route, {_FACTS}, entries.language, entries.difficulty, entries.p_tenth, told.source,
               count(*), sum(told.score), sum(told.score * told.score), sum({known}),
               coalesce(sum(entries.p_correct), 0.0), coalesce(sum(told.score * {known}), 0.0)
        FROM ({_BY_SOURCE}) AS told CROSS JOIN entries LEFT JOIN served ON served.served = entries.served
        WHERE entries.id = told.exchange AND shadow_of IS NULL AND {where}
        GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    """  # noqa: S608 - constants
    return sql, parameters


def expectations(period: Period) -> tuple[str, Parameters]:
    """Rows of the fields of `Expectation`."""
    rows, parameters = source(cube_called("expected"), period, by_day=False)
    sums = ", ".join(f"sum(part.{name})" for name in EXPECTED)
    sql = f"""
        SELECT nullif(part.route, ''), served.deployment, served.model, {sums}
        FROM ({rows}) AS part LEFT JOIN served ON served.served = part.served
        GROUP BY 1, 2, 3 ORDER BY 4 DESC, 1, 2
    """  # noqa: S608 - closed lists
    return sql, parameters


def drawn(period: Period) -> tuple[str, Parameters]:
    """Rows of the fields of `Drawn`."""
    where, parameters = within(period)
    sql = f"""
        SELECT route, lot_baseline, lot_unit, lot_share, lot_drawn, cost_nano_usd, lot_baseline_nano_usd, lot_routed_nano_usd,
               coalesce(checked, told.score), told.judged, entries.id, CASE WHEN state = 'completed' THEN 1 ELSE 0 END,
               baseline_measured, baseline_cost_nano_usd, baseline_predicted_nano_usd, thrown_away_nano_usd,
               coalesce(input_tokens, 0) + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0),
               coalesce(cache_read_tokens, 0)
        FROM entries
        LEFT JOIN ({_BY_EXCHANGE}) AS told
          ON told.exchange = entries.id
        WHERE lot_unit IS NOT NULL AND attempts > 0 AND {where}
        ORDER BY started_ns, id
    """  # noqa: S608 - constants
    return sql, parameters
