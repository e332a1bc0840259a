"""Does the floor hold? Calibration prompts drawn again and again from the test, a promise made on each draw, and the truth.

The truth is the whole test. A promise is broken if the setting it chose loses more there than it said. What a threshold
chosen with knowledge of the truth would send elsewhere is the most that any honest choice could.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.evaluation import FloorFigures
from entrepot.learning.pool import Doubles, Pool
from entrepot.learning.strategies import Predicted
from entrepot.routing.guarantee import make_promise, order_settings

MAX_LOSSES = (0.01, 0.02, 0.05)
PROMPTS = (300, 1000)
REDRAWS = 500
DELTA = 0.1
_SETTINGS = 24


class Thresholds(msgspec.Struct, frozen=True, eq=False):
    """Settings from the reference alone to the cheapest of everything: shapes (prompts, settings)."""

    choices: NDArray[np.intp]
    losses: Doubles
    costs: Doubles

    def cheap_share(self, reference: int) -> Doubles:
        """Share of prompts that leave the reference, by setting."""
        return np.asarray((self.choices != reference).mean(axis=0))


def thresholds(pool: Pool, predicted: Predicted, reference: int, worths: Sequence[float]) -> Thresholds:
    """The reference, unless a cheaper candidate's expected loss is worth less than what it saves."""
    expected_usd = pool.expected_usd(predicted.output_tokens)
    dearer = expected_usd >= expected_usd[:, [reference]]
    dearer[:, reference] = False
    rows = np.arange(len(expected_usd))
    columns = [np.full(len(rows), reference)]
    for worth in worths:
        value = np.where(dearer, -np.inf, worth * predicted.p_correct - expected_usd)
        columns.append(value.argmax(axis=1))
    choices = np.stack(columns, axis=1)
    quality = pool.quality[rows[:, None], choices]
    return Thresholds(choices, pool.quality[:, [reference]] - quality, pool.cost_usd[rows[:, None], choices])


def spaced_worths(pool: Pool, predicted: Predicted, reference: int) -> list[float]:
    """Worths at which about equal shares of the prompts change their model, dearest first."""
    unit = float(pool.cost_usd[:, reference].mean())
    fine = np.geomspace(1000, 0.2, 400) * unit
    share = thresholds(pool, predicted, reference, fine.tolist()).costs.mean(axis=0)[1:]
    wanted = np.linspace(share.max(), share.min(), _SETTINGS)
    picked = [int(np.argmax(share <= level)) for level in wanted[1:]]
    return [float(fine[i]) for i in dict.fromkeys([0, *picked])]


def redraw(
    train: Pool, test: Pool, learned: Predicted, tested: Predicted, reference: int, seed: int
) -> tuple[FloorFigures, ...]:
    """Every promise of `MAX_LOSSES` on every number of `PROMPTS`."""
    worths = spaced_worths(train, learned, reference)
    before, here = (thresholds(pool, p, reference, worths) for pool, p in ((train, learned), (test, tested)))
    share, truth = here.cheap_share(reference), here.losses.mean(axis=0)
    found = []
    for max_loss in MAX_LOSSES:
        clairvoyant = float(share[truth <= max_loss].max())
        for prompts in PROMPTS:
            order = order_settings(
                before.losses.mean(axis=0), before.losses.std(axis=0), before.costs.mean(axis=0), max_loss, prompts
            )
            chance = np.random.default_rng(seed)
            broken, shares = 0, 0.0
            for _ in range(REDRAWS):
                drawn = chance.integers(len(here.losses), size=prompts)
                promise = make_promise(
                    here.losses[drawn], order, reference=test.models[reference], max_loss=max_loss, confidence=1 - DELTA
                )
                if promise.setting is not None:
                    broken += bool(truth[promise.setting] > max_loss)
                    shares += float(share[promise.setting])
            found.append(
                FloorFigures(DELTA, max_loss, prompts, REDRAWS, broken / REDRAWS, shares / REDRAWS, clairvoyant)
            )
    return tuple(found)
