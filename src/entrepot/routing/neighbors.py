"""The nearest past prompts: what each model did on them is what it will do here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from entrepot.routing.base import BoundRouter, Estimates, Floats, ModelFacts, Outcomes, Prompt
from entrepot.routing.design import build_design, tabulate
from entrepot.routing.local import Places, Sums, estimates_near, find_places, numbers_of, sums_of

_NEIGHBORS = 50
_STRENGTH = 8.0
_RANK = 64


class NeighborsRouter:
    """Cosine similarity in a few dozen dimensions, weighed by its square. Learned: `places_`, `at_`, `sums_`, `models_`."""

    places_: Places
    at_: Floats
    sums_: Sums
    models_: tuple[str, ...]

    def __init__(self, neighbors: int = _NEIGHBORS, seed: int = 0) -> None:
        self.neighbors = neighbors
        self.seed = seed

    @property
    def version(self) -> str:
        """Not an artifact: the name of the estimator."""
        return "neighbors"

    def fit(self, outcomes: Outcomes) -> Self:
        """Remember where each prompt lies and what the models did on it."""
        featurizer, design = build_design(outcomes, _RANK, self.seed)
        self.places_ = find_places(featurizer, design)
        self.at_, self.sums_, self.models_ = self.places_.of(design.rows), sums_of(design), outcomes.models
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Remember a few more prompts; models that are new to it wait for the next fit."""
        columns = [self.models_.index(model) for model in outcomes.models if model in self.models_]
        theirs = [i for i, model in enumerate(outcomes.models) if model in self.models_]
        correct, weight = tabulate(outcomes, outcomes.correct)
        tokens = tabulate(outcomes, np.where(outcomes.output_tokens >= 0, outcomes.output_tokens, np.nan))[0]
        rows = np.stack([self.places_.featurizer.row(prompt) for prompt in outcomes.prompts])
        self.at_ = np.vstack([self.at_, self.places_.of(rows)])
        written = ~np.isnan(tokens)
        added = {
            "weight": weight,
            "right": np.where(weight > 0, correct, 0) * weight,
            "lengths": written,
            "log_tokens": np.log(np.maximum(np.where(written, tokens, 1), 1)),
        }
        for name, values in added.items():
            more = np.zeros((len(outcomes.prompts), len(self.models_)), np.float32)
            more[:, columns] = values[:, theirs]
            setattr(self.sums_, name, np.vstack([getattr(self.sums_, name), more]))
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare for these models."""
        return _BoundNeighbors(self, tuple(models), numbers_of(models, facts, self.models_))


class _BoundNeighbors:
    def __init__(self, router: NeighborsRouter, models: tuple[str, ...], known: list[int | None]) -> None:
        self.models = models
        self._router = router
        self._known = known

    def predict(self, prompt: Prompt) -> Estimates:
        """Records of the nearest prompts."""
        router = self._router
        row = router.places_.featurizer.row(prompt)
        similar = router.at_ @ router.places_.of(row[None])[0]
        count = min(router.neighbors, len(similar))
        nearest = np.argpartition(-similar, count - 1)[:count]
        near = np.maximum(similar[nearest], 0) ** 2
        sums = Sums(*(getattr(router.sums_, name)[nearest] for name in Sums.__struct_fields__))
        return estimates_near(self.models, self._known, near.astype(np.float32), sums, _STRENGTH)
