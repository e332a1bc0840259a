"""What routing saved and what quality it kept, by experiment: those that a holdout's lot gave to the baseline beside the others.

Nothing is predicted that the answer rests on. The lot is cast for a session (or an exchange by itself) before anything is
known of its answers, so the two kinds are alike but for the lot, and who was drawn counts as drawn whatever became of it
(intention to treat). Of each session i, drawn (A = 1) with probability p, cost y:

    f = (m1 - m0) + A / p · (y - m1) - (1 - A) / (1 - p) · (y - m0),   g = m1 + A / p · (y - m1)

f has the mean saving for its expectation and g the baseline's mean cost, whatever m1 and m0 are, as long as they were known
before the lot (Robins, Rotnitzky and Zhao 1994, J. Am. Stat. Assoc. 89, 846-866): here the costs that were expected of the
baseline and of the router's choice before the session's first call, which only take spread away. The saving as a part of the
baseline's cost is the ratio of the means.

Intervals are confidence sequences (`statistics/sequences.py`): they may be looked at daily. They begin when `LEAST_OF_EACH`
sessions of either kind are there, and are widened for skewed costs by `SKEW_ALLOWANCE`: simulated with log-normal costs (sd
of the log 0.7 to 1) and looked at all the time, they were ever wrong in 1 to 6 % of runs; without the allowance in 4 to 16 %.
Outcomes lie between 0 and 1 and need none.

What it does not cover: sessions of unknown cost are left out; outcomes count where somebody told them, which must not depend
on the lot; several routes are several experiments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
import numpy as np

from entrepot.ledger.store import ALWAYS, Drawn, LedgerReader, Period, Unfinished
from entrepot.reports.charts import Bar, Bars
from entrepot.reports.render import Column, Interval, Label, Row, Table
from entrepot.reports.savings import combine
from entrepot.reports.wording import ENGLISH, Words
from entrepot.statistics import intervals
from entrepot.statistics.sequences import mean_sequence, pair_sums, ratio_sequence

LEAST_OF_EACH = 100
SKEW_ALLOWANCE = 1.25
_NANO = 1_000_000_000


class Trial(msgspec.Struct, frozen=True):
    """One session as the experiment sees it: dollars, and its mean outcome."""

    share: float
    drawn: bool
    cost_usd: float | None
    baseline_usd: float
    routed_usd: float
    outcome: float | None


class Experiment(msgspec.Struct, frozen=True):
    """One route's. `saving` is per session in dollars, `fraction` of the baseline's cost; `quality` is routed less baseline.

    None while there are too few of either kind; `told_drawn` and `told_routed` count the sessions with an outcome.
    `estimated` is the same fraction as the savings report estimates it, without the exchanges that were drawn.
    """

    route: str
    baseline: str
    drawn: int
    routed: int
    unknown: int
    told_drawn: int
    told_routed: int
    confidence: float
    saving: intervals.Interval | None = None
    fraction: intervals.Interval | None = None
    quality: intervals.Interval | None = None
    estimated: intervals.Interval | None = None


def measure_experiments(
    reader: LedgerReader, period: Period = ALWAYS, confidence: float = 0.95
) -> tuple[Experiment, ...]:
    """Every route's experiment in a period. Raises LedgerError if the ledger cannot answer."""
    found = sorted(reader.drawn(period), key=lambda one: (one.route, one.baseline))
    experiments = []
    for (route, baseline), exchanges in groupby(found, key=lambda one: (one.route, one.baseline)):
        one = compare(route, baseline, trials_of(exchanges), confidence)
        experiments.append(
            msgspec.structs.replace(one, estimated=_estimated(reader, period, route, baseline, confidence))
        )
    return tuple(experiments)


def trials_of(exchanges: Iterable[Drawn]) -> list[Trial]:
    """Sessions in the order in which they began, of exchanges in order of time."""
    by_unit: dict[int, list[Drawn]] = {}
    for one in exchanges:
        by_unit.setdefault(one.unit, []).append(one)
    return [_trial(unit) for unit in by_unit.values()]


def _trial(exchanges: Sequence[Drawn]) -> Trial:
    first = exchanges[0]
    expected = (first.baseline_nano_usd, first.routed_nano_usd)
    m1, m0 = (0, 0) if None in expected else expected
    costs = [one.cost_nano_usd for one in exchanges]
    outcomes = [one.outcome for one in exchanges if one.outcome is not None]
    return Trial(
        first.share,
        first.drawn,
        None if None in costs else sum(cost or 0 for cost in costs) / _NANO,
        (m1 or 0) / _NANO,
        (m0 or 0) / _NANO,
        sum(outcomes) / len(outcomes) if outcomes else None,
    )


def compare(route: str, baseline: str, trials: Sequence[Trial], confidence: float = 0.95) -> Experiment:
    """The experiment over these sessions, in the order in which they began."""
    known = [one for one in trials if one.cost_usd is not None]
    told = [one for one in trials if one.outcome is not None]
    drawn, told_drawn = sum(one.drawn for one in known), sum(one.drawn for one in told)
    experiment = Experiment(
        route,
        baseline,
        drawn,
        len(known) - drawn,
        len(trials) - len(known),
        told_drawn,
        len(told) - told_drawn,
        confidence,
    )
    if min(drawn, experiment.routed) >= LEAST_OF_EACH:
        f, g = influence(known)
        sums = pair_sums(f, g)
        experiment = msgspec.structs.replace(
            experiment,
            saving=mean_sequence(sums.size, sums.f, sums.ff, confidence, SKEW_ALLOWANCE),
            fraction=ratio_sequence(sums, confidence, SKEW_ALLOWANCE),
        )
    if min(told_drawn, experiment.told_routed) >= LEAST_OF_EACH:
        kept = _kept(told)
        experiment = msgspec.structs.replace(
            experiment, quality=mean_sequence(len(kept), float(kept.sum()), float(kept @ kept), confidence)
        )
    return experiment


def influence(trials: Sequence[Trial]) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], ...]:
    """f and g of each session of known cost (see the module), both of shape (sessions,)."""
    p, a, y, m1, m0 = np.array(
        [(one.share, one.drawn, one.cost_usd or 0.0, one.baseline_usd, one.routed_usd) for one in trials],
        dtype=np.float64,
    ).T
    drawn = a / p * (y - m1)
    routed = np.divide((1 - a) * (y - m0), 1 - p, out=np.zeros_like(y), where=p < 1)
    return (m1 - m0) + drawn - routed, m1 + drawn


def _kept(trials: Sequence[Trial]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Of each session with an outcome, what has the difference in quality (routed less baseline) for its expectation."""
    p, a, q = np.array([(one.share, one.drawn, one.outcome or 0.0) for one in trials], dtype=np.float64).T
    q = q - q.mean()
    kept: np.ndarray[tuple[int], np.dtype[np.float64]] = (1 - a) / (1 - p) * q - a / p * q
    return kept


def _estimated(
    reader: LedgerReader, period: Period, route: str, baseline: str, confidence: float
) -> intervals.Interval | None:
    """The saving of what was not drawn, as a part of the baseline's cost, as the savings report estimates it."""
    named = [part for part in reader.comparisons(period, route) if part.baseline_deployment == baseline]
    estimate = combine(named, Unfinished(), confidence).baseline
    drawn_nano_usd = sum(part.drawn.y for part in named) * _NANO
    cost = sum(part.cost_nano_usd for part in named) - drawn_nano_usd
    if estimate is None or estimate.low_nano_usd <= drawn_nano_usd:
        return None
    ends = (estimate.nano_usd, estimate.low_nano_usd, estimate.high_nano_usd)
    return intervals.Interval(*(1 - cost / (end - drawn_nano_usd) for end in ends))


def tabulate_experiments(experiments: Sequence[Experiment], words: Words = ENGLISH) -> Table:
    """A line for each route: both answers side by side, and the difference in quality."""
    percent = f"{experiments[0].confidence:.0%}" if experiments else "95%"
    columns = (
        Column("route", words("by_route"), "text"),
        Column("baseline", words("baseline"), "text"),
        Column("drawn", words("sessions_drawn"), "count"),
        Column("routed", words("sessions_routed"), "count"),
        Column("saving_fraction", words("saving_by_lot"), "fraction"),
        Column("saving_interval", words("always_interval", percent=percent), "interval"),
        Column("estimated_fraction", words("saving_estimated"), "fraction"),
        Column("estimated_interval", words("interval", percent=percent), "interval"),
        Column("quality", words("quality_by_lot"), "fraction"),
        Column("quality_interval", words("always_interval", percent=percent), "interval"),
    )
    rows = tuple(_row(one) for one in experiments)
    notes = [words("experiment_how", least=LEAST_OF_EACH)] if experiments else [words("no_experiment")]
    for one in experiments:
        if one.fraction is None:
            notes.append(
                words("experiment_early", route=one.route, drawn=one.drawn, routed=one.routed, least=LEAST_OF_EACH)
            )
        if one.quality is None:
            told = words(
                "outcomes_early", route=one.route, drawn=one.told_drawn, routed=one.told_routed, least=LEAST_OF_EACH
            )
            notes.append(told)
        if one.unknown:
            notes.append(words("experiment_unknown", route=one.route, count=one.unknown))
    bars = [
        Bar(f"{one.route} · {words(key)}", found.estimate, found.low, found.high)
        for one in experiments
        for key, found in (("saving_by_lot", one.fraction), ("saving_estimated", one.estimated))
        if found is not None and np.isfinite(found.low) and np.isfinite(found.high)
    ]
    chart = (Bars(words("both_answers"), "fraction", tuple(bars)),) if bars else ()
    return Table("experiment", words("experiment"), columns, rows, tuple(notes), chart)


def _row(one: Experiment) -> Row:
    def told(found: intervals.Interval | None) -> tuple[float | None, Interval | None]:
        return (None, None) if found is None else (found.estimate, Interval(found.low, found.high, "fraction"))

    return (
        Label(one.route, one.route),
        Label(one.baseline, one.baseline),
        one.drawn,
        one.routed,
        *told(one.fraction),
        *told(one.estimated),
        *told(one.quality),
    )
