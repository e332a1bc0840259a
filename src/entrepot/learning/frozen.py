"""A setting chosen before the test: the least expensive that reaches a target on cross-fitted predictions for the prompts
learned from.

Between two settings lies every mixture of them, by lot: the quality and the cost of a mixture are the means of its parts',
so what can be had is the convex hull of what was measured.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
TARGETS = (1.0, 0.99, 0.95, 0.9)


class Frozen(msgspec.Struct, frozen=True):
    """Knob `high` for `share` of the requests, drawn by lot, and knob `low` for the rest (numbers into a list of knobs)."""

    low: int
    high: int
    share: float

    def by_prompt(self, prompt_ids: Sequence[str]) -> NDArray[np.intp]:
        """The knob of each prompt; the same prompt always draws the same lot."""
        lots = np.array(
            [int.from_bytes(hashlib.sha256(i.encode()).digest()[:7], "big") / 2**56 for i in prompt_ids], np.float64
        )
        return np.where(lots < self.share, self.high, self.low)


def freeze_quality(quality: Doubles, cost: Doubles, target: float) -> Frozen:
    """The least expensive mixture of two knobs whose quality is `target`; the best knob if none reaches it."""
    above = np.flatnonzero(quality >= target)
    if not len(above):
        best = int(quality.argmax())
        return Frozen(best, best, 1.0)
    found = min((int(i) for i in above), key=lambda i: (cost[i], i))
    frozen, least = Frozen(found, found, 1.0), float(cost[found])
    for high in above.tolist():
        for low in np.flatnonzero(quality < target).tolist():
            share = float((target - quality[low]) / (quality[high] - quality[low]))
            mixed = share * cost[high] + (1 - share) * cost[low]
            if mixed < least:
                frozen, least = Frozen(low, high, share), float(mixed)
    return frozen


def freeze_cost(quality: Doubles, cost: Doubles, budget: float) -> Frozen:
    """The best mixture of two knobs whose cost is at most `budget`; the cheapest knob if none keeps to it."""
    if cost.min() > budget:
        cheapest = int(cost.argmin())
        return Frozen(cheapest, cheapest, 1.0)
    mirrored = freeze_quality(-cost, -quality, -budget)
    return mirrored


def smoothed(values: Doubles) -> Doubles:
    """Each value averaged with its neighbours: one lucky knob among many is luck."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4)


def rising(values: Doubles) -> Doubles:
    """The nearest values that never fall (Ayer et al. 1955): the more a right answer is worth, the more are right, and where
    they were not, that was luck.
    """
    blocks: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, size = value, 1
        while blocks and blocks[-1][0] >= mean:
            before, members = blocks.pop()
            mean = (mean * size + before * members) / (size + members)
            size += members
        blocks.append((mean, size))
    return np.concatenate([np.full(size, mean) for mean, size in blocks])
