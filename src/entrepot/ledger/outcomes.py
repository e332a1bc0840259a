"""The SQL of outcomes: checks and agreement from their roll-up, feedback joined with the entries it is about.

Rules of this file: as in `queries.py`. A period is that of the exchanges, whenever somebody said what came of them.
"""

from __future__ import annotations

import msgspec

from entrepot.exchange.records import Feedback
from entrepot.ledger.rollups import EXPECTED, JUDGED, cube_called
from entrepot.ledger.rows import Value
from entrepot.ledger.sources import Parameters, source, within
from entrepot.ledger.store import Period

LATEST_FEEDBACK = """
    SELECT exchange, source, score FROM feedback
    WHERE score IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM feedback AS later
        WHERE later.exchange = feedback.exchange AND later.source = feedback.source
          AND coalesce(later."key", '') = coalesce(feedback."key", '')
          AND (later.given_ns > feedback.given_ns OR (later.given_ns = feedback.given_ns AND later.id > feedback.id)))
"""
"""Of one who said several things about one exchange, the last."""

INSERT_FEEDBACK = """
    INSERT INTO feedback (id, exchange, given_ns, "key", source, score, label) VALUES (?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING
"""


_OF_THEIRS = "DELETE FROM feedback WHERE exchange IN (SELECT id FROM entries WHERE {} = ?)"
FORGET_FEEDBACK = {"key": f'{_OF_THEIRS.format("key")} OR "key" = ?', "team": _OF_THEIRS.format("team")}
"""What deletes the feedback on the entries of a principal, and that of a key on anybody's; every parameter is its name."""
DROP_FEEDBACK = "DELETE FROM feedback WHERE given_ns < ?"
"""What was said before a moment is about entries from before it."""


def feedback_row(feedback: Feedback) -> tuple[Value, ...]:
    """The values of INSERT_FEEDBACK."""
    return msgspec.structs.astuple(feedback)


_NONE = "CAST(0 AS DOUBLE PRECISION)"
_FACTS = "served.deployment, served.model, served.maker_country"
_ALIKE = "nullif(part.language, ''), nullif(part.difficulty, ''), nullif(part.p_tenth, 0)"


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
    return ((checks, parameters), (agreements, parameters), _told(period))


def _told(period: Period) -> tuple[str, Parameters]:
    """What people and programs said.

    `CROSS JOIN` keeps SQLite from reading every entry of the period for the few of which something was said.
    """
    where, parameters = within(period)
    known = "CASE WHEN entries.p_correct IS NULL THEN 0 ELSE 1 END"
    sql = f"""
        SELECT entries.route, {_FACTS}, entries.language, entries.difficulty, entries.p_tenth, told.source,
               count(*), sum(told.score), sum(told.score * told.score), sum({known}),
               coalesce(sum(entries.p_correct), 0.0), coalesce(sum(told.score * {known}), 0.0)
        FROM ({LATEST_FEEDBACK}) AS told CROSS JOIN entries LEFT JOIN served ON served.served = entries.served
        WHERE entries.id = told.exchange AND {where}
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
               coalesce(checked, told.score)
        FROM entries
        LEFT JOIN (SELECT exchange, avg(score) AS score FROM ({LATEST_FEEDBACK}) AS latest GROUP BY exchange) AS told
          ON told.exchange = entries.id
        WHERE lot_unit IS NOT NULL AND attempts > 0 AND {where}
        ORDER BY started_ns, id
    """  # noqa: S608 - constants
    return sql, parameters
