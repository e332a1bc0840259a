"""How long answers are against what was expected of them, and what a cost is therefore uncertain by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from entrepot.reports.savings import ASSUMED_BIAS, LEAST_TRANSFER, MIN_PAIRS
from entrepot.reports.scenario.block import Block
from entrepot.reports.scenario.columns import UNKNOWN
from entrepot.statistics.intervals import RatioSums, ratio_error, ratio_spread, ratio_sums


class Lengths(msgspec.Struct, frozen=True):
    """How long the answers of models were against what was expected: `factors`, and `errors` relative to them; `spreads` of
    single answers in tokens.
    """

    factors: Mapping[str, float]
    errors: Mapping[str, float]
    spreads: Mapping[str, float]

    def factor(self, model: str) -> float:
        """What an expected length is to be multiplied by."""
        return self.factors.get(model, 1.0)

    def error(self, model: str) -> float:
        """How far that may be off for all its answers together, a standard deviation relative to them."""
        return self.errors.get(model, ASSUMED_BIAS / math.sqrt(3))


def measure_lengths(read: Sequence[Block], models: Mapping[str, str]) -> Lengths:
    """From the answers that were counted by their providers."""
    sums: dict[str, RatioSums] = {}
    for block in read:
        known = (block.served != UNKNOWN) & block.entries["counted"] & block.entries["completed"]
        rows = np.flatnonzero(known)
        served = block.served[rows]
        expected = block.output_tokens[rows, served].astype(np.float64)
        wrote = block.entries["wrote"][rows].astype(np.float64)
        for column in np.unique(served).tolist():
            here = (served == column) & (expected > 0)
            model = models.get(block.deployments[column], block.deployments[column])
            found = ratio_sums(wrote[here], expected[here])
            sums[model] = _together(sums.get(model, RatioSums()), found)
    kept = {model: one for model, one in sums.items() if one.size >= MIN_PAIRS and one.y > 0}
    factors = {model: ratio_error(one)[0] for model, one in kept.items()}
    errors = {
        model: math.hypot(
            ratio_error(one)[1] / factors[model], max(abs(factors[model] - 1), LEAST_TRANSFER) / math.sqrt(3)
        )
        for model, one in kept.items()
    }
    return Lengths(factors, errors, {model: ratio_spread(one) for model, one in kept.items()})


def _together(one: RatioSums, other: RatioSums) -> RatioSums:
    size, x, y, xx, xy, yy = (sum(pair) for pair in zip(one, other, strict=True))
    return RatioSums(int(size), x, y, xx, xy, yy)


def cost_error(estimated_usd: Mapping[str, float], squares: Mapping[str, float], lengths: Lengths) -> float:
    """The standard deviation of a cost: what is wrong with all of a model's lengths together, and each answer's own.

    `estimated_usd` and `squares` (of dollars a token, over the answers) are by model.
    """
    common = sum((usd * lengths.error(model)) ** 2 for model, usd in estimated_usd.items())
    own = sum(square * lengths.spreads.get(model, 0.0) ** 2 for model, square in squares.items())
    return math.sqrt(common + own)
