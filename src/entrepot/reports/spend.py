"""What was spent, by whom and on whom; what a unit of it costs; and where the period will end.

Costs are those of all attempts, also of those whose answer nobody got. A unit cost is the known cost over the exchanges of known
cost, or over their tokens of every kind, cached ones too: what was paid, not a list price. What was asked beside exchanges, where
nobody waited for it, stands in a column of its own; the forecast is of all that is spent.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import msgspec

from entrepot.ledger.store import ALWAYS, Dimension, Group, LedgerReader, Period, Sums
from entrepot.reports.charts import Bar, Bars, Chart, Line, Lines
from entrepot.reports.render import Column, Label, Quantity, Row, Table
from entrepot.reports.share import add_up, groups_by, label_of, sums_notes
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics.forecast import LEAST_DAYS, MOST_DAYS, forecast_sum

_DAY_NS = 86_400_000_000_000
_NANO = 1_000_000_000
_BARS = 12
_MTOK = 1_000_000


class Spend(msgspec.Struct, frozen=True):
    """Groups by the values of `dimension`, the dearest first (days in order), and their total."""

    dimension: Dimension
    groups: tuple[Group, ...]
    total: Sums


class Forecast(msgspec.Struct, frozen=True):
    """Nano-dollars from `since_ns` to `until_ns`, `spent_nano_usd` of which are spent at `now_ns`.

    `total` is (estimate, low, high) at `confidence`, None while fewer than LEAST_DAYS complete days are known; `days` are those
    that it is made of.
    """

    since_ns: int
    now_ns: int
    until_ns: int
    spent_nano_usd: int
    days: int
    confidence: float
    total: tuple[int, int, int] | None = None


def measure_spend(reader: LedgerReader, dimension: Dimension, period: Period = ALWAYS) -> Spend:
    """What was spent by each value. Raises LedgerError if the ledger cannot answer."""
    found = groups_by(reader, dimension, period, shadows=True)
    if dimension == "day":
        groups = tuple(sorted(found, key=lambda group: group.values[0] or ""))
    else:
        groups = tuple(sorted(found, key=lambda group: (-_spent(group.sums), -group.sums.exchanges)))
    return Spend(dimension, groups, add_up([group.sums for group in groups]))


def measure_forecast(reader: LedgerReader, period: Period, now_ns: int, confidence: float = 0.95) -> Forecast | None:
    """Where the period ends: the one given where it ends after `now_ns`, else the calendar month (UTC); None if it is past.

    From the days before today, of at most the last MOST_DAYS, of whatever was spent on them; see `statistics/forecast.py`.
    """
    if period.until_ns is not None and period.until_ns <= now_ns:
        return None
    today = datetime.fromtimestamp(now_ns // _NANO, UTC).date()
    until_ns = _begin(_month_after(today)) if period.until_ns is None else period.until_ns
    since_ns = _begin(today.replace(day=1)) if period.since_ns is None else min(period.since_ns, now_ns)
    spent = _spent(reader.totals(Period(since_ns, now_ns)))
    today_ns = _begin(today)
    known = reader.totals_by(("day",), Period(today_ns - MOST_DAYS * _DAY_NS, today_ns), shadows=True)
    series, first = _series(known, today)
    ahead = _ahead(now_ns, today_ns, until_ns)
    total = None
    found = forecast_sum(series, ahead, first.weekday(), confidence) if series else None
    if found is not None:
        total = (spent + round(found.estimate), spent + round(found.low), spent + round(found.high))
    return Forecast(since_ns, now_ns, until_ns, spent, len(series), confidence, total)


def _series(groups: Sequence[Group], today: date) -> tuple[list[float], date]:
    """Nano-dollars a day from the first on which anything happened up to yesterday, and that day."""
    by_day: dict[date, int] = {}
    for group in groups:
        day = date.fromisoformat(group.values[0] or "")
        by_day[day] = by_day.get(day, 0) + _spent(group.sums)
    first = min(by_day, default=today)
    days = [float(by_day.get(first + timedelta(number), 0)) for number in range((today - first).days)]
    return days, first


def _ahead(now_ns: int, today_ns: int, until_ns: int) -> list[float]:
    """What part of today and of each day after it is still to come."""
    parts, day_ns = [], today_ns
    while day_ns < until_ns:
        end_ns = min(until_ns, day_ns + _DAY_NS)
        parts.append((end_ns - max(day_ns, now_ns)) / _DAY_NS if end_ns > now_ns else 0.0)
        day_ns += _DAY_NS
    return parts


def _begin(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * _NANO


def _month_after(day: date) -> date:
    return (day.replace(day=1) + timedelta(31)).replace(day=1)


def tabulate_spend(spend: Spend, words: Words = ENGLISH, *, limit: int | None = None) -> Table:
    """A table of the groups; those after the first `limit` (the days before the last) in one line."""
    columns = (
        Column("value", words(f"by_{spend.dimension}"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        Column("cost_nano_usd", words("cost"), "nano_usd"),
        Column("cost_fraction", words("part"), "fraction"),
        Column("usd_per_exchange", words("per_exchange"), "usd"),
        Column("usd_per_mtok", words("per_mtok"), "usd"),
        Column("thrown_away_nano_usd", words("in_vain"), "nano_usd"),
        *((Column("shadow_nano_usd", words("shadow_cost"), "nano_usd"),) if spend.total.shadows else ()),
    )
    is_days = spend.dimension == "day"
    groups = list(reversed(spend.groups)) if is_days else list(spend.groups)
    shown = groups if limit is None else groups[:limit]
    rows = [_row(label_of(group, spend.dimension, words), group.sums, spend.total) for group in shown]
    if rest := groups[len(shown) :]:
        label = Label("others", words("others", count=len(rest)))
        rows.append(_row(label, add_up([group.sums for group in rest]), spend.total))
    if len(groups) > 1:
        rows.append(_row(Label("total", words("total")), spend.total, spend.total))
    title = words("spend_by", dimension=words(f"by_{spend.dimension}"))
    charts = _charts(spend, groups, title, words)
    return Table(f"spend_by_{spend.dimension}", title, columns, tuple(rows), sums_notes(spend.total, words), charts)


def _row(label: Label, sums: Sums, total: Sums) -> Row:
    known = sums.exchanges - sums.unknown_cost
    cost = sums.cost_nano_usd if known else None
    return (
        label,
        sums.exchanges,
        cost,
        None if cost is None or not total.cost_nano_usd else cost / total.cost_nano_usd,
        None if cost is None else cost / known / _NANO,
        None if cost is None or not sums.tokens or sums.unknown_cost else cost / sums.tokens * _MTOK / _NANO,
        sums.thrown_away_nano_usd,
        *((sums.shadow_nano_usd,) if total.shadows else ()),
    )


def _charts(spend: Spend, groups: Sequence[Group], title: str, words: Words) -> tuple[Chart, ...]:
    if spend.dimension != "day":
        bars = [
            Bar(label_of(group, spend.dimension, words).text, group.sums.cost_nano_usd)
            for group in groups[:_BARS]
            if group.sums.unknown_cost < group.sums.exchanges
        ]
        return (Bars(title, "nano_usd", tuple(bars)),)
    days = tuple(group.values[0] or "" for group in spend.groups)
    values = tuple(float(group.sums.cost_nano_usd) for group in spend.groups)
    return (Lines(title, "nano_usd", days, (Line(words("cost"), values),)),)


def _spent(sums: Sums) -> int:
    """For clients and beside."""
    return sums.cost_nano_usd + sums.shadow_nano_usd


def tabulate_forecast(forecast: Forecast, words: Words = ENGLISH) -> Table:
    """What is spent and where the period ends, and by what method that is said."""
    columns = (
        Column("figure", words("figure"), "text"),
        Column("value", words("value"), "count"),
        Column("interval", words("interval", percent=f"{forecast.confidence:.0%}"), "interval"),
    )
    since, now, until = (_date(moment) for moment in (forecast.since_ns, forecast.now_ns, forecast.until_ns))
    rows: list[Row] = [
        (Label("spent", words("spent", since=since, now=now)), Quantity(forecast.spent_nano_usd, "nano_usd"), None)
    ]
    if forecast.total is None:
        notes: tuple[str, ...] = (words("no_forecast", least=LEAST_DAYS, days=forecast.days),)
    else:
        total = Quantity(forecast.total[0], "nano_usd", *forecast.total[1:])
        rows.append((Label("forecast", words("forecast_total", until=until)), total, total.interval()))
        notes = (words("forecast_how", days=forecast.days), words("forecast_not"))
    return Table("forecast", words("forecast"), columns, tuple(rows), notes)


def _date(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns // _NANO, UTC).date().isoformat()
