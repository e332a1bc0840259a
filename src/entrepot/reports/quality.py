"""Whether quality was kept: outcomes of what was routed beside those of the baseline's own answers; and the router's word beside.

Outcomes come from `POST /v1/feedback` (users and programs), from routes' checks and from agreement. What the baseline
answered is compared with what others did on the same route, within each band of difficulty, and the bands are weighed as they
occur in what was routed: the router sends hard requests to the dear model, so plain means would not compare like with like.
What difficulty does not capture remains; only the holdout's lot (`experiment.py`) is free of it.

Calibration: of requests of which so much was expected, how many were right; the mean distance is the expected calibration
error over tenths (Naeini, Cooper and Hauskrecht 2015). Regret: what the best candidate was expected to do, less what the
chosen one was: how much quality was given up for money, in the router's own estimation; that estimation's best is the
luckiest guess of several, so it overstates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import msgspec

from entrepot.ledger.pairs import Expectation
from entrepot.ledger.store import ALWAYS, Comparison, Judged, JudgedBy, LedgerReader, Period
from entrepot.reports.charts import Bar, Bars, Chart, Line, Lines
from entrepot.reports.outcomes import SOURCES, Tally, difference, standardised, tallies, total
from entrepot.reports.render import Cell, Column, Interval, Label, Quantity, Row, Table
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals

Facet = Literal["route", "language", "difficulty", "model"]
FACETS: tuple[Facet, ...] = ("route", "language", "difficulty", "model")
_DIFFICULTIES = ("easy", "medium", "hard", None)


class Kept(msgspec.Struct, frozen=True):
    """Outcomes of one source where one facet has one value. `difference` is None where the baseline has no outcome there.

    `difference` is routed less baseline, by bands of difficulty.
    """

    source: JudgedBy
    value: str | None
    routed: Tally
    baseline: Tally
    difference: intervals.Interval | None


class Tenth(msgspec.Struct, frozen=True):
    """Outcomes of those of which a P(correct) in this tenth was expected."""

    tenth: int
    count: int
    expected: float
    observed: intervals.Interval


class Calibration(msgspec.Struct, frozen=True):
    """The router's word on live outcomes of one source; `error` is the expected calibration error."""

    source: JudgedBy
    count: int
    expected: float
    observed: float
    error: float
    tenths: tuple[Tenth, ...]


class Regret(msgspec.Struct, frozen=True):
    """Of one route, in the router's own estimation: mean P(correct) of the chosen, of the best, and against the reference."""

    route: str | None
    exchanges: int
    chosen: float
    best: float
    against_reference: float | None


class Quality(msgspec.Struct, frozen=True):
    """All that is known of quality in a period."""

    kept: dict[Facet, tuple[Kept, ...]]
    calibrations: tuple[Calibration, ...]
    regrets: tuple[Regret, ...]
    confidence: float


def measure_quality(reader: LedgerReader, period: Period = ALWAYS, confidence: float = 0.95) -> Quality:
    """Outcomes of a period. Raises LedgerError if the ledger cannot answer."""
    judged = reader.judged(period)
    baselines = baselines_of(reader, judged, period)
    return Quality(
        {facet: tuple(_kept(judged, baselines, facet, confidence)) for facet in FACETS},
        tuple(found for source in SOURCES if (found := calibrate(judged, source, confidence)) is not None),
        regrets_of(reader.expectations(period)),
        confidence,
    )


def baselines_of(
    reader: LedgerReader, judged: Sequence[Judged], period: Period
) -> frozenset[tuple[str | None, str | None]]:
    """Which deployment was the baseline of which route."""
    routes = {one.route for one in judged if one.route is not None}
    named: list[tuple[str, Comparison]] = [
        (route, part) for route in routes for part in reader.comparisons(period, route)
    ]
    return frozenset((route, part.baseline_deployment) for route, part in named if part.baseline_deployment is not None)


def _kept(
    judged: Sequence[Judged], baselines: frozenset[tuple[str | None, str | None]], facet: Facet, confidence: float
) -> list[Kept]:
    found = []
    for source in SOURCES:
        told = [one for one in judged if one.source == source]
        values = sorted({getattr(one, facet) for one in told}, key=lambda value: (value is None, value))
        if facet == "difficulty":
            values = [value for value in _DIFFICULTIES if value in values]
        for value in values:
            here = [one for one in told if getattr(one, facet) == value]
            routed = [one for one in here if (one.route, one.deployment) not in baselines]
            # a model is set against the baselines of the routes that it answered on, whatever their model
            there = told if facet == "model" else here
            routes = {one.route for one in routed}
            own = [one for one in there if (one.route, one.deployment) in baselines and one.route in routes]
            whole, beside = total(routed or here), total(own)
            compared = compare_by_band(routed, own, confidence) if routed and own else None
            found.append(Kept(source, value, whole, beside, compared))
    return found


def compare_by_band(routed: Sequence[Judged], own: Sequence[Judged], confidence: float) -> intervals.Interval | None:
    """Routed less baseline, by bands of difficulty weighed as they occur in what was routed; over the bands that both have.

    None where they have none in common.
    """
    by_band = tallies(routed, lambda one: one.difficulty)
    of_own = tallies(own, lambda one: one.difficulty)
    weights = {band: float(tally.count) for band, tally in by_band.items() if band in of_own}
    if not weights:
        return None
    mine, theirs = standardised(by_band, weights, confidence), standardised(of_own, weights, confidence)
    if len(weights) == 1:
        (band,) = weights
        return difference(by_band[band], of_own[band], confidence)
    spread = math.hypot((mine.high - mine.low) / 2, (theirs.high - theirs.low) / 2)
    estimate = mine.estimate - theirs.estimate
    return intervals.Interval(estimate, max(-1.0, estimate - spread), min(1.0, estimate + spread))


def calibrate(judged: Sequence[Judged], source: JudgedBy, confidence: float = 0.95) -> Calibration | None:
    """The router's word beside the outcomes of one source; None where it said nothing, or the source is a word itself."""
    told = [one for one in judged if one.source == source and one.told and one.p_tenth is not None]
    count = sum(one.told for one in told)
    if not count or source == "agreement":
        return None
    tenths = []
    for tenth in sorted({one.p_tenth for one in told if one.p_tenth is not None}):
        here = [one for one in told if one.p_tenth == tenth]
        size = sum(one.told for one in here)
        right = float(sum(one.told_total for one in here))
        squares = float(sum(one.squares for one in here))
        expected = sum(one.told_p for one in here) / size
        tenths.append(Tenth(tenth, size, float(expected), Tally(size, right, squares).interval(confidence)))
    error = sum(tenth.count * abs(tenth.expected - tenth.observed.estimate) for tenth in tenths) / count
    expected = sum(tenth.count * tenth.expected for tenth in tenths) / count
    observed = sum(tenth.count * tenth.observed.estimate for tenth in tenths) / count
    return Calibration(source, count, expected, observed, error, tuple(tenths))


def regrets_of(expectations: Sequence[Expectation]) -> tuple[Regret, ...]:
    """By route, the one with most exchanges first."""
    routes: dict[str | None, list[Expectation]] = {}
    for one in expectations:
        routes.setdefault(one.route, []).append(one)
    found = []
    for route, parts in routes.items():
        count, referred = sum(part.exchanges for part in parts), sum(part.referred for part in parts)
        against = sum(part.referred_p_correct - part.p_reference for part in parts) / referred if referred else None
        chosen, best = sum(part.p_correct for part in parts) / count, sum(part.p_best for part in parts) / count
        found.append(Regret(route, count, float(chosen), float(best), None if against is None else float(against)))
    return tuple(sorted(found, key=lambda one: -one.exchanges))


def tabulate_quality(quality: Quality, words: Words = ENGLISH) -> tuple[Table, ...]:
    """A table for each facet, then calibration, then regret."""
    if not any(quality.kept.values()):
        empty = Table(
            "quality", words("quality"), (Column("figure", words("figure"), "text"),), (), (words("no_outcomes"),)
        )
        return (empty, _regret(quality.regrets, words)) if quality.regrets else (empty,)
    tables = [_facet(facet, kept, quality.confidence, words) for facet, kept in quality.kept.items() if kept]
    tables += [_calibration(quality.calibrations, quality.confidence, words)] if quality.calibrations else []
    return (*tables, *([_regret(quality.regrets, words)] if quality.regrets else []))


def _facet(facet: Facet, kept: Sequence[Kept], confidence: float, words: Words) -> Table:
    percent = f"{confidence:.0%}"
    columns = (
        Column("source", words("outcome_source"), "text"),
        Column("value", words(f"by_{facet}"), "text"),
        Column("outcomes", words("outcomes"), "count"),
        Column("quality", words("quality"), "fraction"),
        Column("quality_interval", words("interval", percent=percent), "interval"),
        Column("baseline_outcomes", words("baseline_outcomes"), "count"),
        Column("baseline_quality", words("baseline_quality"), "fraction"),
        Column("kept", words("kept"), "fraction"),
        Column("kept_interval", words("interval", percent=percent), "interval"),
    )
    rows, bars = [], []
    for one in kept:
        found = one.routed.interval(confidence)
        told = Interval(found.low, found.high, "fraction")
        change = one.difference
        cells: tuple[Cell, ...] = (
            Label(one.source, words(f"source_{one.source}")),
            _value(facet, one.value, words),
            one.routed.count,
            found.estimate,
            told,
            one.baseline.count,
            one.baseline.mean if one.baseline.count else None,
            None if change is None else change.estimate,
            None if change is None else Interval(change.low, change.high, "fraction"),
        )
        rows.append(cells)
        label = f"{words(f'source_{one.source}')} · {_value(facet, one.value, words).text}"
        bars.append(Bar(label, found.estimate, found.low, found.high))
    title = words("quality_by", dimension=words(f"by_{facet}"))
    charts: tuple[Chart, ...] = (Bars(title, "fraction", tuple(bars)),)
    notes = [words("kept_how"), words("sources_how")]
    if any(one.source == "judge" for one in kept):
        notes.append(words("judges_raw"))
    return Table(f"quality_by_{facet}", title, columns, tuple(rows), tuple(notes), charts)


def _value(facet: Facet, value: str | None, words: Words) -> Label:
    if value is None:
        return Label(None, words("none" if facet == "route" else "unknown"))
    return Label(value, words(f"difficulty_{value}") if facet == "difficulty" else value)


def _calibration(calibrations: Sequence[Calibration], confidence: float, words: Words) -> Table:
    columns = (
        Column("source", words("outcome_source"), "text"),
        Column("tenth", words("expected_within"), "text"),
        Column("outcomes", words("outcomes"), "count"),
        Column("expected", words("expected"), "fraction"),
        Column("observed", words("observed"), "fraction"),
        Column("interval", words("interval", percent=f"{confidence:.0%}"), "interval"),
        Column("error", words("off_by"), "fraction"),
    )
    rows: list[Row] = []
    charts: list[Chart] = []
    for one in calibrations:
        source = Label(one.source, words(f"source_{one.source}"))
        for tenth in one.tenths:
            span = Label(str(tenth.tenth), f"{10 * (tenth.tenth - 1)}–{10 * tenth.tenth} %")
            seen = tenth.observed
            ends = Interval(seen.low, seen.high, "fraction")
            rows.append(
                (source, span, tenth.count, tenth.expected, seen.estimate, ends, seen.estimate - tenth.expected)
            )
        rows.append((source, Label("all", words("total")), one.count, one.expected, one.observed, None, one.error))
        places = tuple(f"{10 * (tenth.tenth - 1)}–{10 * tenth.tenth} %" for tenth in one.tenths)
        seen_line = Line(
            words("observed"),
            tuple(tenth.observed.estimate for tenth in one.tenths),
            tuple(tenth.observed.low for tenth in one.tenths),
            tuple(tenth.observed.high for tenth in one.tenths),
        )
        said_line = Line(words("expected"), tuple(tenth.expected for tenth in one.tenths))
        title = words("calibration_of", source=source.text)
        charts.append(Lines(title, "fraction", places, (seen_line, said_line)))
    return Table("calibration", words("calibration"), columns, tuple(rows), (words("calibration_how"),), tuple(charts))


def _regret(regrets: Sequence[Regret], words: Words) -> Table:
    columns = (
        Column("route", words("by_route"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        Column("chosen", words("expected_chosen"), "fraction"),
        Column("best", words("expected_best"), "fraction"),
        Column("regret", words("regret"), "fraction"),
        Column("against_reference", words("against_reference"), "fraction"),
    )
    rows = tuple(
        (
            Label(one.route, one.route or words("none")),
            one.exchanges,
            one.chosen,
            one.best,
            Quantity(one.best - one.chosen, "fraction"),
            one.against_reference,
        )
        for one in regrets
    )
    return Table("regret", words("regret_title"), columns, rows, (words("regret_how"),))
