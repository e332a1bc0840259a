"""Which tables make up which report.

Rules of this file: a report is a function from a question to tables, listed once in `REPORTS`; the command line and whoever
else shows reports ask here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import msgspec

from entrepot.catalog.load import load_catalog
from entrepot.exchange.outcome import OutcomeSource
from entrepot.ledger.store import ALWAYS, Dimension, LedgerReader, Period
from entrepot.reports.added_time import measure_added_time, tabulate_added_time
from entrepot.reports.claims import measure_claims, tabulate_claims
from entrepot.reports.experiment import measure_experiments
from entrepot.reports.experiment_told import tabulate_experiments
from entrepot.reports.judges import PEOPLE, measure_judges
from entrepot.reports.judges_told import tabulate_judges
from entrepot.reports.market import measure_market, tabulate_market
from entrepot.reports.quality import measure_quality, tabulate_quality
from entrepot.reports.render import Table
from entrepot.reports.savings import measure_savings, tabulate_savings
from entrepot.reports.shadows import measure_shadows, tabulate_shadows
from entrepot.reports.share import measure_share, tabulate_share
from entrepot.reports.spend import measure_forecast, measure_spend, tabulate_forecast, tabulate_spend
from entrepot.reports.value import measure_value, tabulate_value
from entrepot.reports.wording import ENGLISH, Words

_LINES = 20
_SUMMARY: tuple[Dimension, ...] = ("model", "maker_country", "region", "on_premises")
_SHARED: tuple[Dimension, ...] = (
    "model",
    "maker",
    "maker_country",
    "provider_country",
    "region",
    "on_premises",
    "open_weights",
    "accelerator",
    "route",
    "difficulty",
    "language",
    "client_region",
)
_MARKETS: tuple[Dimension, ...] = ("maker", "model")
_SPEND: tuple[Dimension, ...] = ("team", "model", "day")


class Question(msgspec.Struct, frozen=True, eq=False):
    """What is asked, of which ledger. `by` empty: what the report shows unasked. `full`: no line is left out.

    `now_ns` is the moment of asking, Unix time. `against` is another period, from which flows lead to this one. `people` are the
    sources of outcomes that judges are corrected by.
    """

    reader: LedgerReader
    now_ns: int
    period: Period = ALWAYS
    by: tuple[Dimension, ...] = ()
    words: Words = ENGLISH
    full: bool = False
    against: Period | None = None
    people: tuple[OutcomeSource, ...] = PEOPLE

    @property
    def limit(self) -> int | None:
        """How many lines a table shows."""
        return None if self.full else _LINES


def tables_of(report: str, question: Question) -> Iterator[Table]:
    """The tables of a report. Raises LedgerError where the ledger cannot answer, KeyError where there is no such report."""
    return REPORTS[report](question)


def _summary(question: Question) -> Iterator[Table]:
    yield tabulate_savings(measure_savings(question.reader, question.period), question.words)
    yield from _share(msgspec.structs.replace(question, by=question.by or _SUMMARY))
    yield from _added_time(question)


def _savings(question: Question) -> Iterator[Table]:
    yield tabulate_savings(measure_savings(question.reader, question.period), question.words)
    yield from tabulate_experiments(measure_experiments(question.reader, question.period), question.words)


def _share(question: Question) -> Iterator[Table]:
    for dimension in question.by or ("model",):
        share = measure_share(question.reader, dimension, question.period)
        yield tabulate_share(share, question.words, limit=question.limit)


def _market(question: Question) -> Iterator[Table]:
    yield from _share(msgspec.structs.replace(question, by=question.by or _SHARED))
    for dimension in dict.fromkeys(question.by or _MARKETS):
        if dimension == "day":
            continue  # days are what shares are followed over
        market = measure_market(question.reader, dimension, question.period, question.against)
        yield from tabulate_market(market, question.words, limit=question.limit)


def _claims(question: Question) -> Iterator[Table]:
    now_s = question.now_ns / 1_000_000_000
    found = measure_claims(question.reader, load_catalog(), now_s, question.period, question.words)
    yield tabulate_claims(found, question.words)


def _value(question: Question) -> Iterator[Table]:
    yield tabulate_value(measure_value(question.reader, "model", question.period), question.words)
    yield tabulate_value(measure_value(question.reader, "deployment", question.period), question.words)


def _quality(question: Question) -> Iterator[Table]:
    yield from tabulate_quality(measure_quality(question.reader, question.period), question.words)
    judges = measure_judges(question.reader, question.period, people=question.people)
    yield from tabulate_judges(judges, question.words)
    if beside := measure_shadows(question.reader, question.period):
        yield tabulate_shadows(beside, question.words)


def _spend(question: Question) -> Iterator[Table]:
    forecast = measure_forecast(question.reader, question.period, question.now_ns)
    if forecast is not None:
        yield tabulate_forecast(forecast, question.words)
    for dimension in question.by or _SPEND:
        spend = measure_spend(question.reader, dimension, question.period)
        yield tabulate_spend(spend, question.words, limit=question.limit)


def _added_time(question: Question) -> Iterator[Table]:
    yield tabulate_added_time(measure_added_time(question.reader, question.period), question.words)


REPORTS: Mapping[str, Callable[[Question], Iterator[Table]]] = {
    "all": _summary,
    "savings": _savings,
    "spend": _spend,
    "value": _value,
    "quality": _quality,
    "share": _market,
    "claims": _claims,
    "added-time": _added_time,
}
"""Every report by its name; `all` is a summary of the others."""

DIVIDED = frozenset({"all", "share", "spend"})
"""The reports that `Question.by` divides."""
