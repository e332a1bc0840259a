"""What an evaluation found: curves, frozen points and figures of each strategy, as it is printed and written as JSON."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from entrepot.learning.figures import expected_calibration_error
from entrepot.learning.frozen import TARGETS, Frozen, freeze_cost, freeze_quality, rising, smoothed
from entrepot.learning.pool import Doubles, Pool
from entrepot.learning.strategies import Strategy, mixed
from entrepot.routing.agreement import Played

_BUDGET_MARGIN = 0.03
_REDRAWS = 1000


class Whole(msgspec.Struct, frozen=True):
    """One way to answer everything: mean quality and dollars per thousand requests."""

    quality: float
    cost_usd_per_1k: float
    model: str = ""


class Point(msgspec.Struct, frozen=True):
    """A strategy at one knob (what a right answer is worth, in dollars; null without one)."""

    knob: float | None
    quality: float
    cost_usd_per_1k: float


class FrozenPoint(msgspec.Struct, frozen=True):
    """At a knob chosen on the prompts learned from: parts of the reference's quality and cost, and 95 % intervals."""

    quality: float
    cost_ratio: float
    quality_interval: tuple[float, float]


class StrategyFigures(msgspec.Struct, frozen=True):
    """`oracle_gap_closed`: at the best knob whose cost on the prompts learned from is below the reference's, with its 95 %
    interval; `budget_cost_ratio` is what that knob cost in the test. `shares` by model of accepted answers at target 0.95.
    """

    name: str
    before_call: bool
    points: tuple[Point, ...]
    frozen: dict[str, FrozenPoint]
    oracle_gap_closed: float | None
    oracle_gap_interval: tuple[float, float] | None
    budget_cost_ratio: float
    ece: float | None
    shares: dict[str, float]


class FloorFigures(msgspec.Struct, frozen=True):
    """Of `redraws`, the share in which the promise was broken, and the mean share of requests that left the reference,
    beside what the best threshold chosen with knowledge of the truth would give.
    """

    delta: float
    max_loss: float
    calibration_prompts: int
    redraws: int
    broken: float
    cheap_share: float
    clairvoyant_share: float


class Evaluation(msgspec.Struct, frozen=True):
    """All of it. `p_correct_ece` is of P(correct) before any call, all models pooled, by estimator."""

    prompts: int
    reference: Whole
    oracle: Whole
    strategies: tuple[StrategyFigures, ...]
    p_correct_ece: dict[str, float]
    floor: tuple[FloorFigures, ...]
    decision_ms: dict[str, float]


def grade(strategy: Strategy, train: Pool, test: Pool, reference: int, seed: int) -> StrategyFigures:
    """Measure a strategy on the test's outcomes, at knobs chosen on the prompts learned from."""
    quality, cost = _means(strategy.tested, test.quality)
    at_reference = test.quality[:, reference]
    base_cost = float(test.cost_usd[:, reference].mean())
    budgeted = mixed(strategy.tested, budget_knob(strategy, train, reference).by_prompt(test.prompt_ids))
    gained = _graded(budgeted, test.quality) - at_reference
    room = test.quality.max(axis=1) - at_reference
    chance = np.random.default_rng(seed)
    drawn = chance.integers(len(gained), size=(_REDRAWS, len(gained)))
    frozen = {}
    for target in TARGETS:
        played = mixed(strategy.tested, target_knob(strategy, train, reference, target).by_prompt(test.prompt_ids))
        right = _graded(played, test.quality)
        ratios = right[drawn].mean(axis=1) / at_reference[drawn].mean(axis=1)
        frozen[f"{target:.2f}"] = FrozenPoint(
            quality=float(right.mean() / at_reference.mean()),
            cost_ratio=float(played.cost_usd.mean() / base_cost),
            quality_interval=_interval(ratios),
        )
        if target == 0.95:
            shares = np.bincount(played.accepted, minlength=len(test.models)) / len(right)
    said = np.concatenate([one.p_correct for one in strategy.tested])
    right = np.concatenate([_graded(one, test.quality) for one in strategy.tested])
    return StrategyFigures(
        name=strategy.name,
        before_call=strategy.before_call,
        points=tuple(
            Point(None if np.isnan(knob) else knob, q, 1000 * c)
            for knob, q, c in zip(strategy.knobs, quality.tolist(), cost.tolist(), strict=True)
        ),
        frozen=frozen,
        oracle_gap_closed=float(gained.mean() / room.mean()) if room.any() else None,
        oracle_gap_interval=_interval(gained[drawn].mean(axis=1) / np.maximum(room[drawn].mean(axis=1), 1e-9)),
        budget_cost_ratio=float(budgeted.cost_usd.mean() / base_cost),
        ece=None if np.isnan(said).any() else expected_calibration_error(right, said),
        shares={model: float(share) for model, share in zip(test.models, shares, strict=True) if share > 0},
    )


def target_knob(strategy: Strategy, train: Pool, reference: int, target: float) -> Frozen:
    """The least expensive knob that kept `target` of the reference's quality on the prompts learned from."""
    quality, cost = _means(strategy.learned, train.quality)
    base = float(train.quality[:, reference].mean())
    return freeze_quality(rising(smoothed(quality)), smoothed(cost), target * base)


def budget_knob(strategy: Strategy, train: Pool, reference: int) -> Frozen:
    """The best knob that cost less than the reference on the prompts learned from."""
    quality, cost = _means(strategy.learned, train.quality)
    budget = (1 - _BUDGET_MARGIN) * float(train.cost_usd[:, reference].mean())
    return freeze_cost(rising(smoothed(quality)), smoothed(cost), budget)


def oracle(pool: Pool) -> Whole:
    """Of the models that are right the cheapest; where none is, the cheapest of all."""
    choice = np.lexsort((pool.cost_usd, -pool.quality), axis=1)[:, 0]
    rows = np.arange(len(choice))
    return Whole(float(pool.quality[rows, choice].mean()), float(1000 * pool.cost_usd[rows, choice].mean()))


def calibration_errors(test: Pool, predicted: Mapping[str, Doubles]) -> dict[str, float]:
    """Expected calibration error of P(correct) by estimator, all models pooled, ten bins of equal mass."""
    return {name: expected_calibration_error(test.quality.ravel(), p.ravel()) for name, p in predicted.items()}


def _graded(played: Played, quality: Doubles) -> Doubles:
    return np.asarray(quality[np.arange(len(quality)), played.accepted])


def _means(played: tuple[Played, ...], quality: Doubles) -> tuple[Doubles, Doubles]:
    return (
        np.array([_graded(one, quality).mean() for one in played]),
        np.array([one.cost_usd.mean() for one in played]),
    )


def _interval(values: Doubles) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
