"""Outcomes in, a router's artifact out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.load import Catalog
from entrepot.errors import ArtifactError
from entrepot.learning.adapt import adapt, crossed
from entrepot.learning.confidences import learn_confidence
from entrepot.learning.figures import area_under_curve, expected_calibration_error
from entrepot.learning.outcomes import Dataset
from entrepot.learning.sample import MOST_PROMPTS, PRIOR_PROMPTS, draw_sample
from entrepot.learning.votes import learn_votes
from entrepot.routing.artifact import Artifact, Provenance, digest_of, render_artifact
from entrepot.routing.base import ModelFacts
from entrepot.routing.embedder import Embedder
from entrepot.routing.ensemble import EnsembleRouter, Step


class Prior(msgspec.Struct, frozen=True, eq=False):
    """A router that takes outcomes in instead of a new one being fitted on them; `facts` are of the outcomes' models."""

    artifact: Artifact
    facts: Mapping[str, ModelFacts]


class Figures(msgspec.Struct, frozen=True):
    """Of one model, or of all together: predictions for prompts left out of the fit that made them, against outcomes."""

    model: str
    outcomes: int
    quality: float
    auc: float
    ece: float


class Trained(msgspec.Struct, frozen=True, eq=False):
    """A fit and how good it is. The first of `figures` is of all models pooled."""

    artifact: Artifact
    figures: tuple[Figures, ...]


def train(
    dataset: Dataset,
    *,
    scores: Mapping[str, Mapping[str, float]],
    aliases: Mapping[str, str],
    window: str,
    sources: tuple[str, ...],
    fitted_on: str,
    seed: int = 0,
    step: Step | None = None,
    calibrate: tuple[str, Dataset] | None = None,
    last: int = MOST_PROMPTS,
    promises: bool = True,
    prior: Prior | None = None,
    embedder: Embedder | None = None,
) -> Trained:
    """Fit the default router on all of `dataset`, or move `prior` by it.

    `scores` are published scores by model and benchmark; `aliases` the catalog's id of each model that the outcomes call
    otherwise (see `names_and_scores`); `window` the dates of the outcomes; `step` is told what is being done. Promises will
    be tested on the outcomes of `calibrate`, so named, which nothing is learned from, or where there are none on those that were
    learned from, as predicted by fits that had not seen them: the `last` prompts of either. Without `promises` no outcome is
    kept: the router is a prior for traffic that is not like this. `embedder` joins the features of a new fit.
    Raises DataError if there is nothing to learn from.
    """
    if prior is None:
        router = EnsembleRouter(scores=scores, aliases=aliases, seed=seed, step=step, embedder=embedder).fit(
            dataset.outcomes
        )
        seen, figures = None, _figures(router)
        predicted, models = router.cross_fitted()[0], router.design_.models
        votes = learn_votes(dataset, predicted, models, ", ".join(sources), seed)
    else:
        router = adapt(prior.artifact.router(), dataset, prior.facts)
        seen = crossed(prior.artifact.router(), dataset, prior.facts, seed)
        predicted, models = seen.p_correct.astype(np.float64), router.fitted_.members.heads.models
        figures, votes = _figures_of(models, seen.quality, predicted), prior.artifact.votes
    confidence = learn_confidence(dataset, predicted, models, ", ".join(sources))
    if confidence is None and prior is not None:
        confidence = prior.artifact.confidence
    provenance = Provenance(
        window,
        sources if prior is None else (*sources, f"taken in by {prior.artifact.version}"),
        len(dataset.prompt_ids),
        len(dataset.outcomes.correct),
        fitted_on,
    )
    name, held_out = (", ".join(sources), None) if calibrate is None or not promises else calibrate
    sample = draw_sample(
        router,
        dataset,
        held_out,
        most=last if promises else PRIOR_PROMPTS,
        data=name,
        date=_date_of(held_out or dataset, window, fitted_on),
        seed=seed,
        crossed=seen,
    )
    kept = sample if promises else sample.without_outcomes()
    artifact = Artifact(router.fitted_, provenance, sample=kept, votes=votes, confidence=confidence)
    return Trained(msgspec.structs.replace(artifact, digest=digest_of(artifact)), tuple(figures))


def _date_of(dataset: Dataset, window: str, fitted_on: str) -> str:
    """Of when outcomes are: the day of the last, or what the operator said, or the day of the fit."""
    last = max(dataset.dates, default="")[:10]
    return last or (fitted_on if window == "undated" else window)


def names_and_scores(catalog: Catalog, names: Sequence[str]) -> tuple[dict[str, str], dict[str, dict[str, float]]]:
    """What the catalog says of the models that outcomes name: their ids where they differ, and scores by id."""
    found = {name: model for name in names if (model := catalog.find_model(name)) is not None}
    aliases = {name: model.id for name, model in found.items() if name != model.id}
    scores = {model.id: {s.benchmark: float(s.score) for s in model.scores} for model in found.values() if model.scores}
    return aliases, scores


def save_artifact(artifact: Artifact, path: Path) -> None:
    """Write a router's file, whole or not at all. Raises ArtifactError."""
    beside = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(render_artifact(artifact))
        beside.replace(path)
    except OSError as error:
        raise ArtifactError(f"the router cannot be written to {path}: {error.strerror}") from error


def _figures(router: EnsembleRouter) -> list[Figures]:
    design = router.design_
    predicted = router.cross_fitted()[0]
    return _figures_of(design.models, np.where(design.weight > 0, design.correct, np.nan), predicted)


def _figures_of(models: Sequence[str], quality: NDArray[Any], predicted: NDArray[Any]) -> list[Figures]:
    """Of all models, then of each with an outcome; `quality` is NaN where there is none. Shapes (prompts, models)."""
    known = ~np.isnan(quality)

    def of(model: str, correct: NDArray[Any], p: NDArray[Any]) -> Figures:
        auc, ece = area_under_curve(correct, p), expected_calibration_error(correct, p)
        return Figures(model, len(correct), float(correct.mean()), auc, ece)

    return [
        of("all models", quality[known], predicted[known]),
        *(
            of(model, quality[known[:, i], i], predicted[known[:, i], i])
            for i, model in enumerate(models)
            if known[:, i].any()
        ),
    ]
