"""The SQL of shadows: what was asked beside exchanges, what it cost, and whose answer was the better.

Rules of this file: as in `queries.py`. A period is that of the shadows. A shadow whose own answer was not completed is in no
pair. Costs are compared where both are known.
"""

from __future__ import annotations

from entrepot.exchange.outcome import PAIR
from entrepot.ledger.outcomes import LATEST
from entrepot.ledger.sources import Parameters, within
from entrepot.ledger.store import Period

_BOTH = "state = 'completed' AND cost_nano_usd IS NOT NULL AND shadow_sent_nano_usd IS NOT NULL"
_ASKED = """
    coalesce(served.deployment, (SELECT deployment FROM attempts WHERE attempts.seq = entries.seq ORDER BY number LIMIT 1), '')
"""
"""Who was asked; whoever was not answered has no facts."""
_JOINED = "FROM entries LEFT JOIN served ON served.served = entries.served"


def shadowed(period: Period) -> tuple[str, Parameters]:
    """Rows of the fields of `Shadowed`, by route and deployment."""
    where, parameters = within(period)
    sql = f"""
        SELECT route, {_ASKED} AS asked, count(*), count(*) FILTER (WHERE state = 'completed'),
               coalesce(sum(cost_nano_usd), 0), count(*) FILTER (WHERE {_BOTH}),
               coalesce(sum(cost_nano_usd) FILTER (WHERE {_BOTH}), 0),
               coalesce(sum(shadow_sent_nano_usd) FILTER (WHERE {_BOTH}), 0),
               count(calls.label), count(*) FILTER (WHERE calls.label = 'same_calls')
        {_JOINED}
        LEFT JOIN outcomes AS calls ON calls.exchange = entries.id AND calls.label IN ('same_calls', 'other_calls')
        WHERE shadow_of IS NOT NULL AND {where}
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2
    """
    return sql, parameters


def pairs(period: Period) -> tuple[str, Parameters]:
    """Rows of the fields of `Paired`, in the order in which it became known which answer was the better."""
    where, parameters = within(period)
    sql = f"""
        SELECT route, {_ASKED} AS asked, shadow_unit, told.score
        {_JOINED}
        JOIN (
            SELECT exchange, sum(score * weight) / sum(weight) AS score, min(seq) AS seq
            FROM ({LATEST}) AS latest WHERE label = '{PAIR}' GROUP BY exchange
        ) AS told ON told.exchange = entries.id
        WHERE shadow_of IS NOT NULL AND {where}
        ORDER BY told.seq
    """  # noqa: S608 - constants
    return sql, parameters
