from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest

from entrepot.errors import DataError
from entrepot.learning import redraws
from entrepot.learning.choices import write_choices
from entrepot.learning.evaluate import Choice, Task, evaluate, pick_reference, time_decisions
from entrepot.learning.evaluation import Evaluation
from entrepot.learning.frozen import TARGETS
from entrepot.learning.outcomes import Dataset, ListPrice
from entrepot.learning.plot import draw_curves
from entrepot.learning.pool import build_pool
from entrepot.routing.base import BoundRouter, Estimates, ModelFacts, Prompt
from entrepot.routing.baseline import RandomRouter
from entrepot.routing.checks import STRONG, WEAK, made_up_outcomes

THIRD = "maker/third"
PRICES = {STRONG: ListPrice("10", "30"), WEAK: ListPrice("0.1", "0.2"), THIRD: ListPrice("0.2", "0.3")}
MODELS = (STRONG, WEAK, THIRD)


def made_up(prompts: int, seed: int) -> Dataset:
    """The made-up outcomes, with a third model as good as the weak one, and answers that agree when they are right."""
    outcomes = made_up_outcomes(prompts, seed)
    kept = outcomes.model < 2
    weak = outcomes.model == 1
    chance = np.random.default_rng(seed)
    third = np.where(chance.random(weak.sum()) < 0.8, outcomes.correct[weak], 1 - outcomes.correct[weak])
    columns = {
        name: np.concatenate([getattr(outcomes, name)[kept], getattr(outcomes, name)[weak]])
        for name in ("prompt", "output_tokens", "weight")
    }
    correct = np.concatenate([outcomes.correct[kept], third]).astype(np.float32)
    joined = msgspec.structs.replace(
        outcomes, models=MODELS, model=np.concatenate([outcomes.model[kept], np.full(weak.sum(), 2, np.int32)]),
        correct=correct, **columns,
    )  # fmt: skip
    wrong = chance.integers(1, 50, len(correct))
    answers = tuple("7" if right > 0.5 else str(10 + other) for right, other in zip(correct, wrong, strict=True))
    ids = tuple(f"{seed}-{number}" for number in range(prompts))
    return Dataset(joined, ids, ("made up",) * prompts, ("",) * prompts, answers)


def nobody_told(_doing: str) -> None:
    """Say nothing."""


@pytest.fixture(scope="module")
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as found:
        yield found


def task(*, graded: bool = True) -> Task:
    learned, held_out = made_up(160, 11), made_up(120, 12)
    if not graded:
        unknown = np.full_like(held_out.outcomes.correct, np.nan)
        held_out = msgspec.structs.replace(
            held_out, outcomes=msgspec.structs.replace(held_out.outcomes, correct=unknown)
        )
    train, test = (build_pool(data, MODELS, PRICES) for data in (learned, held_out))
    return Task(learned, train, test, pick_reference(train, None))


@pytest.fixture(scope="module")
def found(executor: Executor) -> tuple[Evaluation, list[Choice]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redraws, "REDRAWS", 5)
        evaluation, choices = evaluate(task(), executor, nobody_told)
    assert evaluation is not None
    return evaluation, choices


def test_the_default_strategies_come_first_and_reach_the_reference_for_less(
    found: tuple[Evaluation, list[Choice]],
) -> None:
    evaluation, _ = found
    assert evaluation.reference.model == STRONG
    before, agreement = evaluation.strategies[:2]
    assert (before.name, before.before_call) == ("auto-before", True)
    assert (agreement.name, agreement.before_call) == ("auto-agreement", False)
    assert before.frozen["0.95"].cost_ratio < 0.97
    assert before.frozen["0.95"].quality > 0.9
    # nobody but the reference is good enough for a committee here
    assert agreement.frozen["0.95"].cost_ratio == pytest.approx(1)


def test_no_strategy_beats_the_oracle(found: tuple[Evaluation, list[Choice]]) -> None:
    evaluation, _ = found
    assert all(point.quality <= evaluation.oracle.quality for one in evaluation.strategies for point in one.points)


def test_figures_are_json_in_the_documented_shape(found: tuple[Evaluation, list[Choice]]) -> None:
    read = msgspec.json.decode(msgspec.json.encode(found[0]))
    assert set(read) >= {"prompts", "reference", "oracle", "strategies", "floor", "decision_ms"}
    assert set(read["strategies"][0]["frozen"]) == {"1.00", "0.99", "0.95", "0.90"}
    assert set(read["floor"][0]) == {
        "delta", "max_loss", "calibration_prompts", "redraws", "broken", "cheap_share", "clairvoyant_share",
    }  # fmt: skip
    assert set(read["decision_ms"]) == {"p50", "p99"}


def test_every_prompt_has_a_choice_at_every_target_billed_for_all_it_asked(
    found: tuple[Evaluation, list[Choice]],
) -> None:
    _, choices = found
    assert len(choices) == 120 * 2 * len(TARGETS)
    pool = task().test
    for choice in choices[:: len(choices) // 50]:
        row = pool.prompt_ids.index(choice.prompt_id)
        billed = sum(pool.cost_usd[row, MODELS.index(model)] for model in choice.asked)
        assert choice.cost_usd == pytest.approx(billed)
        assert choice.accepted in choice.asked


def test_without_grades_the_choices_are_the_same_and_nothing_is_measured(
    found: tuple[Evaluation, list[Choice]], executor: Executor
) -> None:
    evaluation, choices = evaluate(task(graded=False), executor, nobody_told)
    assert evaluation is None
    assert choices == found[1]


def test_choices_are_written_as_json_lines(found: tuple[Evaluation, list[Choice]], tmp_path: Path) -> None:
    write_choices(found[1], tmp_path / "c.jsonl")
    lines = (tmp_path / "c.jsonl").read_bytes().splitlines()
    assert msgspec.json.decode(lines[0], type=Choice) == found[1][0]
    with pytest.raises(DataError, match="neither Parquet"):
        write_choices(found[1], tmp_path / "c.csv")


def test_choices_are_written_as_parquet(found: tuple[Evaluation, list[Choice]], tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    write_choices(found[1], tmp_path / "c.parquet")
    rows = parquet.read_table(tmp_path / "c.parquet").to_pylist()
    assert msgspec.convert(rows[-1], Choice) == found[1][-1]


def test_curves_are_drawn_for_every_strategy_with_a_knob(found: tuple[Evaluation, list[Choice]]) -> None:
    drawn = draw_curves(found[0])
    assert drawn.count("<polyline") == sum(len(one.points) > 1 for one in found[0].strategies)
    assert "auto-agreement" in drawn


def test_a_reference_that_is_no_candidate_is_refused() -> None:
    with pytest.raises(DataError, match="is none of the models"):
        pick_reference(task().train, "nobody")


class _Interrupted(RandomRouter):
    """One whose every estimate waits for somebody else."""

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        bound = super().bind(models, facts)

        class Waiting:
            models = bound.models

            def predict(self, prompt: Prompt) -> Estimates:
                time.sleep(0.02)
                return bound.predict(prompt)

        return Waiting()


def test_a_decision_is_not_charged_for_what_runs_beside_it() -> None:
    router = _Interrupted(0)
    router.fit(made_up(160, 11).outcomes)
    pool = task().test
    spent = time_decisions(router, msgspec.structs.replace(pool, prompts=pool.prompts[:10]))
    assert np.median(spent) < 15
