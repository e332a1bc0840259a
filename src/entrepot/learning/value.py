"""What each deployment was worth on a company's own prompts, and the multiple of the reference in each respect.

Rules of this file: pure. Comparisons are paired: of the prompts that both answered. An answer whose cost is unknown leaves the
mean cost unknown. Intervals are Wilson's where every outcome is right or wrong, else Student's.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.outcome_rows import OutcomeRow
from entrepot.routing.guarantee import p_value_of
from entrepot.statistics.intervals import (
    Interval,
    mean_interval,
    paired_difference_interval,
    proportion_interval,
)

Doubles = NDArray[np.float64]

_STEPS = 1000  # a promise is stated to a tenth of a point


class Value(msgspec.Struct, frozen=True):
    """One deployment. `quality` and `difference` (it less the reference, on `paired` prompts) are fractions.

    `cost_usd`, tokens are means an answer, `duration_ms` is the median. `cheaper` and `faster` say how many times what the
    reference costs and takes its own are; None where that is unknown. `provable_loss` is the least loss against the
    reference that these prompts rule out at the confidence, for this deployment alone; None where they rule out none.
    """

    deployment: str
    model: str
    answers: int
    missing: int
    quality: Interval
    cost_usd: float | None
    input_tokens: float
    output_tokens: float
    duration_ms: float
    paired: int = 0
    difference: Interval | None = None
    cheaper: float | None = None
    faster: float | None = None
    shorter: float | None = None
    provable_loss: float | None = None


def measure_values(
    rows: Sequence[OutcomeRow], deployments: Mapping[str, str], prompts: int, reference: str | None, confidence: float
) -> tuple[Value, ...]:
    """One value for each of `deployments` (model by id), in their order; `prompts` is how many each was to answer."""
    of = {id_: {row.prompt_id: row for row in rows if row.deployment == id_} for id_ in deployments}
    base = of.get(reference or "", {})
    return tuple(
        _measure(id_, model, of[id_], prompts, base if reference is not None and id_ != reference else {}, confidence)
        for id_, model in deployments.items()
    )


def best_of(values: Sequence[Value]) -> str | None:
    """The deployment of the highest quality, the less expensive one of equals; None without any answer."""
    answered = [value for value in values if value.answers]
    if not answered:
        return None
    return max(answered, key=lambda one: (one.quality.estimate, -(one.cost_usd or 0.0))).deployment


def _measure(
    id_: str,
    model: str,
    rows: Mapping[str, OutcomeRow],
    prompts: int,
    base: Mapping[str, OutcomeRow],
    confidence: float,
) -> Value:
    answers = list(rows.values())
    value = Value(
        id_,
        model,
        len(answers),
        prompts - len(answers),
        _quality([row.correct for row in answers], confidence),
        _mean_cost(answers),
        _mean([row.input_tokens for row in answers]),
        _mean([row.output_tokens for row in answers]),
        statistics.median(row.duration_ms for row in answers) if answers else 0.0,
    )
    both = [name for name in rows if name in base]
    if not both:
        return value
    mine, theirs = [rows[name] for name in both], [base[name] for name in both]
    first = np.array([row.correct for row in mine])
    second = np.array([row.correct for row in theirs])
    costs = _mean_cost(theirs), _mean_cost(mine)
    lengths = _mean([row.output_tokens for row in theirs]), _mean([row.output_tokens for row in mine])
    times = statistics.median(row.duration_ms for row in theirs), statistics.median(row.duration_ms for row in mine)
    return msgspec.structs.replace(
        value,
        paired=len(both),
        difference=_difference(first, second, confidence),
        cheaper=_ratio(*costs),
        faster=_ratio(*times),
        shorter=_ratio(*lengths),
        provable_loss=provable_loss(second - first, confidence),
    )


def _quality(correct: Sequence[float], confidence: float) -> Interval:
    if all(each in (0.0, 1.0) for each in correct):
        return proportion_interval(round(sum(correct)), len(correct), confidence)
    found = mean_interval(correct, confidence)
    return Interval(found.estimate, max(0.0, found.low), min(1.0, found.high))


def _difference(first: Doubles, second: Doubles, confidence: float) -> Interval:
    if not np.isin([first, second], (0.0, 1.0)).all():
        found = mean_interval(first - second, confidence)
        return Interval(found.estimate, max(-1.0, found.low), min(1.0, found.high))
    one, other = first > 0, second > 0
    both, first_only = int((one & other).sum()), int((one & ~other).sum())
    second_only, neither = int((~one & other).sum()), int((~one & ~other).sum())
    return paired_difference_interval(both, first_only, second_only, neither, confidence)


def provable_loss(losses: Doubles, confidence: float) -> float | None:
    """The least mean loss that so many prompts rule out to be exceeded, with this confidence (see `routing/guarantee.py`)."""
    low, high = 0, _STEPS
    if p_value_of(losses, 0.999) > 1 - confidence:
        return None
    while low < high:
        middle = (low + high) // 2
        if p_value_of(losses, max(middle, 1) / _STEPS) <= 1 - confidence:
            high = middle
        else:
            low = middle + 1
    return max(low, 1) / _STEPS


def _mean_cost(rows: Sequence[OutcomeRow]) -> float | None:
    costs = [row.cost_usd for row in rows if row.cost_usd is not None]
    return _mean(costs) if rows and len(costs) == len(rows) else None


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _ratio(theirs: float | None, mine: float | None) -> float | None:
    return theirs / mine if theirs is not None and mine else None
