"""Clusters of past prompts (k-means, Lloyd 1982), and each model's record in each, drawn towards its record on all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np
from numpy.typing import NDArray

from entrepot.routing.base import BoundRouter, Estimates, Floats, ModelFacts, Outcomes, Prompt
from entrepot.routing.design import build_design
from entrepot.routing.local import Places, Sums, estimates_near, find_places, numbers_of, sums_of

_CLUSTERS = 32
_STRENGTH = 8.0
_RANK = 64
_ROUNDS = 30
_SHARPNESS = 12.0


class ClustersRouter:
    """A prompt belongs to the nearest centres, the nearest most. Learned: `places_`, `centres_`, `sums_`, `models_`."""

    places_: Places
    centres_: Floats
    sums_: Sums
    models_: tuple[str, ...]

    def __init__(self, clusters: int = _CLUSTERS, seed: int = 0) -> None:
        self.clusters = clusters
        self.seed = seed

    @property
    def version(self) -> str:
        """Not an artifact: the name of the estimator."""
        return "clusters"

    def fit(self, outcomes: Outcomes) -> Self:
        """Find the clusters, and add up each one's outcomes."""
        featurizer, design = build_design(outcomes, _RANK, self.seed)
        self.places_ = find_places(featurizer, design)
        at = self.places_.of(design.rows)
        count = min(self.clusters, len(at))
        self.centres_, nearest = k_means(at, count, np.random.default_rng(self.seed))
        one = sums_of(design)
        member = (nearest[None] == np.arange(count)[:, None]).astype(np.float32)
        self.sums_ = Sums(*(member @ getattr(one, name) for name in Sums.__struct_fields__))
        self.models_ = outcomes.models
        return self

    def partial_fit(self, outcomes: Outcomes) -> Self:
        """Add a few outcomes to their clusters; models that are new to it wait for the next fit."""
        for row in range(len(outcomes.correct)):
            name = outcomes.models[outcomes.model[row]]
            if name not in self.models_:
                continue
            features = self.places_.featurizer.row(outcomes.prompts[outcomes.prompt[row]])
            at = int((self.centres_ @ self.places_.of(features[None])[0]).argmax()), self.models_.index(name)
            self.sums_.weight[at] += outcomes.weight[row]
            self.sums_.right[at] += outcomes.weight[row] * outcomes.correct[row]
            if outcomes.output_tokens[row] >= 0:
                self.sums_.lengths[at] += 1
                self.sums_.log_tokens[at] += np.log(max(float(outcomes.output_tokens[row]), 1.0))
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """Prepare for these models."""
        return _BoundClusters(self, tuple(models), numbers_of(models, facts, self.models_))


class _BoundClusters:
    def __init__(self, router: ClustersRouter, models: tuple[str, ...], known: list[int | None]) -> None:
        self.models = models
        self._router = router
        self._known = known

    def predict(self, prompt: Prompt) -> Estimates:
        """Records of the nearest clusters."""
        router = self._router
        row = router.places_.featurizer.row(prompt)
        similar = router.centres_ @ router.places_.of(row[None])[0]
        near = np.exp(_SHARPNESS * (similar - similar.max())).astype(np.float32)
        return estimates_near(self.models, self._known, near, router.sums_, _STRENGTH)


def k_means(at: Floats, count: int, chance: np.random.Generator) -> tuple[Floats, NDArray[np.intp]]:
    """Centres of length one, and each prompt's."""
    centres = at[chance.permutation(len(at))[:count]]
    nearest = (at @ centres.T).argmax(axis=1)
    for _ in range(_ROUNDS):
        sums = (nearest == np.arange(count)[:, None]).astype(np.float32) @ at
        length = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
        centres = np.where(length > 0, sums / np.maximum(length, 1e-6), centres).astype(np.float32)
        moved = (at @ centres.T).argmax(axis=1)
        if (moved == nearest).all():
            break
        nearest = moved
    return centres, nearest
