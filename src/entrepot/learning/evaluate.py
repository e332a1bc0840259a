"""`entrepot evaluate`: every estimator and strategy, learned from some prompts and measured on others.

Rules of this file: knobs are frozen on cross-fitted predictions for the prompts learned from; the test only measures, and
what is right there is read by nothing but the grading. Long steps are independent and run in processes of their own.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future

import msgspec
import numpy as np

from entrepot.errors import DataError
from entrepot.learning.evaluation import Evaluation, Whole, calibration_errors, grade, oracle, target_knob
from entrepot.learning.frozen import TARGETS
from entrepot.learning.outcomes import Dataset
from entrepot.learning.pool import Pool
from entrepot.learning.redraws import redraw
from entrepot.learning.strategies import FOLDS, Predicted, Strategy, agreement, before_call, fixed, mixed, predict
from entrepot.routing.base import ModelFacts, Router
from entrepot.routing.baseline import DomainTableRouter, RandomRouter
from entrepot.routing.calibration import Kind
from entrepot.routing.clusters import ClustersRouter
from entrepot.routing.ensemble import EnsembleRouter
from entrepot.routing.neighbors import NeighborsRouter

Step = Callable[[str], None]
ESTIMATORS = ("ensemble", "linear", "ability", "neighbors", "clusters", "domain-table", "random")
DEFAULT = "ensemble"
_TIMED = 400


class Choice(msgspec.Struct, frozen=True):
    """One row of a file of choices."""

    prompt_id: str
    setting: str
    target: float
    asked: tuple[str, ...]
    accepted: str
    p_correct: float
    cost_usd: float


class Task(msgspec.Struct, frozen=True, eq=False):
    """What is evaluated on what. `seed` moves folds and bootstraps.

    The test's models are the train's in the same order, and after them a new one where one is held back. `scores` are
    published ones by model and benchmark.
    """

    dataset: Dataset
    train: Pool
    test: Pool
    reference: int
    seed: int = 0
    scores: Mapping[str, Mapping[str, float]] = {}


class Estimated(msgspec.Struct, frozen=True, eq=False):
    """An estimator's predictions for both pools, and how long a decision took, in milliseconds."""

    learned: Predicted
    tested: Predicted
    decision_ms: tuple[float, ...] = ()


def estimate(task: Task, name: str) -> Estimated:
    """Fit on the prompts learned from, and predict them without having seen them, and the test's."""
    router = make_estimator(name, task.seed, task.scores).fit(task.dataset.outcomes)
    learned = _crossed(router, task) if isinstance(router, EnsembleRouter) else _refitted(name, task)
    facts = {model: ModelFacts(scores=task.scores.get(model, {})) for model in task.test.models}
    tested = predict(router, task.test, facts)
    return Estimated(learned, tested, time_decisions(router, task.test) if name == DEFAULT else ())


def make_estimator(name: str, seed: int, scores: Mapping[str, Mapping[str, float]]) -> Router:
    """An unfitted estimator of this name."""
    kinds: dict[str, Kind] = {"ensemble": "ensemble", "linear": "linear", "ability": "ability"}
    if name in kinds:
        return EnsembleRouter(kind=kinds[name], seed=seed, scores=scores)
    plain: dict[str, Callable[[], Router]] = {
        "neighbors": lambda: NeighborsRouter(seed=seed),
        "clusters": lambda: ClustersRouter(seed=seed),
        "domain-table": DomainTableRouter,
        "random": lambda: RandomRouter(seed),
    }
    return plain[name]()


def strategies(task: Task, estimated: dict[str, Estimated]) -> list[Strategy]:
    """Every strategy on its estimates; the two that answer requests by default first."""
    default = estimated[DEFAULT]
    found = [
        before_call("auto-before", task.train, task.test, default.learned, default.tested),
        agreement(task.train, task.test, default.learned, default.tested, task.seed),
    ]
    for name, one in estimated.items():
        if name != DEFAULT:
            found.append(before_call(name, task.train, task.test, one.learned, one.tested))
    cheapest = int(task.train.cost_usd.mean(axis=0).argmin())
    always = {"best-single": task.train.best, "cheapest": cheapest}
    always |= {f"fixed {model}": number for number, model in enumerate(task.train.models)}
    for name, number in always.items():
        everywhere = (np.full(len(pool.prompts), number) for pool in (task.train, task.test))
        found.append(fixed(name, task.train, task.test, *everywhere))
    return found


def choose(task: Task, both: Sequence[Strategy]) -> list[Choice]:
    """What each strategy does with each test prompt at each target."""
    found = []
    models = task.test.models
    for strategy in both:
        for target in TARGETS:
            knob = target_knob(strategy, task.train, task.reference, target).by_prompt(task.test.prompt_ids)
            played = mixed(strategy.tested, knob)
            for row, prompt_id in enumerate(task.test.prompt_ids):
                found.append(
                    Choice(
                        prompt_id,
                        strategy.name,
                        target,
                        tuple(models[i] for i in played.asked[row].tolist() if i >= 0),
                        models[played.accepted[row]],
                        float(played.p_correct[row]),
                        float(played.cost_usd[row]),
                    )
                )
    return found


def evaluate(task: Task, executor: Executor, step: Step) -> tuple[Evaluation | None, list[Choice]]:
    """The whole evaluation, and the default strategies' choices. None for the first where the test has no grades."""
    graded = not np.isnan(task.test.quality).any()
    names = ESTIMATORS if graded else (DEFAULT,)
    running: dict[str, Future[Estimated]] = {name: executor.submit(estimate, task, name) for name in names}
    estimated = {}
    for name, future in running.items():
        step(f"fitting {name}")
        estimated[name] = future.result()
    default = estimated[DEFAULT]
    floor = (
        executor.submit(redraw, task.train, task.test, default.learned, default.tested, task.reference, task.seed)
        if graded
        else None
    )
    step("agreement")
    found = strategies(task, estimated)
    step("freezing knobs")
    chosen = choose(task, found[:2])
    if floor is None:
        return None, chosen
    step("grading")
    figures = tuple(grade(strategy, task.train, task.test, task.reference, task.seed) for strategy in found)
    step("redrawing calibration prompts")
    base, times = task.reference, np.array(default.decision_ms)
    return Evaluation(
        prompts=len(task.test.prompts),
        reference=Whole(
            float(task.test.quality[:, base].mean()),
            float(1000 * task.test.cost_usd[:, base].mean()),
            task.test.models[base],
        ),
        oracle=oracle(task.test),
        strategies=figures,
        p_correct_ece=calibration_errors(task.test, {name: one.tested.p_correct for name, one in estimated.items()}),
        floor=floor.result(),
        decision_ms={f"p{q}": float(np.quantile(times, q / 100)) for q in (50, 99)},
    ), chosen


def pick_reference(train: Pool, name: str | None) -> int:
    """The model asked for, or the best one on the prompts learned from. Raises DataError, also where it costs nothing."""
    if name is not None and name not in train.models:
        raise DataError(f"the reference '{name}' is none of the models: {', '.join(train.models)}")
    found = train.best if name is None else train.models.index(name)
    if not train.cost_usd[:, found].any():
        raise DataError(
            f"the reference '{train.models[found]}' costs nothing at these prices, so no part of its cost can be told: "
            "give it its price, or name another --reference"
        )
    return found


def _crossed(router: EnsembleRouter, task: Task) -> Predicted:
    """The fit's own cross-fitted predictions, in the order of the pool."""
    from_fit = router.cross_fitted()
    number = {prompt_id: row for row, prompt_id in enumerate(task.dataset.prompt_ids)}
    rows = np.array([number[prompt_id] for prompt_id in task.train.prompt_ids])
    columns = [router.design_.models.index(model) for model in task.train.models]
    return Predicted(*(values[rows[:, None], columns] for values in from_fit))


def _refitted(name: str, task: Task) -> Predicted:
    """Fitted once for each fold of prompts that is left out."""
    ids = task.dataset.prompt_ids
    number = {prompt_id: row for row, prompt_id in enumerate(ids)}
    fold = np.random.default_rng(task.seed).permutation(len(ids)) % FOLDS
    rows = np.array([number[prompt_id] for prompt_id in task.train.prompt_ids])
    shape = task.train.quality.shape
    found = Predicted(np.zeros(shape), np.zeros(shape))
    for left_out in range(FOLDS):
        router = make_estimator(name, task.seed, task.scores).fit(
            task.dataset.only(np.flatnonzero(fold != left_out)).outcomes
        )
        bound = router.bind(task.train.models, {})
        for place in np.flatnonzero(fold[rows] == left_out).tolist():
            estimates = bound.predict(task.train.prompts[place])
            found.p_correct[place], found.output_tokens[place] = estimates.p_correct, estimates.output_tokens
    return found


def time_decisions(router: Router, pool: Pool) -> tuple[float, ...]:
    """Milliseconds of one core from a prompt to a choice, by prompt. Others are fitted beside this: waiting does not count."""
    bound = router.bind(pool.models, {})
    spent = []
    for prompt in pool.prompts[:_TIMED]:
        began = time.thread_time()
        estimates = bound.predict(prompt)
        expected_usd = prompt.input_tokens * pool.per_token[:, 0] + estimates.output_tokens * pool.per_token[:, 1]
        (estimates.p_correct - expected_usd).argmax()
        spent.append(1000 * (time.thread_time() - began))
    return tuple(spent)
