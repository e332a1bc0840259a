"""Ability and difficulty: the part of the estimate that does not belong to any model seen in training.

Item response theory with two parameters (Birnbaum 1968): logit P(correct) = discrimination(prompt) * ability(model) -
difficulty(prompt), where difficulty and the logarithm of discrimination are linear in the prompt's features, so that they
exist for prompts never seen; and ability is learned from outcomes, or, for a model never seen, regressed on its published
scores over the models that have both. Scores enter as logits: near saturation a point is worth more, and models beyond the
range of the fit extrapolate without leaving [0, 1]. A better score never lowers an estimate.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from entrepot.routing.base import Basis, Floats, ModelFacts
from entrepot.routing.design import Design
from entrepot.routing.logistic import Doubles, logit, newton_step, ridge_penalty, sigmoid

DIFFICULTY_RIDGE = 80.0
DISCRIMINATION_RIDGE = 60.0
LOG_DISCRIMINATION_LIMIT = 1.5
_ABILITY_RIDGE = 0.05
_ROUNDS = 6
_LARGEST_STEP = 0.5
_FEWEST_MODELS = 4
_SCORE_MARGIN = 0.01
_LEAST_PRIOR_ERROR = 0.1  # a line through a handful of models that fit it by luck is no better than this
_PLACED = 0.3  # an ability of no larger error is known from outcomes: from about forty on


class Scale(msgspec.Struct, frozen=True):
    """A line from the logit of a published score to ability: fitted on `models` models around `centre`.

    `error` is the standard deviation of ability around the line, `slope_error` the line's own.
    """

    slope: float
    intercept: float
    error: float
    slope_error: float
    centre: float
    models: int

    def ability(self, score: float) -> tuple[float, float]:
        """Ability and its standard error at a score, a fraction of 1."""
        at = float(logit(np.array(score), _SCORE_MARGIN))
        return self.intercept + self.slope * at, float(np.hypot(self.error, self.slope_error * (at - self.centre)))


class Ability(msgspec.Struct, frozen=True, eq=False):
    """`prompt_weights` (columns, 2): difficulty and log discrimination. `abilities` and their errors by model."""

    models: tuple[str, ...]
    prompt_weights: Floats
    abilities: Floats
    errors: Floats
    scales: Mapping[str, Scale]

    def logits(self, rows: Doubles) -> Doubles:
        """Logits, shape (prompts, models)."""
        difficulty, log_discrimination = (rows @ self.prompt_weights).T
        return np.asarray(_discrimination(log_discrimination)[:, None] * self.abilities - difficulty[:, None])

    def folded(self, loadings: Floats) -> Ability:
        """The same over the featurizer's columns."""
        return msgspec.structs.replace(self, prompt_weights=loadings @ self.prompt_weights)

    def place(self, model: str | None, facts: ModelFacts | None) -> tuple[float, float, Basis]:
        """Ability, its standard error, and what they rest on, for a model (None: not among those learned from).

        Without outcomes and scores a model is placed one deviation below the average, with a wide error: it has to show
        that it can.
        """
        if model is not None:
            number = self.models.index(model)
            return float(self.abilities[number]), float(self.errors[number]), "outcomes"
        placed = [
            self.scales[name].ability(score)
            for name, score in sorted((facts.scores if facts else {}).items())
            if name in self.scales
        ]
        if placed:
            precisions = np.array([error**-2 for _, error in placed])
            weights = precisions / precisions.sum()
            # benchmarks err together, so a second score does not halve the error
            return (
                float(weights @ np.array([ability for ability, _ in placed])),
                float(weights @ np.array([error for _, error in placed])),
                "scores",
            )
        deviation = float(self.abilities.std())
        return float(self.abilities.mean()) - deviation, 1.5 * deviation, "prior"


def fit_ability(design: Design) -> Ability:
    """Fit difficulty, discrimination and ability in turns, each by Newton's method with the others held."""
    known = design.weight
    correct = np.where(known > 0, design.correct, 0)
    share = (correct * known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    ability = logit(share, 0.02)
    columns = design.latent.shape[1]
    difficulty, discrimination = np.zeros(columns), np.zeros(columns)
    difficulty_penalty = ridge_penalty(columns, DIFFICULTY_RIDGE)
    discrimination_penalty = np.full(columns, DISCRIMINATION_RIDGE)

    def residuals() -> tuple[Doubles, Doubles, Doubles]:
        slope = _discrimination(design.latent @ discrimination)
        expected = sigmoid(slope[:, None] * ability - (design.latent @ difficulty)[:, None])
        return known * (correct - expected), known * expected * (1 - expected), slope

    for _ in range(_ROUNDS):
        error, curvature, _ = residuals()
        gradient = -design.latent.T @ error.sum(axis=1) - difficulty_penalty * difficulty
        difficulty += newton_step(design.latent, curvature.sum(axis=1), gradient, difficulty_penalty)
        error, curvature, slope = residuals()
        pull = slope[:, None] * ability
        gradient = design.latent.T @ (error * pull).sum(axis=1) - discrimination_penalty * discrimination
        step = newton_step(design.latent, (curvature * pull**2).sum(axis=1), gradient, discrimination_penalty)
        discrimination += np.clip(step, -_LARGEST_STEP, _LARGEST_STEP)
        for _ in range(2):
            error, curvature, slope = residuals()
            information = (curvature * slope[:, None] ** 2).sum(axis=0) + _ABILITY_RIDGE
            ability += ((error * slope[:, None]).sum(axis=0) - _ABILITY_RIDGE * ability) / information
    _, curvature, slope = residuals()
    information = (curvature * slope[:, None] ** 2).sum(axis=0) + _ABILITY_RIDGE
    return Ability(
        models=design.models,
        prompt_weights=np.column_stack([difficulty, discrimination]).astype(np.float32),
        abilities=ability.astype(np.float32),
        errors=(1 / np.sqrt(information)).astype(np.float32),
        scales={},
    )


def with_scores(ability: Ability, scores: Mapping[str, Mapping[str, float]]) -> Ability:
    """Learn each benchmark's scale from the models that have both an ability and a score (`scores[model][benchmark]`).

    A benchmark known for fewer than four of them, or on which better models do not score better, is left out; and models
    that their outcomes do not place yet.
    """
    scales = {}
    placed = ability.errors < _PLACED
    for name in sorted({name for by_model in scores.values() for name in by_model}):
        both = [
            (i, scores[model][name])
            for i, model in enumerate(ability.models)
            if placed[i] and name in scores.get(model, {})
        ]
        if len(both) < _FEWEST_MODELS:
            continue
        at = logit(np.array([score for _, score in both]), _SCORE_MARGIN)
        scale = _fit_scale(at, ability.abilities[[i for i, _ in both]].astype(np.float64))
        if scale is not None:
            scales[name] = scale
    return msgspec.structs.replace(ability, scales=scales)


def with_priors(ability: Ability, scores: Mapping[str, Mapping[str, float]]) -> Ability:
    """Each ability between what outcomes say and where its model would be without them, by their errors.

    That is where published scores place it, or else the average model, by as much as models differ. A thousand outcomes
    leave next to nothing of it; after ten the prior still counts as much as they do.
    """
    placed = ability.errors < _PLACED
    if placed.sum() < _FEWEST_MODELS:
        return ability
    average, deviation = float(ability.abilities[placed].mean()), float(ability.abilities[placed].std())
    abilities, errors = ability.abilities.copy(), ability.errors.copy()
    for i, model in enumerate(ability.models):
        at, error, basis = ability.place(None, ModelFacts(scores=scores.get(model, {})))
        prior, prior_error = (at, error) if basis == "scores" else (average, deviation)
        own, other = float(errors[i]) ** -2, max(prior_error, _LEAST_PRIOR_ERROR) ** -2
        abilities[i] = (own * abilities[i] + other * prior) / (own + other)
        errors[i] = (own + other) ** -0.5
    return msgspec.structs.replace(ability, abilities=abilities, errors=errors)


def _fit_scale(at: Doubles, abilities: Doubles) -> Scale | None:
    centre = at.mean()
    spread = ((at - centre) ** 2).sum()
    slope = float(((at - centre) * abilities).sum() / spread) if spread > 0 else 0.0
    if slope <= 0:
        return None
    residual = abilities - abilities.mean() - slope * (at - centre)
    error = float(np.sqrt((residual**2).sum() / max(len(at) - 2, 1)))
    return Scale(
        slope=slope,
        intercept=float(abilities.mean() - slope * centre),
        error=error,
        slope_error=float(error / np.sqrt(spread)),
        centre=float(centre),
        models=len(at),
    )


def _discrimination(log_discrimination: Doubles) -> Doubles:
    return np.asarray(np.exp(np.clip(log_discrimination, -LOG_DISCRIMINATION_LIMIT, LOG_DISCRIMINATION_LIMIT)))
