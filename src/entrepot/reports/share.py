"""Who got the work: requests, tokens and cost by one dimension of the ledger."""

from __future__ import annotations

from typing import get_args

import msgspec

from entrepot.ledger.store import ALWAYS, Dimension, Group, LedgerReader, Period, ServedDimension, Sums
from entrepot.reports.charts import Bar, Bars
from entrepot.reports.render import Cell, Column, Label, Row, Table
from entrepot.reports.wording import ENGLISH, Words

_BARS = 5


class Share(msgspec.Struct, frozen=True):
    """Groups by the values of `dimension`, largest first, and their total."""

    dimension: Dimension
    groups: tuple[Group, ...]
    total: Sums


def measure_share(reader: LedgerReader, dimension: Dimension, period: Period = ALWAYS) -> Share:
    """The share of each value. Raises LedgerError if the ledger cannot answer."""
    groups = sorted(groups_by(reader, dimension, period), key=lambda group: -group.sums.exchanges)
    return Share(dimension, tuple(groups), add_up([group.sums for group in groups]))


def groups_by(
    reader: LedgerReader, dimension: Dimension, period: Period = ALWAYS, *, shadows: bool = False
) -> tuple[Group, ...]:
    """One group for each value. What nobody answered stands apart where the value is that of who answered, and only there:
    a team has one line, whether or not its requests were answered. Raises LedgerError if the ledger cannot answer.
    """
    groups = reader.totals_by((dimension,), period, shadows=shadows)
    if dimension in get_args(ServedDimension):
        return groups
    parts: dict[tuple[str | None, ...], list[Group]] = {}
    for group in groups:
        parts.setdefault(group.values, []).append(group)
    return tuple(
        Group(values, any(one.served for one in found), add_up([one.sums for one in found]))
        for values, found in parts.items()
    )


def add_up(parts: list[Sums]) -> Sums:
    """The sums of several groups as one."""
    return Sums(*(sum(getattr(part, name) for part in parts) for name in Sums.__struct_fields__))


def tabulate_share(share: Share, words: Words = ENGLISH, *, limit: int | None = None) -> Table:
    """A table of the groups; those after the first `limit` in one line. Parts of cost are parts of the known cost."""
    columns = (
        Column("value", words(f"by_{share.dimension}"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        Column("exchanges_fraction", words("part"), "fraction"),
        Column("input_tokens", words("input_tokens"), "count"),
        Column("output_tokens", words("output_tokens"), "count"),
        Column("cost_nano_usd", words("cost"), "nano_usd"),
        Column("cost_fraction", words("part"), "fraction"),
    )
    shown = share.groups if limit is None or len(share.groups) <= limit else share.groups[:limit]
    rest = share.groups[len(shown) :]
    rows = [_row(label_of(group, share.dimension, words), group.sums, share.total) for group in shown]
    if rest:
        rows.append(
            _row(Label("others", words("others", count=len(rest))), add_up([part.sums for part in rest]), share.total)
        )
    title = words("share_by", dimension=words(f"by_{share.dimension}"))
    bars = [
        Bar(f"{label_of(group, share.dimension, words).text} · {words(key)}", part, group=place)
        for group in share.groups[:_BARS]
        for place, (key, part) in enumerate(_parts(group.sums, share.total))
    ]
    charts = (Bars(title, "fraction", tuple(bars)),) if len(share.groups) > 1 else ()
    return Table(f"share_by_{share.dimension}", title, columns, tuple(rows), sums_notes(share.total, words), charts)


def _parts(sums: Sums, total: Sums) -> tuple[tuple[str, float | None], ...]:
    """Of requests, of tokens and of money."""
    cost = None if sums.unknown_cost == sums.exchanges else _part(sums.cost_nano_usd, total.cost_nano_usd)
    return (
        ("exchanges", _part(sums.exchanges, total.exchanges)),
        ("tokens", _part(sums.tokens, total.tokens)),
        ("cost", cost),
    )


def _row(label: Label, sums: Sums, total: Sums) -> Row:
    cells: tuple[Cell, ...] = (
        label,
        sums.exchanges,
        _part(sums.exchanges, total.exchanges),
        sums.input_tokens + sums.cache_read_tokens + sums.cache_write_tokens,
        sums.output_tokens + sums.reasoning_tokens,
        None if sums.unknown_cost == sums.exchanges else sums.cost_nano_usd,
        None if sums.unknown_cost == sums.exchanges else _part(sums.cost_nano_usd, total.cost_nano_usd),
    )
    return cells


def label_of(group: Group, dimension: Dimension, words: Words) -> Label:
    """The value of a group by one dimension, as a report shows it."""
    (value,) = group.values
    if not group.served and dimension in get_args(ServedDimension):
        return Label(None, words("not_served"))
    if value is None:
        return Label(None, words("unknown" if dimension in get_args(ServedDimension) else "none"))
    if dimension in ("on_premises", "open_weights"):
        return Label(value == "1", words(f"{dimension}_{value}"))
    return Label(value, value)


def _part(amount: int, total: int) -> float | None:
    return amount / total if total else None


def sums_notes(total: Sums, words: Words) -> tuple[str, ...]:
    """What is missing from these sums."""
    counts = {
        "unknown_cost": total.unknown_cost,
        "unknown_usage": total.unknown_usage,
        "estimated_usage": total.estimated_usage,
    }
    return tuple(words(key, count=count) for key, count in counts.items() if count)
