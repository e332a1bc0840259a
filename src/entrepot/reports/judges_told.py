"""Judges beside people, as tables."""

from __future__ import annotations

from entrepot.reports.charts import Bar, Bars
from entrepot.reports.judges import Agreement, Corrected, Judges
from entrepot.reports.render import Cell, Column, Interval, Label, Row, Table
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals
from entrepot.statistics.judges import LEAST_LABELS


def tabulate_judges(judges: Judges, words: Words = ENGLISH) -> tuple[Table, ...]:
    """What judges say corrected, how far they agree with people, and the router's word beside it; nothing where nobody judged."""
    if not judges.corrected:
        return ()
    tables = [_corrected(judges, words)]
    if judges.agreements:
        tables.append(_agreement(judges, words))
    if judges.foretold and judges.foretold[-1].found.corrected is not None:
        tables.append(_foretold(judges, words))
    return tuple(tables)


def _corrected(judges: Judges, words: Words) -> Table:
    percent = f"{judges.confidence:.0%}"
    columns = (
        Column("route", words("by_route"), "text"),
        Column("model", words("by_model"), "text"),
        Column("judged", words("judged_exchanges"), "count"),
        Column("say", words("judges_say"), "fraction"),
        Column("labelled", words("labelled_exchanges"), "count"),
        Column("how", words("labelled_how"), "text"),
        Column("corrected", words("corrected"), "fraction"),
        Column("corrected_interval", words("interval", percent=percent), "interval"),
        Column("people", words("people_alone"), "fraction"),
        Column("people_interval", words("interval", percent=percent), "interval"),
    )
    rows = tuple(_corrected_row(one, words) for one in judges.corrected)
    notes = [words("corrected_how", sources=words.listed(words(f"source_{source}") for source in judges.people))]
    if any(one.how == "volunteers" and one.corrected is not None for one in judges.corrected):
        notes.append(words("volunteers_how", least=LEAST_LABELS))
    if any(one.corrected is None for one in judges.corrected):
        notes.append(words("labels_early", least=LEAST_LABELS))
    bars: list[Bar] = []
    for one in judges.corrected:
        if one.corrected is not None:
            bars.append(Bar(f"{_name(one, words)} · {words('judges_say')}", one.say))
            low, high = one.corrected.low, one.corrected.high
            bars.append(Bar(f"{_name(one, words)} · {words('corrected')}", one.corrected.estimate, low, high))
    charts = (Bars(words("judges_corrected"), "fraction", tuple(bars)),) if bars else ()
    return Table("judges_corrected", words("judges_corrected"), columns, rows, tuple(notes), charts)


def _name(one: Corrected, words: Words) -> str:
    route = one.route or words("none")
    return route if one.model is None else f"{route} · {one.model}"


def _corrected_row(one: Corrected, words: Words) -> Row:
    return (
        Label(one.route, one.route or words("none")),
        Label(one.model, one.model or words("all_models")),
        one.judged,
        one.say,
        one.labelled,
        Label(one.how, words(f"labelled_by_{one.how}")) if one.labelled else None,
        *_told(one.corrected),
        *_told(one.people),
    )


def _told(found: intervals.Interval | None) -> tuple[Cell, Cell]:
    if found is None:
        return (None, None)
    return (found.estimate, Interval(found.low, found.high, "fraction"))


def _number(found: intervals.Interval | None) -> tuple[Cell, Cell]:
    """A figure that is no part of anything, to two places."""
    if found is None:
        return (None, None)
    return (round(found.estimate, 2), Interval(round(found.low, 2), round(found.high, 2), "count"))


def _agreement(judges: Judges, words: Words) -> Table:
    percent = f"{judges.confidence:.0%}"
    columns = (
        Column("judge", words("judge"), "text"),
        Column("route", words("by_route"), "text"),
        Column("exchanges", words("both_spoke"), "count"),
        Column("same", words("say_the_same"), "fraction"),
        Column("same_interval", words("interval", percent=percent), "interval"),
        Column("kappa", words("kappa"), "count"),
        Column("kappa_interval", words("interval", percent=percent), "interval"),
        Column("lenient", words("more_lenient"), "fraction"),
        Column("lenient_interval", words("interval", percent=percent), "interval"),
        Column("longer", words("more_for_long"), "fraction"),
        Column("longer_interval", words("interval", percent=percent), "interval"),
    )
    rows = tuple(_agreement_row(one, words) for one in judges.agreements)
    return Table(
        "judges_agreement", words("judges_agreement"), columns, rows, (words("agreement_how", least=LEAST_LABELS),)
    )


def _agreement_row(one: Agreement, words: Words) -> Row:
    return (
        Label(one.judge, one.judge),
        Label(one.route, one.route or words("none")),
        one.exchanges,
        *_told(one.same),
        *_number(one.kappa),
        *_told(one.lenient),
        *_told(one.longer),
    )


def _foretold(judges: Judges, words: Words) -> Table:
    columns = (
        Column("tenth", words("expected_within"), "text"),
        Column("judged", words("judged_exchanges"), "count"),
        Column("labelled", words("labelled_exchanges"), "count"),
        Column("expected", words("expected"), "fraction"),
        Column("corrected", words("corrected"), "fraction"),
        Column("corrected_interval", words("interval", percent=f"{judges.confidence:.0%}"), "interval"),
        Column("off_by", words("corrected_off_by"), "fraction"),
    )
    rows: list[Row] = []
    for one in judges.foretold:
        tenth = one.tenth
        span = (
            Label("all", words("total")) if tenth is None else Label(str(tenth), f"{10 * (tenth - 1)}–{10 * tenth} %")
        )
        found = one.found
        off = None if found.corrected is None else found.corrected.estimate - one.expected
        rows.append((span, found.judged, found.labelled, one.expected, *_told(found.corrected), off))
    return Table(
        "calibration_corrected", words("calibration_corrected"), columns, tuple(rows), (words("foretold_how"),)
    )
