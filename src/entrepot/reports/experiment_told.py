"""The holdout's experiment as tables: both answers side by side, and why they differ."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entrepot.reports.charts import Bar, Bars
from entrepot.reports.disagreement import Name, Part, Parts
from entrepot.reports.experiment import LEAST_OF_EACH, Experiment, narrower
from entrepot.reports.render import Cell, Column, Interval, Label, Quantity, Row, Table, Unit
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals

_UNITS: dict[Name, Unit] = {
    "traffic": "count",
    "length": "ratio",
    "in_vain": "fraction",
    "turns": "count",
    "requests": "nano_usd",
    "adjustment": "fraction",
}


def tabulate_experiments(experiments: Sequence[Experiment], words: Words = ENGLISH) -> tuple[Table, ...]:
    """A line for each route and way of reckoning; and for each route why estimate and experiment differ."""
    return (
        _answers(experiments, words),
        *(_parts(one, one.parts, words) for one in experiments if one.parts is not None),
    )


def _answers(experiments: Sequence[Experiment], words: Words) -> Table:
    percent = f"{experiments[0].confidence:.0%}" if experiments else "95%"
    columns = (
        Column("route", words("by_route"), "text"),
        Column("baseline", words("baseline"), "text"),
        Column("how", words("experiment_way"), "text"),
        Column("drawn", words("sessions_drawn"), "count"),
        Column("routed", words("sessions_routed"), "count"),
        Column("saving_fraction", words("saving_of_baseline"), "fraction"),
        Column("saving_interval", words("ends", percent=percent), "interval"),
        Column("saving_narrower", words("narrower"), "fraction"),
        Column("quality", words("quality_against"), "fraction"),
        Column("quality_interval", words("ends", percent=percent), "interval"),
        Column("quality_narrower", words("narrower"), "fraction"),
    )
    rows = tuple(row for one in experiments for row in _rows(one, words))
    notes = [words("experiment_how", least=LEAST_OF_EACH)] if experiments else [words("no_experiment")]
    for one in experiments:
        notes += _missing(one, words)
    bars = [
        Bar(f"{one.route} · {words(key)}", found.estimate, found.low, found.high)
        for one in experiments
        for key, found in (
            ("by_lot_adjusted", one.fraction),
            ("by_lot_plain", one.plain_fraction),
            ("by_estimate", one.estimated),
        )
        if found is not None and np.isfinite(found.low) and np.isfinite(found.high)
    ]
    chart = (Bars(words("both_answers"), "fraction", tuple(bars)),) if bars else ()
    return Table("experiment", words("experiment"), columns, rows, tuple(notes), chart)


def _rows(one: Experiment, words: Words) -> tuple[Row, ...]:
    head = (Label(one.route, one.route), Label(one.baseline, one.baseline))
    counts = (one.drawn, one.routed)
    saving, quality = narrower(one.fraction, one.plain_fraction), narrower(one.quality, one.plain_quality)
    nobody = (None, None)
    return (
        (*head, _way("adjusted", words), *counts, *_told(one.fraction), saving, *_told(one.quality), quality),
        (*head, _way("plain", words), *counts, *_told(one.plain_fraction), None, *_told(one.plain_quality), None),
        (*head, Label("estimate", words("by_estimate")), *nobody, *_told(one.estimated), None, *nobody, None),
    )


def _way(name: str, words: Words) -> Label:
    return Label(name, words(f"by_lot_{name}"))


def _told(found: intervals.Interval | None) -> tuple[Cell, Cell]:
    return (None, None) if found is None else (found.estimate, Interval(found.low, found.high, "fraction"))


def _missing(one: Experiment, words: Words) -> list[str]:
    notes = []
    if one.fraction is None:
        notes.append(
            words("experiment_early", route=one.route, drawn=one.drawn, routed=one.routed, least=LEAST_OF_EACH)
        )
    if one.quality is None:
        told = words(
            "outcomes_early", route=one.route, drawn=one.told_drawn, routed=one.told_routed, least=LEAST_OF_EACH
        )
        notes.append(told)
    if one.by_judges:
        notes.append(words("experiment_judges", route=one.route))
    if one.unknown:
        notes.append(words("experiment_unknown", route=one.route, count=one.unknown))
    return notes


def _parts(one: Experiment, parts: Parts, words: Words) -> Table:
    columns = (
        Column("part", words("part_of_difference"), "text"),
        Column("assumed", words("assumed_by_estimate"), "count"),
        Column("seen", words("seen_by_lot"), "count"),
        Column("moves", words("moves_saving"), "fraction"),
    )
    rows: list[Row] = [] if one.estimated is None else [_end("by_estimate", one.estimated, words)]
    for step in parts.steps:
        rows.append(_step(step, words))
        if step.name == "requests" and None not in (parts.cached_routed, parts.cached_drawn):
            cached = (Quantity(parts.cached_routed, "fraction"), Quantity(parts.cached_drawn, "fraction"))
            rows.append((Label("cached", words("difference_cached")), *cached, None))
    if one.fraction is not None:
        rows.append(_end("by_lot_adjusted", one.fraction, words))
    largest = words(f"difference_{parts.largest.name}")
    points = f"{100 * parts.largest.moves:+.1f}".replace("-", "−")
    verdict = words("within_chance") if parts.by_chance else words("beyond_chance", part=largest, points=points)
    title = words("difference_of", route=one.route)
    moved = tuple(Bar(words(f"difference_{step.name}"), step.moves) for step in parts.steps)
    return Table(
        "experiment_difference",
        title,
        columns,
        tuple(rows),
        (verdict, words("difference_how")),
        (Bars(title, "fraction", moved),),
        one.route,
    )


def _step(step: Part, words: Words) -> Row:
    unit = _UNITS[step.name]
    said: list[Cell] = []
    for value in (step.assumed, step.seen):
        shown = value if value is None or step.name != "turns" else round(value, 2)
        said.append(None if shown is None else Quantity(shown, unit))
    return (Label(step.name, words(f"difference_{step.name}")), *said, step.moves)


def _end(key: str, found: intervals.Interval, words: Words) -> Row:
    return (Label(key, words(key)), None, None, found.estimate)
