"""Outcomes in, a router's artifact out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from entrepot.catalog.load import Catalog
from entrepot.errors import ArtifactError
from entrepot.learning.figures import area_under_curve, expected_calibration_error
from entrepot.learning.outcomes import Dataset
from entrepot.learning.sample import MOST_PROMPTS, PRIOR_PROMPTS, draw_sample
from entrepot.learning.votes import learn_votes
from entrepot.routing.artifact import Artifact, Provenance, digest_of, render_artifact
from entrepot.routing.ensemble import EnsembleRouter, Step


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
) -> Trained:
    """Fit the default router on all of `dataset`.

    `scores` are published scores by model and benchmark; `aliases` the catalog's id of each model that the outcomes call
    otherwise (see `names_and_scores`); `window` the dates of the outcomes; `step` is told what is being done. Promises will
    be tested on the outcomes of `calibrate`, so named, which nothing is learned from, or where there are none on those that were
    learned from, as predicted by fits that had not seen them: the `last` prompts of either. Without `promises` no outcome is
    kept: the router is a prior for traffic that is not like this. Raises DataError if there is nothing to learn from.
    """
    router = EnsembleRouter(scores=scores, aliases=aliases, seed=seed, step=step).fit(dataset.outcomes)
    provenance = Provenance(window, sources, len(dataset.prompt_ids), len(dataset.outcomes.correct), fitted_on)
    name, held_out = (", ".join(sources), None) if calibrate is None or not promises else calibrate
    sample = draw_sample(
        router,
        dataset,
        held_out,
        most=last if promises else PRIOR_PROMPTS,
        data=name,
        date=_date_of(held_out or dataset, window, fitted_on),
        seed=seed,
    )
    kept = sample if promises else sample.without_outcomes()
    votes = learn_votes(dataset, router.cross_fitted()[0], router.design_.models, ", ".join(sources), seed)
    artifact = Artifact(router.fitted_, provenance, sample=kept, votes=votes)
    return Trained(msgspec.structs.replace(artifact, digest=digest_of(artifact)), tuple(_figures(router)))


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
    known = design.weight > 0

    def of(
        model: str,
        correct: np.ndarray[tuple[int], np.dtype[np.float64]],
        p: np.ndarray[tuple[int], np.dtype[np.float64]],
    ) -> Figures:
        auc, ece = area_under_curve(correct, p), expected_calibration_error(correct, p)
        return Figures(model, len(correct), float(correct.mean()), auc, ece)

    return [
        of("all models", design.correct[known], predicted[known]),
        *(of(m, design.correct[known[:, i], i], predicted[known[:, i], i]) for i, m in enumerate(design.models)),
    ]
