"""A comparison, and the exits, as tables: today and the scenario side by side, and every assumption as a note."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from entrepot.reports.charts import Bar, Bars, Chart
from entrepot.reports.render import Cell, Column, Interval, Label, Quantity, Row, Table, Unit
from entrepot.reports.scenario.compare import Comparison, Stranded
from entrepot.reports.scenario.exits import Exit
from entrepot.reports.scenario.side import Side
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics.intervals import Interval as Range

_NANO = 1_000_000_000
_MODELS = 12
_BARS = 6

ASSUMED = ("same_requests", "same_facts", "same_lots", "same_lengths", "same_in_vain", "errors_in_common")
"""The sentences on what is assumed."""


def tabulate_comparison(
    title: str, comparison: Comparison, words: Words = ENGLISH, confidence: float = 0.95
) -> tuple[Table, ...]:
    """What it comes to, the share of each model, and who is left without anybody."""
    tables = [_figures(title, comparison, words, confidence), _shares(title, comparison, words)]
    if comparison.stranded:
        tables.append(_stranded(title, comparison.stranded, words))
    return tuple(tables)


def _figures(title: str, comparison: Comparison, words: Words, confidence: float) -> Table:
    today, then = comparison.today, comparison.scenario
    rows: list[Row] = [
        _counts(Label("answered", words("answered")), today.exchanges, then.exchanges),
        _counts(Label("nobody", words("nobody_left")), today.nobody, then.nobody),
        _range_row(Label("cost", words("cost")), comparison.cost_today, comparison.cost_scenario, None, "nano_usd"),
        _both_row(comparison, words),
        _mean_row(comparison, words),
    ]
    if comparison.quality_today is not None and comparison.quality_scenario is not None:
        label = Label("quality", words("expected_quality"))
        rows.append(
            _range_row(label, comparison.quality_today, comparison.quality_scenario, comparison.quality, "fraction")
        )
    if comparison.latency is not None:
        before, after = (1000 * seconds for seconds in comparison.latency)
        values = (Quantity(before, "ms"), Quantity(after, "ms"), Quantity(after - before, "ms"))
        rows.append((Label("latency", words("expected_latency")), *values, None))
    columns = (
        Column("figure", words("figure"), "text"),
        Column("today", words("today"), "count"),
        Column("scenario", words("in_scenario"), "count"),
        Column("difference", words("difference"), "count"),
        Column("interval", words("interval_of_difference", percent=f"{confidence:.0%}"), "interval"),
    )
    return Table("scenario", title, columns, tuple(rows), tuple(_notes(comparison, words)))


def _counts(label: Label, today: int, then: int) -> Row:
    return (label, today, then, then - today, None)


def _range_row(label: Label, today: Range, then: Range, difference: Range | None, unit: Unit) -> Row:
    scale = _NANO if unit == "nano_usd" else 1
    cells: list[Cell] = [_quantity(one, unit, scale) for one in (today, then)]
    if difference is None:
        return (label, *cells, None, None)
    told = _quantity(difference, unit, scale)
    return (label, *cells, told, Interval(told.low or 0.0, told.high or 0.0, unit))


def _both_row(comparison: Comparison, words: Words) -> Row:
    """What costs can be compared: those of exchanges that are answered in both."""
    cells = [Quantity(round(_NANO * usd), "nano_usd") for usd in comparison.cost_both]
    told = _quantity(comparison.cost_difference, "nano_usd", _NANO)
    interval = Interval(told.low or 0.0, told.high or 0.0, "nano_usd")
    return (Label("cost_both", words("cost_both")), *cells, told, interval)


def _quantity(one: Range, unit: Unit, scale: float) -> Quantity:
    values = [scale * value for value in one]
    if unit == "nano_usd":
        values = [float(round(value)) for value in values]
    return Quantity(values[0], unit, values[1], values[2])


def _mean_row(comparison: Comparison, words: Words) -> Row:
    costs = [_mean(side) for side in (comparison.today, comparison.scenario)]
    cells = [None if cost is None else Quantity(round(cost * _NANO), "nano_usd") for cost in costs]
    both = None if costs[0] is None or costs[1] is None else Quantity(round((costs[1] - costs[0]) * _NANO), "nano_usd")
    return (Label("cost_per_exchange", words("cost_of_one")), *cells, both, None)


def _mean(side: Side) -> float | None:
    known = side.exchanges - side.unknown_cost
    return side.cost_usd / known if known else None


def _shares(scenario: str, comparison: Comparison, words: Words) -> Table:
    today, then = comparison.today, comparison.scenario
    names = sorted(
        {**today.by_model, **then.by_model},
        key=lambda name: -today.by_model.get(name, 0.0) - then.by_model.get(name, 0.0),
    )
    rows = [_share_row(Label(name, name), [name], today, then) for name in names[:_MODELS]]
    if rest := names[_MODELS:]:
        rows.append(_share_row(Label("others", words("others", count=len(rest))), rest, today, then))
    columns = (
        Column("model", words("by_model"), "text"),
        Column("today", words("today"), "fraction"),
        Column("scenario", words("in_scenario"), "fraction"),
        Column("difference", words("difference"), "fraction"),
        Column("cost_today", words("cost_today"), "nano_usd"),
        Column("cost_scenario", words("cost_then"), "nano_usd"),
    )
    title = words("of_scenario", what=words("share_by", dimension=words("by_model")), scenario=scenario)
    bars = [
        Bar(f"{name} · {words(key)}", side.by_model.get(name, 0.0) / max(side.exchanges, 1), group=group)
        for name in names[:_BARS]
        for group, (key, side) in enumerate((("today", today), ("in_scenario", then)))
    ]
    return Table("scenario_share", title, columns, tuple(rows), (), (Bars(title, "fraction", tuple(bars)),))


def _share_row(label: Label, names: Sequence[str], today: Side, then: Side) -> Row:
    parts = [sum(side.by_model.get(one, 0.0) for one in names) / max(side.exchanges, 1) for side in (today, then)]
    costs = [round(_NANO * sum(side.cost_by_model.get(one, 0.0) for one in names)) for side in (today, then)]
    return (label, *parts, parts[1] - parts[0], *costs)


def _stranded(scenario: str, stranded: Sequence[Stranded], words: Words) -> Table:
    columns = (
        Column("asked", words("asked_for"), "text"),
        Column("team", words("by_team"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        Column("used", words("answered_today_by"), "text"),
        Column("rules", words("left_by"), "text"),
    )
    rows = tuple(
        (
            Label(one.asked, one.asked),
            Label(one.team, one.team or words("none")),
            one.exchanges,
            Label(" ".join(one.used), words.listed(one.used)),
            Label("; ".join((*one.rules, *one.others)), words.listed(_reasons(one.rules, one.others, words))),
        )
        for one in stranded
    )
    title = words("of_scenario", what=words("stranded"), scenario=scenario)
    return Table("scenario_stranded", title, columns, rows)


def _reasons(rules: Sequence[str], others: Sequence[str], words: Words) -> list[str]:
    """Rules by their names, and what else keeps deployments out in words."""
    return [*(words("rule_named", rule=rule) for rule in rules), *(words(f"kept_out_{kind}") for kind in others)]


def _notes(comparison: Comparison, words: Words) -> list[str]:
    first, last = comparison.first_ns, comparison.last_ns
    notes = []
    if first is not None and last is not None:
        told = {"count": comparison.decisions, "changed": comparison.changed}
        notes.append(words("decisions_replayed", first=_day(first), last=_day(last), **told))
    if comparison.decisions:
        share = comparison.recorded / comparison.decisions
        notes.append(words("decisions_reproduced", share=f"{share:.1%}"))
    for count, key in (
        (comparison.left_out, "decisions_missing"),
        (comparison.unnamed, "decisions_unnamed"),
        (comparison.several, "decisions_of_several"),
        (comparison.scenario.unknown_cost, "unpriced_then"),
        (comparison.today.unknown_cost, "unpriced_today"),
        (comparison.scenario.exchanges - comparison.scenario.estimated, "not_estimated"),
    ):
        if count:
            notes.append(words(key, count=count))
    return [*notes, *map(words, ASSUMED)]


def _day(moment_ns: int) -> str:
    return datetime.fromtimestamp(moment_ns // _NANO, UTC).strftime("%Y-%m-%d")


def tabulate_exits(exits: Sequence[Exit], words: Words = ENGLISH) -> Table:
    """Every provider, by what its loss would cost: one page."""
    interval = words("interval", percent="95%")
    columns = (
        Column("provider", words("without_provider"), "text"),
        Column("share", words("its_share"), "fraction"),
        Column("stranded", words("left_alone"), "count"),
        Column("changed", words("answered_by_another"), "count"),
        Column("cost_nano_usd", words("cost_more"), "nano_usd"),
        Column("cost_interval", interval, "interval"),
        Column("quality", words("quality_more"), "fraction"),
        Column("quality_interval", interval, "interval"),
        Column("mostly", words("mostly_by"), "text"),
    )
    rows = tuple(_exit_row(one) for one in exits)
    told = [_tell(one.provider, lost, words) for one in exits for lost in one.comparison.stranded[:3]]
    return Table("exits", words("exits"), columns, rows, (*told, *map(words, ASSUMED)), _exit_charts(exits, words))


def _exit_charts(exits: Sequence[Exit], words: Words) -> tuple[Chart, ...]:
    lost = tuple(Bar(one.provider, float(one.stranded)) for one in exits)
    usd = [(one.provider, one.comparison.cost_difference) for one in exits]
    costs = [Bar(name, _NANO * cost.estimate, _NANO * cost.low, _NANO * cost.high) for name, cost in usd]
    alone: tuple[Chart, ...] = (Bars(words("left_alone"), "count", lost),) if any(bar.value for bar in lost) else ()
    return (*alone, Bars(words("cost_more"), "nano_usd", tuple(costs)))


def _tell(provider: str, lost: Stranded, words: Words) -> str:
    """Why nobody would be left."""
    rules = [rule for rule in lost.rules if rule != f"without {provider}"]
    reasons = words.listed(_reasons(rules, lost.others, words))
    told = {"provider": provider, "asked": lost.asked, "team": lost.team or words("none")}
    if reasons:
        return words("stranded_by", count=lost.exchanges, reasons=reasons, **told)
    return words("stranded_alone", count=lost.exchanges, **told)


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
