"""What routing saved and what quality it kept, by experiment: those that a holdout's lot gave to the baseline beside the
others.

The lot is cast for a session (or an exchange by itself) before anything is known of its answers, so the two kinds are alike but
for the lot, and who was drawn counts as drawn whatever became of it (intention to treat). Of each session i, drawn (A = 1) with
probability p, cost y:

    f = (m1 - m0) + A / p · (y - m1) - (1 - A) / (1 - p) · (y - m0),   g = m1 + A / p · (y - m1)

f has the mean saving for its expectation and g the baseline's mean cost, whatever m1 and m0 are, as long as they were known
before the lot (Robins, Rotnitzky and Zhao 1994, J. Am. Stat. Assoc. 89, 846-866). The saving as a part of the baseline's cost
is the ratio of the means. It is said twice:

  - *plain*: both are the mean cost of earlier sessions, so that nothing predicted takes part;
  - *adjusted*: lines through earlier sessions of either kind, over the costs that the router expected of the baseline and of
    its own choice before the session's first call (`statistics/arms.py`). Predictions that are any good take spread away;
    those that are not cost next to nothing. This is the one to go by, and that it would be was settled before any figure was
    seen.

Quality likewise, adjusted by the P(correct) that the first decision of the session had for both. Outcomes are people's,
programs', checks' and verdicts'; those of judges stand in only where of the others there are too few, because a judge that
likes long answers prefers the arm that has more of them.

Intervals are confidence sequences (`statistics/sequences.py`): they may be looked at daily. They begin when `LEAST_OF_EACH`
sessions of either kind are there, and are widened for skewed costs by `SKEW_ALLOWANCE`: simulated with log-normal costs (sd
of the log 0.7 to 1) and looked at all the time, they were ever wrong in 1 to 6 % of runs; without the allowance in 4 to 16 %.
Outcomes lie between 0 and 1 and need none.

What it does not cover: sessions of unknown cost are left out, and so are those whose lot was no lot (a share of all or
nothing); outcomes count where somebody told them, which must not depend on the lot; several routes are several experiments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.ledger.store import ALWAYS, Drawn, LedgerReader, Period
from entrepot.reports.disagreement import Parts, estimate_of, take_apart
from entrepot.statistics import intervals
from entrepot.statistics.arms import Spent, arm_costs, arm_differences
from entrepot.statistics.sequences import PairSums, mean_sequence, pair_sums, ratio_sequence

LEAST_OF_EACH = 100
SKEW_ALLOWANCE = 1.25
_NANO = 1_000_000_000
Floats = NDArray[np.float64]


class Trial(msgspec.Struct, frozen=True):
    """One session as the experiment sees it: dollars, its mean outcome, and what judges made of it.

    `baseline_p` and `routed_p` are what the router expected of either before the lot, None where it expected nothing.
    `exchange` is its first.
    """

    share: float
    drawn: bool
    cost_usd: float | None
    baseline_usd: float
    routed_usd: float
    outcome: float | None
    judged: float | None = None
    exchange: str = ""
    baseline_p: float | None = None
    routed_p: float | None = None


class Experiment(msgspec.Struct, frozen=True):
    """One route's. `saving` is per session in dollars, `fraction` of the baseline's cost; `quality` is routed less baseline.

    These are adjusted by predictions; `plain_fraction` and `plain_quality` are not. None while there are too few of either
    kind; `told_drawn` and `told_routed` count the sessions with an outcome, which is judges' where `by_judges`. `estimated` is
    the same fraction as the savings report estimates it, without the exchanges that were drawn.
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
    plain_fraction: intervals.Interval | None = None
    plain_quality: intervals.Interval | None = None
    by_judges: bool = False
    parts: Parts | None = None


def measure_experiments(
    reader: LedgerReader, period: Period = ALWAYS, confidence: float = 0.95
) -> tuple[Experiment, ...]:
    """Every route's experiment in a period. Raises LedgerError if the ledger cannot answer."""
    found = sorted(reader.drawn(period), key=lambda one: (one.route, one.baseline))
    experiments = []
    for (route, baseline), group in groupby(found, key=lambda one: (one.route, one.baseline)):
        exchanges = list(group)
        one = compare(route, baseline, foreseen(reader, trials_of(exchanges)), confidence)
        estimate = estimate_of(reader, period, exchanges, confidence)
        if estimate is not None:
            one = msgspec.structs.replace(
                one, estimated=estimate.fraction, parts=take_apart(exchanges, estimate, one.fraction)
            )
        experiments.append(one)
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
    return Trial(
        first.share,
        first.drawn,
        None if None in costs else sum(cost or 0 for cost in costs) / _NANO,
        (m1 or 0) / _NANO,
        (m0 or 0) / _NANO,
        _mean([one.outcome for one in exchanges if one.outcome is not None]),
        _mean([one.judged for one in exchanges if one.judged is not None]),
        first.exchange,
    )


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def foreseen(reader: LedgerReader, trials: Sequence[Trial]) -> list[Trial]:
    """The sessions, those of which anybody said anything with the P(correct) of their first decision. Raises LedgerError."""
    asked = [one.exchange for one in trials if one.outcome is not None or one.judged is not None]
    found: dict[str, tuple[float | None, float | None]] = {}
    for id_, document in reader.documents_of(asked):
        try:
            entry = _FORESEEN.decode(document)
        except msgspec.MsgspecError:
            continue  # of an earlier version: nothing is expected
        if entry.decision is not None and entry.lot is not None:
            decision = entry.decision
            expected = {one.deployment: one.p_correct for one in decision.candidates}
            routed = decision.displaced or (decision.order[0] if decision.order else "")
            found[id_] = (expected.get(entry.lot.baseline), expected.get(routed))
    nothing = (None, None)
    return [
        msgspec.structs.replace(one, baseline_p=p[0], routed_p=p[1])
        for one in trials
        for p in (found.get(one.exchange, nothing),)
    ]


class _Weighed(msgspec.Struct):
    deployment: str
    p_correct: float | None = None


class _Decision(msgspec.Struct):
    order: tuple[str, ...]
    candidates: tuple[_Weighed, ...]
    displaced: str | None = None


class _Lot(msgspec.Struct):
    baseline: str


class _Entry(msgspec.Struct):
    decision: _Decision | None = None
    lot: _Lot | None = None


_FORESEEN = msgspec.msgpack.Decoder(_Entry)


def compare(route: str, baseline: str, trials: Sequence[Trial], confidence: float = 0.95) -> Experiment:
    """The experiment over these sessions, in the order in which they began."""
    cast = cast_of(trials)
    known = [one for one in cast if one.cost_usd is not None]
    told = [one for one in cast if one.outcome is not None]
    by_judges = fewest(told) < LEAST_OF_EACH <= fewest(judged := _with_judges(cast))
    told = judged if by_judges else told
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
        by_judges=by_judges,
    )
    if fewest(known) >= LEAST_OF_EACH:
        adjusted, plain = costs_of(known), costs_of(known, adjusted=False)
        experiment = msgspec.structs.replace(
            experiment,
            saving=mean_sequence(adjusted.size, adjusted.f, adjusted.ff, confidence, SKEW_ALLOWANCE),
            fraction=ratio_sequence(adjusted, confidence, SKEW_ALLOWANCE),
            plain_fraction=ratio_sequence(plain, confidence, SKEW_ALLOWANCE),
        )
    if fewest(told) >= LEAST_OF_EACH:
        found = [_sequence(kept_of(told, adjusted=adjusted), confidence) for adjusted in (True, False)]
        experiment = msgspec.structs.replace(experiment, quality=found[0], plain_quality=found[1])
    return experiment


def cast_of(trials: Sequence[Trial]) -> list[Trial]:
    """Those whose lot was one."""
    return [one for one in trials if 0 < one.share < 1]


def fewest(trials: Sequence[Trial]) -> int:
    """How many there are of the rarer kind."""
    drawn = sum(one.drawn for one in trials)
    return min(drawn, len(trials) - drawn)


def _with_judges(trials: Sequence[Trial]) -> list[Trial]:
    """Those of which anybody said anything, by judges where nobody else did."""
    return [
        one if one.outcome is not None else msgspec.structs.replace(one, outcome=one.judged)
        for one in trials
        if one.outcome is not None or one.judged is not None
    ]


def costs_of(trials: Sequence[Trial], *, adjusted: bool = True) -> PairSums:
    """The sums of f and g (see the module) over sessions of known cost."""
    found = spent_on(trials, adjusted=adjusted)
    return pair_sums(found.saved, found.running)


def spent_on(trials: Sequence[Trial], *, adjusted: bool = True) -> Spent:
    """f and g of each session of known cost."""
    share, drawn, cost, baseline, routed = np.array(
        [(one.share, one.drawn, one.cost_usd or 0.0, one.baseline_usd, one.routed_usd) for one in trials]
    ).T
    predicted = (routed, baseline) if adjusted else None
    return arm_costs(drawn == 0, 1 - share, cost, predicted)


def kept_of(trials: Sequence[Trial], *, adjusted: bool = True) -> Floats:
    """Of each session with an outcome, what has the difference in quality (routed less baseline) for its expectation."""
    share, drawn, outcome = np.array([(one.share, one.drawn, one.outcome or 0.0) for one in trials]).T
    known = [None not in (one.baseline_p, one.routed_p) for one in trials]
    if not adjusted or not any(known):
        return arm_differences(drawn == 0, 1 - share, outcome).values
    routed, baseline = np.array(
        [
            ((one.routed_p or 0.0), (one.baseline_p or 0.0)) if is_known else (0.5, 0.5)
            for one, is_known in zip(trials, known, strict=True)
        ]
    ).T
    return arm_differences(drawn == 0, 1 - share, outcome, (routed, baseline)).values


def _sequence(values: Floats, confidence: float) -> intervals.Interval:
    return mean_sequence(len(values), float(values.sum()), float(values @ values), confidence)


def narrower(adjusted: intervals.Interval | None, plain: intervals.Interval | None) -> float | None:
    """By what part the adjusted interval is narrower than the plain one; below 0 where it is wider, None where one is open."""
    if adjusted is None or plain is None or not np.isfinite([*adjusted, *plain]).all() or plain.high <= plain.low:
        return None
    return 1 - (adjusted.high - adjusted.low) / (plain.high - plain.low)
