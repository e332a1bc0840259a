from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from entrepot.catalog.load import load_catalog
from entrepot.learning.adapt import adapt, crossed
from entrepot.learning.outcomes import Dataset
from entrepot.learning.train import Prior, train
from entrepot.routing.artifact import default_artifact_path, load_artifact, parse_artifact, render_artifact
from entrepot.routing.base import ModelFacts, Outcomes, Prompt
from entrepot.routing.ensemble import EnsembleRouter

GOOD, POOR, KNOWN = "made-up-good", "made-up-poor", "gpt-4o-2024-08-06"
FACTS = {
    GOOD: ModelFacts({"gpqa-diamond": 0.95}, reasoning=True),
    POOR: ModelFacts({"gpqa-diamond": 0.3}),
    KNOWN: ModelFacts({"gpqa-diamond": 0.49}),
}


@pytest.fixture(scope="module")
def prior() -> EnsembleRouter:
    """The router that ships."""
    return load_artifact(default_artifact_path()).router()


@pytest.fixture(scope="module")
def few() -> Dataset:
    """Sixty prompts: the good model is nearly always right, the poor one every third time."""
    prompts = tuple(Prompt(f"第{n}题：{n} 加 {n} 等于多少？只回答数字。", 20) for n in range(60))
    right = {
        GOOD: [n % 20 != 0 for n in range(60)],
        POOR: [n % 3 == 0 for n in range(60)],
        KNOWN: [n % 4 != 0 for n in range(60)],
    }
    models = tuple(right)
    pairs = [(prompt, model) for prompt in range(60) for model in range(3)]
    outcomes = Outcomes(
        prompts,
        models,
        np.array([prompt for prompt, _ in pairs], np.int32),
        np.array([model for _, model in pairs], np.int32),
        np.array([float(right[models[model]][prompt]) for prompt, model in pairs], np.float32),
        np.full(len(pairs), 300, np.float32),
        np.ones(len(pairs), np.float32),
    )
    ids = tuple(map(str, range(60)))
    return Dataset(outcomes, ids, ("",) * 60, ("",) * 60, dates=("2026-11-22",) * 60)


def expected(router: EnsembleRouter, dataset: Dataset) -> dict[str, float]:
    bound = router.bind(dataset.outcomes.models, FACTS)
    means = np.mean([bound.predict(prompt).p_correct for prompt in dataset.outcomes.prompts], axis=0)
    return dict(zip(bound.models, means.tolist(), strict=True))


def test_sixty_outcomes_move_each_model_to_what_it_did(prior: EnsembleRouter, few: Dataset) -> None:
    found = expected(adapt(prior, few, FACTS), few)
    assert found[GOOD] == pytest.approx(0.95, abs=0.05)
    assert found[KNOWN] == pytest.approx(0.75, abs=0.12)
    assert found[POOR] < 0.6


def test_the_prior_itself_stays_as_it_is(prior: EnsembleRouter, few: Dataset) -> None:
    before = render_artifact(load_artifact(default_artifact_path()))
    adapt(prior, few, FACTS)
    assert expected(prior, few) == expected(load_artifact(default_artifact_path()).router(), few)
    assert parse_artifact(before, "x").fitted.members.heads.models == prior.fitted_.members.heads.models


def test_a_model_that_is_new_begins_where_its_scores_place_it(prior: EnsembleRouter, few: Dataset) -> None:
    placed = EnsembleRouter.of(prior.fitted_, "x").place(FACTS)
    found = expected(placed, few)
    assert found[GOOD] > found[POOR]
    abilities = dict(
        zip(placed.fitted_.members.ability.models, placed.fitted_.members.ability.abilities.tolist(), strict=True)
    )
    assert abilities[GOOD] == pytest.approx(prior.fitted_.members.ability.place(None, FACTS[GOOD])[0], abs=1e-5)
    lengths = placed.fitted_.calibration.length_factors
    assert lengths[-3] > lengths[-2] == lengths[-1]


def test_a_model_known_by_another_name_is_found(prior: EnsembleRouter, few: Dataset) -> None:
    placed = EnsembleRouter.of(prior.fitted_, "x").place({"our-gpt": ModelFacts({}, names=(KNOWN,))})
    assert placed.fitted_.aliases["our-gpt"] == KNOWN
    assert len(placed.fitted_.members.heads.models) == len(prior.fitted_.members.heads.models)


def test_every_prompt_is_predicted_without_its_own_outcomes(prior: EnsembleRouter, few: Dataset) -> None:
    seen = crossed(prior, few, FACTS, 0)
    router = adapt(prior, few, FACTS)
    at = router.trained()
    assert seen.quality.shape == seen.p_correct.shape == (60, len(router.fitted_.members.heads.models))
    for model in few.outcomes.models:
        column = few.outcomes.models.index(model)
        given = few.outcomes.correct[few.outcomes.model == column]
        assert seen.quality[:, at[model]].tolist() == given.tolist()
    assert np.isnan(seen.quality[:, at["qwen2-72b-instruct"]]).all()
    assert seen.p_correct[:, at[GOOD]].mean() == pytest.approx(0.95, abs=0.06)


def test_a_router_that_took_outcomes_in_is_saved_with_what_it_stands_on(few: Dataset, tmp_path: Path) -> None:
    shipped = load_artifact(default_artifact_path())
    trained = train(
        few,
        scores={},
        aliases={},
        window="2026-11-22",
        sources=("mine.jsonl",),
        fitted_on="2026-11-22",
        prior=Prior(shipped, FACTS),
    )
    again = parse_artifact(render_artifact(trained.artifact), "x")
    assert again.provenance.sources == ("mine.jsonl", f"taken in by {shipped.version}")
    assert (again.provenance.prompts, again.provenance.outcomes) == (60, 180)
    assert again.sample is not None
    assert (again.sample.data, again.sample.date) == ("mine.jsonl", "2026-11-22")
    assert [figures.model for figures in trained.figures] == [
        "all models",
        *sorted((GOOD, POOR, KNOWN), key=[KNOWN, GOOD, POOR].index),
    ]
    assert trained.figures[0].ece < 0.15
    assert load_catalog().find_model(KNOWN) is not None
