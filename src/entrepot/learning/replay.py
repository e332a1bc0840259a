"""What a router would have earned: quality and cost of its choices on prompts whose outcomes are known.

Rules of this file: choices are made by the router's own `predict` and by `decide`, as in the gateway, one prompt at a time;
outcomes only grade them. A prompt counts only if every model of the pool answered it. The router must not have been
trained on these prompts: the caller sees to that.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.learning.figures import area_under_curve, expected_calibration_error
from entrepot.learning.pool import Pool
from entrepot.routing.base import Estimates, Router
from entrepot.routing.utility import Goal, decide

USD_PER_RIGHT_ANSWER = tuple(float(usd) for usd in np.geomspace(1e-5, 1, 26))
MAX_LOSSES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3)


class Point(msgspec.Struct, frozen=True):
    """One setting of one strategy: mean quality, dollars per thousand requests, and the largest share of any model."""

    strategy: str
    setting: str
    quality: float
    usd_per_1k: float
    largest_share: float


class Report(msgspec.Struct, frozen=True):
    """Figures of P(correct) over a pool, and points of quality and cost; the reference is the best single model in training.

    `auto` is the bar for each request by itself at several `max_loss`; `weighted` takes the best of P(correct) times the worth
    of a right answer in dollars less expected cost, the rule of a loss allowed on average.
    `cost_ratio` is expected over actual cost, all models together.
    """

    prompts: int
    reference: str
    auc: float
    ece: float
    cost_ratio: float
    points: tuple[Point, ...]

    def point(self, strategy: str, setting: str = "") -> Point:
        """The point of that name."""
        return next(point for point in self.points if (point.strategy, point.setting) == (strategy, setting))


def evaluate(
    router: Router, train: Pool, test: Pool, max_losses: Sequence[float] = MAX_LOSSES, seed: int = 0
) -> Report:
    """Grade `router`, fitted on the prompts of `train` and not on those of `test`, and the baselines beside it."""
    bound = router.bind(test.models, {})
    estimates = [bound.predict(prompt) for prompt in test.prompts]
    predicted = np.array([estimate.p_correct for estimate in estimates], np.float64)
    expected_usd = np.array([_expected_usd(test, i, estimate) for i, estimate in enumerate(estimates)], np.float64)
    reference = train.best
    points = [
        _point(test, "auto", f"{max_loss:g}", _auto(test, estimates, reference, max_loss, router.version))
        for max_loss in max_losses
    ]
    for usd in USD_PER_RIGHT_ANSWER:
        points.append(_point(test, "weighted", f"{usd:g}", (usd * predicted - expected_usd).argmax(axis=1)))
    points.append(_point(test, "best estimate", "", predicted.argmax(axis=1)))
    points.extend(_baselines(train, test, seed))
    by_model = [area_under_curve(test.quality[:, i], predicted[:, i]) for i in range(len(test.models))]
    return Report(
        prompts=len(test.prompts),
        reference=test.models[reference],
        auc=float(np.nanmean(by_model)),
        ece=expected_calibration_error(test.quality.ravel(), predicted.ravel()),
        cost_ratio=float(expected_usd.sum() / test.cost_usd.sum()),
        points=tuple(points),
    )


def _auto(
    pool: Pool, estimates: Sequence[Estimates], reference: int, max_loss: float, version: str
) -> NDArray[np.intp]:
    goal = Goal(max_loss=max_loss)
    numbers = {model: number for number, model in enumerate(pool.models)}
    return np.array(
        [
            numbers[
                decide(
                    pool.deployments, (), estimate, pool.tariffs, goal, pool.models[reference], prompt, version
                ).chosen
            ]
            for prompt, estimate in zip(pool.prompts, estimates, strict=True)
        ]
    )


def _baselines(train: Pool, test: Pool, seed: int) -> Iterator[Point]:
    count = len(test.prompts)
    for number, model in enumerate(test.models):
        yield _point(test, model, "", np.full(count, number))
    yield _point(test, "random", "", np.random.default_rng(seed).integers(len(test.models), size=count))
    overall = train.quality.mean(axis=0)
    by_domain = {
        domain: int(train.quality[[i for i, d in enumerate(train.domains) if d == domain]].mean(axis=0).argmax())
        for domain in set(train.domains)
    }
    table = np.array([by_domain.get(domain, int(overall.argmax())) for domain in test.domains])
    yield _point(test, "domain table", "", table)
    # of the models that are right the cheapest; where none is, the cheapest of all
    yield _point(test, "oracle", "", np.lexsort((test.cost_usd, -test.quality), axis=1)[:, 0])


def _point(pool: Pool, strategy: str, setting: str, choices: NDArray[np.intp]) -> Point:
    rows = np.arange(len(choices))
    return Point(
        strategy=strategy,
        setting=setting,
        quality=float(pool.quality[rows, choices].mean()),
        usd_per_1k=float(1000 * pool.cost_usd[rows, choices].mean()),
        largest_share=float(np.bincount(choices).max() / len(choices)),
    )


def _expected_usd(pool: Pool, number: int, estimate: Estimates) -> list[float]:
    given = pool.prompts[number].input_tokens
    rates = [pool.tariffs[model].usd_per_token(given, 0.0) for model in pool.models]
    return [given * a + float(n) * b for (a, b), n in zip(rates, estimate.output_tokens, strict=True)]
