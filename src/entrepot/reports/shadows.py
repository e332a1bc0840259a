"""What others would have answered: deployments that were asked beside a share of a route's exchanges, against what was sent.

Of a pair of answers a judge, or a check, says which is the better; 1 counts for the shadow, 0 for what was sent, one half for
neither. The difference is the mean of twice that, less one: the part of sessions in which the shadow was better, less that in
which it was worse. Its interval is a confidence sequence (`statistics/betting.py`): it holds however often one looks. A session
counts once there, with its first pair, because turns of one conversation are no independent observations.

What it does not cover: a conversation that would have gone on otherwise. A shadow answers each turn as it was asked after the
answers that were sent.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np

from entrepot.ledger.pairs import Paired, Shadowed
from entrepot.ledger.store import ALWAYS, LedgerReader, Period
from entrepot.reports.charts import Bar, Bars
from entrepot.reports.render import Column, Interval, Label, Row, Table
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals
from entrepot.statistics.arms import paired_differences
from entrepot.statistics.betting import Horizon, mean_bounds

HORIZON = Horizon(1000, 0.5)
"""What the interval is sharpest for, laid down beforehand: a thousand sessions, half of whose pairs are ties."""
_EVEN = 0.5


class Beside(msgspec.Struct, frozen=True):
    """One deployment on one route. `better`, `equal` and `worse` count pairs; `difference` is over `sessions`."""

    asked: Shadowed
    better: int
    equal: int
    worse: int
    sessions: int
    difference: intervals.Interval | None
    confidence: float


def measure_shadows(reader: LedgerReader, period: Period = ALWAYS, confidence: float = 0.95) -> tuple[Beside, ...]:
    """Every deployment that was asked beside, by route. Raises LedgerError if the ledger cannot answer."""
    by_asked: dict[tuple[str | None, str], list[Paired]] = {}
    for pair in reader.pairs(period):
        by_asked.setdefault((pair.route, pair.deployment), []).append(pair)
    return tuple(
        _beside(asked, by_asked.get((asked.route, asked.deployment), []), confidence)
        for asked in reader.shadowed(period)
    )


def _beside(asked: Shadowed, pairs: Sequence[Paired], confidence: float) -> Beside:
    first: dict[int, float] = {}
    for pair in pairs:
        first.setdefault(pair.unit, pair.score)
    difference = None
    if first:
        scores = np.array(list(first.values()))
        difference = mean_bounds(paired_differences(scores, 1 - scores), HORIZON, confidence)
    better = sum(pair.score > _EVEN for pair in pairs)
    worse = sum(pair.score < _EVEN for pair in pairs)
    return Beside(asked, better, len(pairs) - better - worse, worse, len(first), difference, confidence)


def tabulate_shadows(found: Sequence[Beside], words: Words = ENGLISH) -> Table:
    """A line for each route and deployment."""
    percent = f"{found[0].confidence:.0%}" if found else "95%"
    columns = (
        Column("route", words("by_route"), "text"),
        Column("deployment", words("by_deployment"), "text"),
        Column("shadows", words("shadows_asked"), "count"),
        Column("answered", words("shadows_answered"), "count"),
        Column("better", words("shadow_better"), "count"),
        Column("equal", words("shadow_equal"), "count"),
        Column("worse", words("shadow_worse"), "count"),
        Column("difference", words("difference"), "fraction"),
        Column("interval", words("interval", percent=percent), "interval"),
        Column("cost_nano_usd", words("shadow_cost"), "nano_usd"),
        Column("cost_ratio", words("shadow_cost_ratio"), "ratio"),
        Column("calls", words("shadow_calls"), "count"),
        Column("same_calls", words("shadow_same_calls"), "count"),
    )
    rows = tuple(_row(one, words) for one in found)
    title = words("shadows_title")
    bars = [
        Bar(f"{one.asked.route or words('none')} · {one.asked.deployment}", told.estimate, told.low, told.high)
        for one in found
        if (told := one.difference) is not None
    ]
    charts = (Bars(title, "fraction", tuple(bars)),) if bars else ()
    return Table("shadows", title, columns, rows, (words("shadows_how"), words("shadows_not")), charts)


def _row(one: Beside, words: Words) -> Row:
    asked, told = one.asked, one.difference
    ratio = asked.both_nano_usd / asked.sent_nano_usd if asked.sent_nano_usd else None
    return (
        Label(asked.route, asked.route or words("none")),
        Label(asked.deployment, asked.deployment),
        asked.shadows,
        asked.completed,
        one.better,
        one.equal,
        one.worse,
        None if told is None else told.estimate,
        None if told is None else Interval(told.low, told.high, "fraction"),
        asked.cost_nano_usd,
        ratio,
        asked.calls,
        asked.same_calls,
    )
