"""One of the two sides of a comparison: what is added up of decisions made under its facts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.reports.scenario.block import Block
from entrepot.reports.scenario.lengths import Lengths, cost_error
from entrepot.reports.scenario.replay import Replayed
from entrepot.routing.columns import NOBODY
from entrepot.statistics.intervals import Interval

Array = NDArray[Any]
Doubles = NDArray[np.float64]


class Side(msgspec.Struct, eq=False):
    """What is added up of one of the two. Costs in dollars; `unknown_cost` counts answers of unknown price.

    `exchanges` are those somebody answers, `nobody` those for whom nobody is left. `p_correct` is the sum over `estimated`
    exchanges; `p_error`, `estimated_usd`, `rate_squares` are sums by model.
    """

    exchanges: int = 0
    nobody: int = 0
    cost_usd: float = 0.0
    unknown_cost: int = 0
    estimated: int = 0
    p_correct: float = 0.0
    by_model: dict[str, float] = msgspec.field(default_factory=dict)
    by_provider: dict[str, float] = msgspec.field(default_factory=dict)
    cost_by_model: dict[str, float] = msgspec.field(default_factory=dict)
    p_error: dict[str, float] = msgspec.field(default_factory=dict)
    estimated_usd: dict[str, float] = msgspec.field(default_factory=dict)
    rate_squares: dict[str, float] = msgspec.field(default_factory=dict)

    @property
    def quality(self) -> float | None:
        """Mean P(correct) of the answers; None where nothing was estimated."""
        return self.p_correct / self.estimated if self.estimated else None


def add_side(
    side: Side,
    block: Block,
    found: Replayed,
    p_correct: Doubles,
    p_error: Doubles,
    models: Array,
    number: Array,
    providers: Sequence[str],
) -> None:
    """Add what becomes of a block. `number` are the columns' places in `models`."""
    rows = np.flatnonzero(found.answers != NOBODY)
    answers = found.answers[rows]
    cost = found.cost_usd[rows]
    known = ~np.isnan(cost)
    side.exchanges += len(rows)
    side.nobody += len(block) - len(rows)
    side.unknown_cost += int((~known).sum())
    side.cost_usd += float(cost[known].sum())
    told = ~np.isnan(p_correct[rows])
    side.estimated += int(told.sum())
    side.p_correct += float(p_correct[rows][told].sum())
    model = number[answers]

    for into, weights in (
        (side.by_model, np.ones(len(rows))),
        (side.cost_by_model, np.nan_to_num(cost)),
        (side.p_error, np.where(told, p_error[rows], 0.0)),
        (side.estimated_usd, found.estimated_usd[rows]),
        (side.rate_squares, found.per_token[rows] ** 2),
    ):
        add_by_name(into, models, np.bincount(model, weights, len(models)))
    for provider, count in zip(providers, np.bincount(answers, minlength=len(providers)).tolist(), strict=True):
        side.by_provider[provider] = side.by_provider.get(provider, 0.0) + count


def add_by_name(into: dict[str, float], names: Array, values: Array) -> None:
    """Add `values` to those of their names; what is nothing leaves no trace."""
    for name, value in zip(names.tolist(), values.tolist(), strict=True):
        if value:
            into[name] = into.get(name, 0.0) + value


def quality_of(side: Side, z: float) -> Interval | None:
    """Mean P(correct), `z` standard deviations either way."""
    quality = side.quality
    if quality is None:
        return None
    half = z * math.sqrt(sum(value**2 for value in side.p_error.values())) / side.estimated
    return Interval(quality, max(0.0, quality - half), min(1.0, quality + half))


def cost_of(side: Side, lengths: Lengths, z: float) -> Interval:
    """The cost in dollars, `z` standard deviations either way."""
    half = z * cost_error(side.estimated_usd, side.rate_squares, lengths)
    return Interval(side.cost_usd, max(0.0, side.cost_usd - half), side.cost_usd + half)
