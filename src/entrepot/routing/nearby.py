"""What models did on past prompts near this one: the nearest of them, and clusters of them, as two logits a model.

A prompt lies where its n-grams point in the leading directions of training, with its structural features counting a little.
Past prompts are kept by cluster (k-means, Lloyd 1982), and only those of the nearest few clusters are looked at, so that
the time of a decision does not grow with their number. Records are drawn towards each model's record on all prompts.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.base import Floats, constant
from entrepot.routing.clusters import k_means
from entrepot.routing.design import Design
from entrepot.routing.features import BUCKETS
from entrepot.routing.logistic import Doubles

DIRECTIONS = 32
_STRUCTURE = constant(0.15)
_CLUSTERS = 48
_SEARCHED = 8
_NEIGHBORS = 120
_STRENGTH = constant(8.0)
_SHARPNESS = constant(4.0)  # 12 told a little more, and moved one choice in twenty for a few misspelt words
_MARGIN = 0.01  # no record is surer than this
_LOWEST, _HIGHEST = constant(log(_MARGIN / (1 - _MARGIN))), constant(log((1 - _MARGIN) / _MARGIN))
_NOTHING = constant(0.0)
_LEAST_LENGTH = 1e-4


class Nearby(msgspec.Struct, frozen=True, eq=False):
    """Past prompts, sorted by cluster.

    `directions` (columns of the featurizer, dimensions) without structure; `centres` (clusters, dimensions + structure);
    cluster i holds prompts `starts[i]` to `starts[i + 1]`; `at` (prompts, dimensions + structure), vectors of length one;
    `right` and `weight` (prompts, models), sums of outcomes.
    """

    models: tuple[str, ...]
    directions: Floats
    centres: Floats
    starts: NDArray[np.intp]
    at: Floats
    right: Floats
    weight: Floats

    def logits(self, rows: Floats, models: Sequence[int] | None = None) -> Doubles:
        """By the nearest prompts and by the nearest clusters, for rows of the featurizer: shape (prompts, models, 2).

        `models` are numbers of models, all by default; of one that came after the fit nothing is said.
        """
        numbers = np.arange(len(self.models)) if models is None else np.array(models, np.intp)
        records = Records(self, numbers)
        grams = rows @ self.directions
        found = [records.logits(place(g, row[BUCKETS:-1])).T for g, row in zip(grams, rows, strict=True)]
        return np.array(found, np.float64).reshape(len(rows), len(numbers), 2)


class Records:
    """The columns of some models, by number of training. Of one that training did not see, -1 or a number beyond the last of
    those that it saw, nothing is said (logit 0).
    """

    def __init__(self, nearby: Nearby, numbers: NDArray[np.intp]) -> None:
        known = (numbers >= 0) & (numbers < len(nearby.models))
        columns = np.where(known, numbers, 0)
        right, weight = (np.where(known, part[:, columns], 0) for part in (nearby.right, nearby.weight))
        usual = float(nearby.right.sum()) / max(float(nearby.weight.sum()), 1.0)
        prior = _STRENGTH * (right.sum(axis=0) + usual) / (weight.sum(axis=0) + 1)
        prior = np.clip(prior, _STRENGTH * _MARGIN, _STRENGTH * (1 - _MARGIN))
        self._prior = np.where(known, prior, _STRENGTH / 2).astype(np.float32)
        # right and weight side by side, so that one product adds up both
        self._both = np.ascontiguousarray(np.hstack([right, weight]), np.float32)
        ends = nearby.starts[1:-1]
        self._centres, self._at = nearby.centres, np.split(nearby.at, ends)
        self._rows = np.split(np.arange(len(nearby.at)), ends)
        self._by_cluster = np.array([part.sum(axis=0) for part in np.split(self._both, ends)], np.float32)
        self._searched = min(_SEARCHED, len(self._at))
        self._models = len(numbers)

    def logits(self, at: Floats) -> Floats:
        """Shape (2, models): by the nearest prompts, and by clusters."""
        by_cluster = self._centres.dot(at)
        searched = by_cluster.argsort()[-self._searched :].tolist()
        near = np.exp((by_cluster - by_cluster[searched[-1]]) * _SHARPNESS)
        alike, among = self._search(at, searched)
        sums = np.empty((2, 2 * self._models), np.float32)
        np.dot(alike * alike, self._both.take(among, axis=0), out=sums[0])
        np.dot(near, self._by_cluster, out=sums[1])
        right = sums[:, : self._models] + self._prior
        wrong = sums[:, self._models :] - right + _STRENGTH
        return np.asarray(np.minimum(np.maximum(np.log(right / wrong), _LOWEST), _HIGHEST))

    def _search(self, at: Floats, clusters: Sequence[int]) -> tuple[Floats, NDArray[np.intp]]:
        """How alike the nearest prompts of these clusters are, none below nothing, and which they are."""
        similar = np.concatenate([self._at[i].dot(at) for i in clusters])
        least = _NOTHING
        if len(similar) > _NEIGHBORS:
            ordered = similar.copy()
            ordered.partition(len(ordered) - _NEIGHBORS)
            least = np.maximum(ordered[-_NEIGHBORS], _NOTHING)
        kept = (similar >= least).nonzero()[0]
        return similar.take(kept), np.concatenate([self._rows[i] for i in clusters]).take(kept)


def place(grams: Floats, structure: Floats) -> Floats:
    """Where a prompt lies: a vector of length one."""
    found = np.concatenate([grams, _STRUCTURE * structure])
    found *= constant(1 / max(sqrt(found.dot(found)), _LEAST_LENGTH))
    return found


def fit_nearby(design: Design) -> Nearby:
    """Remember the prompts of `design` and what models did on them."""
    directions = np.zeros((design.rows.shape[1], DIRECTIONS), np.float32)
    count = min(DIRECTIONS, design.loadings.shape[1] - (design.rows.shape[1] - BUCKETS))
    directions[:BUCKETS, :count] = design.loadings[:BUCKETS, :count]
    raw = np.hstack([design.rows @ directions, _STRUCTURE * design.rows[:, BUCKETS:-1]])
    at = (raw / np.maximum(np.sqrt((raw * raw).sum(axis=1, keepdims=True)), _LEAST_LENGTH)).astype(np.float32)
    centres, nearest = k_means(at, min(_CLUSTERS, len(at)), np.random.default_rng(0))
    order = np.argsort(nearest, kind="stable")
    known = design.weight > 0
    return Nearby(
        models=design.models,
        directions=directions,
        centres=centres,
        starts=np.searchsorted(nearest[order], np.arange(len(centres) + 1)),
        at=at[order],
        right=(np.where(known, design.correct, 0) * design.weight).astype(np.float32)[order],
        weight=design.weight.astype(np.float32)[order],
    )
