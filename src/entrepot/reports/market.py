"""The market in one's own traffic: shares over time, what moved between two periods, how concentrated it is.

Local inference counts like the rest. Shares are of answered exchanges, which no price and no tokenizer distorts; tokens and
money are in the share report beside them.

Flows from model to model between two periods are the least movement that explains both: what a model kept is the smaller of
its two shares, and what others gained comes from those who lost, in proportion. Nobody moved from one to the other by name;
another reading of the same two periods may move more, none moves less.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from entrepot.ledger.store import ALWAYS, Dimension, LedgerReader, Period
from entrepot.reports.charts import Line, Lines
from entrepot.reports.render import Cell, Column, Label, Quantity, Row, Table
from entrepot.reports.wording import ENGLISH, Words

_LINES_DRAWN = 6
_APART = 2
Shares = Mapping[str, float]


class Concentration(msgspec.Struct, frozen=True):
    """Over the shares of all values: the sum of their squares (Herfindahl 1950), and the number of equal ones that would give it.

    `largest` is the name of the largest, `share` its share.
    """

    values: int
    herfindahl: float
    effective: float
    largest: str
    share: float


class Move(msgspec.Struct, frozen=True):
    """How far the share of `name` went from one month to another, at most two months apart."""

    name: str
    since: str
    until: str
    before: float
    after: float

    @property
    def points(self) -> float:
        """The difference, as a fraction."""
        return self.after - self.before


class Market(msgspec.Struct, frozen=True):
    """Counts of answered exchanges by month (2026-01) and value, and what is made of them.

    `flows` are from value to value between the two periods that `spans` names, empty where there are no two.
    """

    dimension: Dimension
    months: tuple[tuple[str, dict[str, int]], ...]
    concentration: Concentration | None
    largest_move: Move | None
    flows: tuple[tuple[str, str, float], ...]
    spans: tuple[str, str] | None = None


def measure_market(
    reader: LedgerReader, dimension: Dimension = "maker", period: Period = ALWAYS, against: Period | None = None
) -> Market:
    """The market by a dimension, and the flows to the period from `against`. Raises LedgerError.

    Without `against` they are those between the first half of the period's days and the second.
    """
    days = _by_day(reader, dimension, period)
    months: dict[str, dict[str, int]] = {}
    for day, counts in days:
        months[day[:7]] = add((months.get(day[:7], {}), counts))
    ordered = tuple(months.items())
    half = len(days) // 2
    before, after = (days[:half], days[half:]) if against is None else (_by_day(reader, dimension, against), days)
    return Market(
        dimension,
        ordered,
        concentration_of(add(counts for _, counts in ordered)),
        largest_move(ordered),
        flows_between(add(counts for _, counts in before), add(counts for _, counts in after)),
        (_span(before), _span(after)) if before and after else None,
    )


def _by_day(reader: LedgerReader, dimension: Dimension, period: Period) -> list[tuple[str, dict[str, int]]]:
    """Counts of answered exchanges by value, day by day."""
    days: dict[str, dict[str, int]] = {}
    for group in reader.totals_by(("day", dimension), period):
        day, value = group.values
        if group.served and day is not None:
            counts = days.setdefault(day, {})
            counts[value or ""] = counts.get(value or "", 0) + group.sums.exchanges
    return sorted(days.items())


def _span(days: Sequence[tuple[str, object]]) -> str:
    """From the first of these days to the last."""
    return " … ".join(dict.fromkeys((days[0][0], days[-1][0])))


def add(parts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Counts of several days or months together."""
    found: dict[str, int] = {}
    for counts in parts:
        for name, count in counts.items():
            found[name] = found.get(name, 0) + count
    return found


def shares_of(counts: Mapping[str, int]) -> dict[str, float]:
    """Parts of the whole; empty where there is nothing."""
    whole = sum(counts.values())
    return {name: count / whole for name, count in counts.items()} if whole else {}


def concentration_of(counts: Mapping[str, int]) -> Concentration | None:
    """None where nothing was answered. What has no name (a maker that is not known) counts as one."""
    shares = shares_of(counts)
    if not shares:
        return None
    herfindahl = sum(share * share for share in shares.values())
    largest = max(sorted(shares), key=shares.__getitem__)
    return Concentration(len(shares), herfindahl, 1 / herfindahl, largest, shares[largest])


def largest_move(months: Sequence[tuple[str, Mapping[str, int]]]) -> Move | None:
    """The largest change of a share between any two months that lie at most two apart; None with one month.

    The first and the last month may be incomplete: their shares are of what there is.
    """
    found: Move | None = None
    for place, (until, after) in enumerate(months):
        for since, before in months[:place]:
            if _months_apart(since, until) > _APART:
                continue
            old, new = shares_of(before), shares_of(after)
            for name in sorted({*old, *new}):
                move = Move(name, since, until, old.get(name, 0.0), new.get(name, 0.0))
                if found is None or abs(move.points) > abs(found.points):
                    found = move
    return found


def _months_apart(since: str, until: str) -> int:
    return (int(until[:4]) - int(since[:4])) * 12 + int(until[5:7]) - int(since[5:7])


def flows_between(before: Mapping[str, int], after: Mapping[str, int]) -> tuple[tuple[str, str, float], ...]:
    """(from, to, points of share), the largest first: the least that must have moved (see the module)."""
    old, new = shares_of(before), shares_of(after)
    if not old or not new:
        return ()
    lost = {name: old.get(name, 0.0) - new.get(name, 0.0) for name in {*old, *new}}
    losers = {name: points for name, points in lost.items() if points > 0}
    gained = {name: -points for name, points in lost.items() if points < 0}
    moved = sum(gained.values())
    if not moved:
        return ()
    flows = [(a, b, points * share / moved) for a, points in losers.items() for b, share in gained.items()]
    return tuple(sorted(flows, key=lambda flow: (-flow[2], flow[0], flow[1])))


def tabulate_market(market: Market, words: Words = ENGLISH, *, limit: int | None = None) -> tuple[Table, ...]:
    """Shares by month, concentration with the largest move, and flows where there are two periods."""
    if market.concentration is None:
        return ()
    tables = [_over_time(market, words), _concentration(market, market.concentration, words)]
    if market.spans is not None and market.flows:
        tables.append(_flows(market, market.spans, words, limit))
    return tuple(tables)


def _over_time(market: Market, words: Words) -> Table:
    whole = add(counts for _, counts in market.months)
    names = sorted(whole, key=lambda name: (-whole[name], name))[:_LINES_DRAWN]
    columns = (
        Column("month", words("month"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        *(Column(f"share_{number}", _named(name, words), "fraction") for number, name in enumerate(names, 1)),
    )
    rows: list[Row] = []
    for month, counts in reversed(market.months):
        shares = shares_of(counts)
        cells: tuple[Cell, ...] = (
            Label(month, month),
            sum(counts.values()),
            *(shares.get(name, 0.0) for name in names),
        )
        rows.append(cells)
    title = words("over_time", dimension=words(f"by_{market.dimension}"))
    lines = tuple(
        Line(_named(name, words), tuple(shares_of(c).get(name, 0.0) for _, c in market.months)) for name in names
    )
    chart = Lines(title, "fraction", tuple(month for month, _ in market.months), lines)
    return Table(f"{market.dimension}_over_time", title, columns, tuple(rows), (words("over_time_how"),), (chart,))


def _concentration(market: Market, found: Concentration, words: Words) -> Table:
    columns = (
        Column("figure", words("figure"), "text"),
        Column("value", words("value"), "count"),
        Column("which", words("which"), "text"),
    )
    largest = _named(found.largest, words)
    rows: list[Row] = [
        (Label("herfindahl", words("herfindahl")), round(found.herfindahl, 4), None),
        (Label("effective", words("effective")), round(found.effective, 2), None),
        (Label("largest", words("largest_share")), Quantity(found.share, "fraction"), Label(found.largest, largest)),
    ]
    move = market.largest_move
    if move is not None:
        span = Label(move.name, f"{_named(move.name, words)}, {move.since} → {move.until}")
        rows.append((Label("largest_move", words("largest_move")), Quantity(move.points, "fraction"), span))
    title = words("concentration_of", dimension=words(f"by_{market.dimension}"))
    return Table(f"{market.dimension}_concentration", title, columns, tuple(rows), (words("concentration_how"),))


def _flows(market: Market, spans: tuple[str, str], words: Words, limit: int | None) -> Table:
    columns = (
        Column("from", words("flow_from"), "text"),
        Column("to", words("flow_to"), "text"),
        Column("points", words("flow_points"), "fraction"),
    )
    rows = tuple(
        (Label(a, _named(a, words)), Label(b, _named(b, words)), points) for a, b, points in market.flows[:limit]
    )
    title = words("flows", dimension=words(f"by_{market.dimension}"), before=spans[0], after=spans[1])
    return Table(f"{market.dimension}_flows", title, columns, rows, (words("flows_how"),))


def _named(name: str, words: Words) -> str:
    return name or words("unknown")
