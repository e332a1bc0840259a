from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.ability import Ability, fit_ability, with_priors, with_scores
from entrepot.routing.base import ModelFacts
from entrepot.routing.design import Design
from entrepot.routing.logistic import sigmoid

MODELS = ("a", "b", "c", "d", "e")
TRUE = np.array([-1.5, -0.5, 0.0, 0.8, 2.0])


@pytest.fixture(scope="module")
def design() -> Design:
    """Prompts whose difficulty is linear in one feature, and five models of known ability that answered about half of them."""
    chance = np.random.default_rng(5)
    latent = np.column_stack([chance.standard_normal(3000), np.ones(3000)])
    expected = sigmoid(TRUE - 1.5 * latent[:, :1])
    correct = (chance.random(expected.shape) < expected).astype(np.float64)
    missing = chance.random(expected.shape) < 0.5
    return Design(
        models=MODELS,
        rows=latent.astype(np.float32),
        latent=latent,
        loadings=np.eye(2, dtype=np.float32),
        correct=np.where(missing, np.nan, correct),
        output_tokens=np.full(expected.shape, np.nan),
        weight=(~missing).astype(np.float64),
    )


@pytest.fixture(scope="module")
def fitted(design: Design) -> Ability:
    return fit_ability(design)


SCORES = {name: {"gpqa-diamond": float(sigmoid(np.array(0.8 * t - 0.5)))} for name, t in zip(MODELS, TRUE, strict=True)}


def test_orders_models_by_ability_and_prompts_by_difficulty(fitted: Ability) -> None:
    assert fitted.abilities.argsort().tolist() == [0, 1, 2, 3, 4]
    difficulty, _ = fitted.prompt_weights[0]
    assert difficulty > 1


def test_predicts_the_probability_that_made_the_outcomes(fitted: Ability) -> None:
    rows = np.array([[-1.0, 1.0], [0.0, 1.0], [1.0, 1.0]])
    assert sigmoid(fitted.logits(rows)) == pytest.approx(sigmoid(TRUE - 1.5 * rows[:, :1]), abs=0.06)


def test_a_missing_outcome_teaches_nothing(design: Design, fitted: Ability) -> None:
    spoiled = msgspec.structs.replace(design, correct=np.where(design.weight > 0, design.correct, 0))
    assert fit_ability(spoiled).abilities == pytest.approx(fitted.abilities)


def test_scores_place_a_model_never_seen(fitted: Ability) -> None:
    placed = with_scores(fitted, SCORES)
    facts = ModelFacts(scores={"gpqa-diamond": float(sigmoid(np.array(0.8 * 1.4 - 0.5)))})
    ability, error, basis = placed.place(None, facts)
    assert basis == "scores"
    between = fitted.abilities[3:]
    assert between.min() < ability < between.max()
    assert error > 0


@given(st.floats(0, 1), st.floats(0, 1))
def test_a_better_score_never_lowers_ability(one: float, other: float) -> None:
    line = with_scores(ABLE, SCORES)
    low, high = sorted((one, other))
    placed = [line.place(None, ModelFacts(scores={"gpqa-diamond": score}))[0] for score in (low, high)]
    assert placed[0] <= placed[1]
    assert np.isfinite(placed).all()


ABLE = Ability(
    models=MODELS,
    prompt_weights=np.zeros((2, 2), np.float32),
    abilities=TRUE.astype(np.float32),
    errors=np.full(5, 0.1, np.float32),
    scales={},
)


def test_beyond_the_range_of_the_fit_the_error_grows() -> None:
    errors_of_scores = (0.03, -0.03, 0.02, -0.02, 0.01)
    noisy = {
        name: {"gpqa-diamond": by_benchmark["gpqa-diamond"] + error}
        for (name, by_benchmark), error in zip(SCORES.items(), errors_of_scores, strict=True)
    }
    placed = with_scores(ABLE, noisy)
    errors = [placed.place(None, ModelFacts(scores={"gpqa-diamond": score}))[1] for score in (0.4, 0.95)]
    assert errors[0] < errors[1]


def test_outcomes_outrank_scores() -> None:
    placed = with_scores(ABLE, SCORES)
    assert placed.place("a", ModelFacts(scores={"gpqa-diamond": 0.99}))[2] == "outcomes"


def test_a_model_without_outcomes_or_scores_is_placed_low_and_wide() -> None:
    ability, error, basis = with_scores(ABLE, SCORES).place(None, ModelFacts(scores={"another": 0.9}))
    assert basis == "prior"
    assert ability < TRUE.mean()
    assert error > TRUE.std()


def test_a_benchmark_on_which_better_models_do_worse_is_left_out() -> None:
    backwards = {name: {"odd": 0.9 - 0.1 * i} for i, name in enumerate(MODELS)}
    few = {name: {"rare": 0.1 * i} for i, name in enumerate(MODELS[:3], 1)}
    assert with_scores(ABLE, backwards).scales == {}
    assert with_scores(ABLE, few).scales == {}


def few_answers(fitted: Ability, model: int, ability: float, error: float) -> Ability:
    """The same, with one model placed by a few outcomes only."""
    abilities, errors = fitted.abilities.copy(), fitted.errors.copy()
    abilities[model], errors[model] = ability, error
    return msgspec.structs.replace(fitted, abilities=abilities, errors=errors)


def test_a_few_answers_and_a_score_together_place_a_model_between_them() -> None:
    surprising = few_answers(ABLE, 0, 3.0, 0.8)
    line = with_scores(surprising, SCORES)
    at, _, _ = line.place(None, ModelFacts(scores=SCORES[ABLE.models[0]]))
    found = with_priors(line, SCORES)
    assert at < found.abilities[0] < 3.0
    assert found.errors[0] < 0.8


def test_many_answers_leave_next_to_nothing_of_a_score() -> None:
    known = few_answers(ABLE, 0, 1.0, 0.03)
    assert with_priors(with_scores(known, SCORES), SCORES).abilities[0] == pytest.approx(1.0, abs=0.05)


def test_a_few_answers_without_a_score_are_drawn_towards_the_average_model() -> None:
    surprising = few_answers(ABLE, 0, 9.0, 1.0)
    found = with_priors(surprising, {})
    assert ABLE.abilities[1:].mean() < found.abilities[0] < 9.0
