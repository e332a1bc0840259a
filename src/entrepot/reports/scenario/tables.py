"""A comparison, and the exits, as tables: today and the scenario side by side, and every assumption as a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from entrepot.reports.render import Cell, Column, Interval, Label, Quantity, Row, Table, Unit
from entrepot.reports.scenario.compare import Comparison, Stranded
from entrepot.reports.scenario.exits import Exit
from entrepot.reports.scenario.side import Side
from entrepot.statistics.intervals import Interval as Range

_NANO = 1_000_000_000
_MODELS = 12

ASSUMED = (
    "Assumed: the requests would have been the same; nobody asks more, less or otherwise because of price or quality.",
    "Rules, prices and goals of both sides are those of the settings, estimates those of the moment of each request.",
    "Lots fall as they fell, and whoever was put last for its health is. A conversation stays with whom its turn before is "
    "asked of, and moves where it moved; on a turn that moves it finds nothing cached, else as much as was.",
    "An answer of another model is as long as the router expected, times how much longer than expected that model's answers "
    "were; of the same model at another host, as long as it was. Sound and service tiers cost as text and the standard tier.",
    "Attempts whose answer nobody got, and exchanges in which several models were asked, cost beside that what they did cost.",
    "Intervals: errors of quality, and of lengths, are taken to be the same for all answers of a model; nothing else is in them.",
)


def tabulate_comparison(title: str, comparison: Comparison, confidence: float = 0.95) -> tuple[Table, ...]:
    """What it comes to, the share of each model, and who is left without anybody."""
    tables = [_figures(title, comparison, confidence), _shares(comparison)]
    if comparison.stranded:
        tables.append(_stranded(comparison.stranded))
    return tuple(tables)


def _figures(title: str, comparison: Comparison, confidence: float) -> Table:
    today, then = comparison.today, comparison.scenario
    rows: list[Row] = [
        _counts("answered", "answered exchanges", today.exchanges, then.exchanges),
        _counts("nobody", "exchanges that nobody is left for", today.nobody, then.nobody),
        _range_row("cost", "cost", comparison.cost_today, comparison.cost_scenario, None, "nano_usd"),
        _both_row(comparison),
        _mean_row(comparison),
    ]
    if comparison.quality_today is not None and comparison.quality_scenario is not None:
        rows.append(
            _range_row(
                "quality",
                "expected quality",
                comparison.quality_today,
                comparison.quality_scenario,
                comparison.quality,
                "fraction",
            )
        )
    if comparison.latency is not None:
        before, after = (1000 * seconds for seconds in comparison.latency)
        values = (Quantity(before, "ms"), Quantity(after, "ms"), Quantity(after - before, "ms"))
        rows.append((Label("latency", "expected time to a whole answer, where known"), *values, None))
    columns = (
        Column("figure", "figure", "text"),
        Column("today", "today", "count"),
        Column("scenario", "scenario", "count"),
        Column("difference", "difference", "count"),
        Column("interval", f"{confidence:.0%} interval of it", "interval"),
    )
    return Table("scenario", title, columns, tuple(rows), tuple(_notes(comparison)))


def _counts(name: str, text: str, today: int, then: int) -> Row:
    return (Label(name, text), today, then, then - today, None)


def _range_row(name: str, text: str, today: Range, then: Range, difference: Range | None, unit: Unit) -> Row:
    scale = _NANO if unit == "nano_usd" else 1
    cells: list[Cell] = [_quantity(one, unit, scale) for one in (today, then)]
    if difference is None:
        return (Label(name, text), *cells, None, None)
    told = _quantity(difference, unit, scale)
    return (Label(name, text), *cells, told, Interval(told.low or 0.0, told.high or 0.0, unit))


def _both_row(comparison: Comparison) -> Row:
    """What costs can be compared: those of exchanges that are answered in both."""
    cells = [Quantity(round(_NANO * usd), "nano_usd") for usd in comparison.cost_both]
    told = _quantity(comparison.cost_difference, "nano_usd", _NANO)
    interval = Interval(told.low or 0.0, told.high or 0.0, "nano_usd")
    return (Label("cost_both", "cost of what is answered in both"), *cells, told, interval)


def _quantity(one: Range, unit: Unit, scale: float) -> Quantity:
    values = [scale * value for value in one]
    if unit == "nano_usd":
        values = [float(round(value)) for value in values]
    return Quantity(values[0], unit, values[1], values[2])


def _mean_row(comparison: Comparison) -> Row:
    costs = [_mean(side) for side in (comparison.today, comparison.scenario)]
    cells = [None if cost is None else Quantity(round(cost * _NANO), "nano_usd") for cost in costs]
    both = None if costs[0] is None or costs[1] is None else Quantity(round((costs[1] - costs[0]) * _NANO), "nano_usd")
    return (Label("cost_per_exchange", "cost of an answered exchange"), *cells, both, None)


def _mean(side: Side) -> float | None:
    known = side.exchanges - side.unknown_cost
    return side.cost_usd / known if known else None


def _shares(comparison: Comparison) -> Table:
    today, then = comparison.today, comparison.scenario
    names = sorted(
        {**today.by_model, **then.by_model},
        key=lambda name: -today.by_model.get(name, 0.0) - then.by_model.get(name, 0.0),
    )
    rows = [_share_row(name, [name], today, then) for name in names[:_MODELS]]
    if names[_MODELS:]:
        rows.append(_share_row(f"{len(names) - _MODELS} others", names[_MODELS:], today, then))
    columns = (
        Column("model", "model", "text"),
        Column("today", "today", "fraction"),
        Column("scenario", "scenario", "fraction"),
        Column("difference", "difference", "fraction"),
        Column("cost_today", "cost today", "nano_usd"),
        Column("cost_scenario", "cost then", "nano_usd"),
    )
    return Table("scenario_share", "Share by model", columns, tuple(rows))


def _share_row(name: str, names: Sequence[str], today: Side, then: Side) -> Row:
    parts = [sum(side.by_model.get(one, 0.0) for one in names) / max(side.exchanges, 1) for side in (today, then)]
    costs = [round(_NANO * sum(side.cost_by_model.get(one, 0.0) for one in names)) for side in (today, then)]
    return (Label(name, name), *parts, parts[1] - parts[0], *costs)


def _stranded(stranded: Sequence[Stranded]) -> Table:
    columns = (
        Column("asked", "route or name", "text"),
        Column("team", "team", "text"),
        Column("exchanges", "exchanges", "count"),
        Column("used", "answered today by", "text"),
        Column("rules", "left without anybody by", "text"),
    )
    rows = tuple(
        (
            Label(one.asked, one.asked),
            Label(one.team, one.team or "(none)"),
            one.exchanges,
            Label(" ".join(one.used), ", ".join(one.used)),
            Label("; ".join((*one.rules, *one.others)), ", ".join((*(f"'{rule}'" for rule in one.rules), *one.others))),
        )
        for one in stranded
    )
    return Table("scenario_stranded", "Without an alternative", columns, rows)


def _notes(comparison: Comparison) -> list[str]:
    first, last = comparison.first_ns, comparison.last_ns
    notes = []
    if first is not None and last is not None:
        notes.append(
            f"{comparison.decisions:,} decisions from {_day(first)} to {_day(last)}; {comparison.changed:,} are answered by "
            "another, or nobody."
        )
    if comparison.decisions:
        share = comparison.recorded / comparison.decisions
        notes.append(
            f"Made again under today's facts, {share:.1%} go to whom they went; the others met other settings, prices or rules."
        )
    for count, told in (
        (
            comparison.left_out,
            "entries hold no decision to make again (refused, or of an earlier version); they are left out.",
        ),
        (comparison.unnamed, "decisions are about names that are not in the settings any more; they are left out."),
        (comparison.several, "exchanges asked several models; the first choice alone is made again."),
        (comparison.scenario.unknown_cost, "answers of the scenario are of unknown price; they are in no cost."),
        (comparison.today.unknown_cost, "of today's are; the same holds for them."),
    ):
        if count:
            notes.append(f"{count:,} {told}")
    without = comparison.scenario.exchanges - comparison.scenario.estimated
    if without:
        notes.append(f"Of {without:,} answers nothing was expected (asked for by name); they are in no quality.")
    return [*notes, *ASSUMED]


def _day(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns // _NANO, UTC).strftime("%Y-%m-%d")


def tabulate_exits(exits: Sequence[Exit]) -> Table:
    """Every provider, by what its loss would cost: one page."""
    columns = (
        Column("provider", "without", "text"),
        Column("share", "its share today", "fraction"),
        Column("stranded", "left without anybody", "count"),
        Column("changed", "answered by another", "count"),
        Column("cost_nano_usd", "cost, difference", "nano_usd"),
        Column("cost_interval", "95% interval", "interval"),
        Column("quality", "quality, difference", "fraction"),
        Column("quality_interval", "95% interval", "interval"),
        Column("mostly", "most of it then by", "text"),
    )
    rows = tuple(_exit_row(one) for one in exits)
    told = [_tell(one.provider, lost) for one in exits for lost in one.comparison.stranded[:3]]
    title = "The exit plan: what the loss of each provider would cost"
    return Table("exits", title, columns, rows, (*told, *ASSUMED))


def _tell(provider: str, lost: Stranded) -> str:
    """Why nobody would be left."""
    others = (*(f"'{rule}'" for rule in lost.rules if rule != f"without {provider}"), *lost.others)
    why = f"by {', '.join(others)} nobody else may be asked" if others else "there is no other candidate"
    return f"Without {provider}: {lost.exchanges:,} exchanges of {lost.asked} (team {lost.team or 'none'}), for {why}."


def _exit_row(one: Exit) -> Row:
    comparison = one.comparison
    cost, quality = comparison.cost_difference, comparison.quality
    told = _quantity(cost, "nano_usd", _NANO)
    gained = {
        name: then - comparison.today.by_provider.get(name, 0.0)
        for name, then in comparison.scenario.by_provider.items()
    }
    heir = max(gained, key=lambda name: gained[name], default="")
    return (
        Label(one.provider, one.provider),
        one.share,
        one.stranded,
        comparison.changed - one.stranded,
        told.value,
        Interval(told.low or 0.0, told.high or 0.0, "nano_usd"),
        None if quality is None else quality.estimate,
        None if quality is None else Interval(quality.low, quality.high, "fraction"),
        Label(heir, heir) if heir and gained[heir] > 0 else None,
    )
