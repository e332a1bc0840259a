"""What each model and deployment is worth: quality on one's own prompts, real cost, and both against the reference.

The table that is usually printed from list prices and a public benchmark, from one's own work. Quality is that of outcomes (see
`outcomes.py`), of the source that is believed most and has `LEAST` of them. It is given as it was, and again as it would be if
everybody had been asked what all were asked together: bands of difficulty are weighed as they occur among all answered requests,
because the router gives easy ones to cheap models. A band that a model was never asked leaves its quality there unknown, and its
interval says so.

Cost is the known cost of completed and other exchanges that it answered, thrown-away attempts included, over those exchanges:
length, reasoning and caching as they really were. Its interval is not given: it is what was paid. Multiples are against the
reference on the same footing: a cost of 0.2× and a quality of 0.98× is five times as cheap for two per cent less quality.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

import msgspec

from entrepot.ledger.store import ALWAYS, Group, Judged, JudgedBy, LedgerReader, Period, Sums
from entrepot.reports.charts import Bar, Bars, Chart
from entrepot.reports.outcomes import Tally, best_source, standardised, tallies, total
from entrepot.reports.render import Column, Interval, Label, Row, Table
from entrepot.reports.share import add_up
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals

LEAST = 30
_NANO = 1_000_000_000
Kind = Literal["model", "deployment"]


class Worth(msgspec.Struct, frozen=True):
    """One model or deployment: what it answered for how much, and how well.

    `quality` is of its own requests, `level` as if it had been asked what all were; None without outcomes. `usd` is per
    exchange of known cost, None where there is none.
    """

    name: str
    exchanges: int
    output_tokens: float
    usd: float | None
    outcomes: int
    quality: intervals.Interval | None
    level: intervals.Interval | None


class Value(msgspec.Struct, frozen=True):
    """The worth of all that answered, the most asked first; `reference` is the name of the one that multiples are against."""

    kind: Kind
    source: JudgedBy | None
    reference: str | None
    worths: tuple[Worth, ...]
    confidence: float


def measure_value(
    reader: LedgerReader, kind: Kind, period: Period = ALWAYS, reference: str | None = None, confidence: float = 0.95
) -> Value:
    """What each was worth in a period. Raises LedgerError if the ledger cannot answer.

    `reference` names a model or deployment; by default it is the baseline that most exchanges were compared with.
    """
    groups = reader.totals_by((kind,), period)
    bands = {
        group.values[0]: float(group.sums.exchanges)
        for group in reader.totals_by(("difficulty",), period)
        if group.served
    }
    judged = reader.judged(period)
    source = best_source(judged, LEAST)
    told = [one for one in judged if one.source == source]
    reference = reference or _baseline(reader, kind, period)
    worths = tuple(
        _worth(name, sums, [one for one in told if getattr(one, kind) == name], bands, confidence)
        for name, sums in _by_name(groups)
    )
    return Value(kind, source, reference, worths, confidence)


def _by_name(groups: Iterable[Group]) -> list[tuple[str, Sums]]:
    """Facts of a deployment change; its name does not."""
    found: dict[str, list[Sums]] = {}
    for group in groups:
        if group.served and group.values[0] is not None:
            found.setdefault(group.values[0], []).append(group.sums)
    return sorted(((name, add_up(parts)) for name, parts in found.items()), key=lambda one: -one[1].exchanges)


def _baseline(reader: LedgerReader, kind: Kind, period: Period) -> str | None:
    counts: Counter[str] = Counter()
    for part in reader.comparisons(period):
        name = part.baseline_model if kind == "model" else part.baseline_deployment
        if name is not None:
            counts[name] += part.exchanges
    return counts.most_common(1)[0][0] if counts else None


def _worth(name: str, sums: Sums, told: Sequence[Judged], bands: dict[str | None, float], confidence: float) -> Worth:
    known = sums.exchanges - sums.unknown_cost
    tally = total(told)
    strata: dict[str | None, Tally] = tallies(told, lambda one: one.difficulty)
    return Worth(
        name,
        sums.exchanges,
        (sums.output_tokens + sums.reasoning_tokens) / sums.exchanges,
        sums.cost_nano_usd / known / _NANO if known else None,
        tally.count,
        tally.interval(confidence) if tally.count else None,
        standardised(strata, bands, confidence) if tally.count else None,
    )


def tabulate_value(value: Value, words: Words = ENGLISH) -> Table:
    """A line for each, with multiples of the reference where that answered anything."""
    percent = f"{value.confidence:.0%}"
    columns = (
        Column("value", words(f"by_{value.kind}"), "text"),
        Column("exchanges", words("exchanges"), "count"),
        Column("usd_per_exchange", words("per_exchange"), "usd"),
        Column("output_tokens", words("tokens_per_answer"), "count"),
        Column("outcomes", words("outcomes"), "count"),
        Column("quality", words("quality"), "fraction"),
        Column("quality_interval", words("interval", percent=percent), "interval"),
        Column("level_quality", words("level_quality"), "fraction"),
        Column("level_interval", words("interval", percent=percent), "interval"),
        Column("cost_multiple", words("cost_multiple"), "ratio"),
        Column("quality_multiple", words("quality_multiple"), "ratio"),
    )
    against = next((one for one in value.worths if one.name == value.reference), None)
    rows = tuple(_row(one, against) for one in value.worths)
    notes = []
    if value.source is None:
        notes.append(words("no_outcomes"))
    else:
        notes += [words("value_source", source=words(f"source_{value.source}")), words("value_how")]
    if value.reference is None:
        notes.append(words("no_reference"))
    elif against is None:
        notes.append(words("reference_silent", reference=value.reference))
    else:
        notes.append(words("value_reference", reference=value.reference))
    title = words("value_by", dimension=words(f"by_{value.kind}"))
    return Table(f"value_by_{value.kind}", title, columns, rows, tuple(notes), _charts(value, words))


def _row(one: Worth, against: Worth | None) -> Row:
    def ends(found: intervals.Interval | None) -> Interval | None:
        return None if found is None else Interval(found.low, found.high, "fraction")

    level, of_reference = one.level, None if against is None else against.level
    return (
        Label(one.name, one.name),
        one.exchanges,
        one.usd,
        round(one.output_tokens),
        one.outcomes,
        None if one.quality is None else one.quality.estimate,
        ends(one.quality),
        None if level is None else level.estimate,
        ends(level),
        None if against is None or not against.usd or one.usd is None else one.usd / against.usd,
        None
        if level is None or of_reference is None or not of_reference.estimate
        else level.estimate / of_reference.estimate,
    )


def _charts(value: Value, words: Words) -> tuple[Chart, ...]:
    costs = tuple(Bar(one.name, None if one.usd is None else one.usd * _NANO) for one in value.worths)
    levels = tuple(
        Bar(one.name, *((None,) if one.level is None else (one.level.estimate, one.level.low, one.level.high)))
        for one in value.worths
    )
    return (Bars(words("per_exchange"), "nano_usd", costs), Bars(words("level_quality"), "fraction", levels))
