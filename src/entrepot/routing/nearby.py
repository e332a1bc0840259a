"""What models did on past prompts near this one: the nearest of them, and clusters of them, as two logits a model.

A prompt lies where its n-grams point in the leading directions of training, with its structural features counting a little.
Past prompts are kept by cluster (k-means, Lloyd 1982), and only those of the nearest few clusters are looked at, so that
the time of a decision does not grow with their number. Records are drawn towards each model's record on all prompts.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.base import Floats
from entrepot.routing.clusters import k_means
from entrepot.routing.design import Design
from entrepot.routing.features import BUCKETS
from entrepot.routing.logistic import Doubles

DIRECTIONS = 32
_STRUCTURE = 0.15
_CLUSTERS = 48
_SEARCHED = 8
_NEIGHBORS = 120
_STRENGTH = 8.0
_SHARPNESS = 4.0  # 12 told a little more, and moved one choice in twenty for a few misspelt words
_MARGIN = 0.01


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

    def logits(self, rows: Floats) -> Doubles:
        """By the nearest prompts and by the nearest clusters, for rows of the featurizer: shape (prompts, models, 2)."""
        records = Records(self, np.arange(len(self.models)))
        grams = rows @ self.directions
        found = [records.logits(place(g, row[BUCKETS:-1])).T for g, row in zip(grams, rows, strict=True)]
        return np.array(found, np.float64).reshape(len(rows), len(self.models), 2)


class Records:
    """The columns of some models, by number of training; -1 for a model never seen, of which nothing is said (logit 0)."""

    def __init__(self, nearby: Nearby, numbers: NDArray[np.intp]) -> None:
        known = numbers >= 0
        right, weight = (np.where(known, part[:, numbers], 0) for part in (nearby.right, nearby.weight))
        usual = float(nearby.right.sum()) / max(float(nearby.weight.sum()), 1.0)
        prior = _STRENGTH * (right.sum(axis=0) + usual) / (weight.sum(axis=0) + 1)
        self._prior = np.where(known, prior, _STRENGTH / 2).astype(np.float32)
        # right and weight side by side, so that one product adds up both; and by cluster, so that nothing is copied
        both = np.ascontiguousarray(np.hstack([right, weight]), np.float32)
        spans = list(zip(nearby.starts[:-1].tolist(), nearby.starts[1:].tolist(), strict=True))
        self._centres = nearby.centres
        self._at = [nearby.at[start:end] for start, end in spans]
        self._both = [both[start:end] for start, end in spans]
        self._by_cluster = np.array([part.sum(axis=0) for part in self._both], np.float32)
        self._searched = min(_SEARCHED, len(spans))
        self._models = len(numbers)

    def logits(self, at: Floats) -> Floats:
        """Shape (2, models): by the nearest prompts, and by clusters."""
        by_cluster = self._centres @ at
        near = np.exp(_SHARPNESS * (by_cluster - by_cluster.max()))
        searched = by_cluster.argpartition(-self._searched)[-self._searched :].tolist()
        similar = [self._at[i] @ at for i in searched]
        everything = np.concatenate(similar)
        if len(everything) > _NEIGHBORS:
            everything.partition(len(everything) - _NEIGHBORS)
            least = max(float(everything[-_NEIGHBORS]), 0.0)
        else:
            least = 0.0
        sums = np.zeros((2, 2 * self._models), np.float32)
        for i, values in zip(searched, similar, strict=True):
            sums[0] += (values * values * (values >= least)) @ self._both[i]
        sums[1] = near @ self._by_cluster
        p = (sums[:, : self._models] + self._prior) / (sums[:, self._models :] + _STRENGTH)
        p = np.minimum(np.maximum(p, _MARGIN), 1 - _MARGIN)
        return np.asarray(np.log(p / (1 - p)))


def place(grams: Floats, structure: Floats) -> Floats:
    """Where a prompt lies: a vector of length one."""
    found = np.concatenate([grams, _STRUCTURE * structure])
    return np.asarray(found / max(float(np.sqrt(found @ found)), _MARGIN**2), np.float32)


def fit_nearby(design: Design) -> Nearby:
    """Remember the prompts of `design` and what models did on them."""
    directions = np.zeros((design.rows.shape[1], DIRECTIONS), np.float32)
    count = min(DIRECTIONS, design.loadings.shape[1] - (design.rows.shape[1] - BUCKETS))
    directions[:BUCKETS, :count] = design.loadings[:BUCKETS, :count]
    raw = np.hstack([design.rows @ directions, _STRUCTURE * design.rows[:, BUCKETS:-1]])
    at = (raw / np.maximum(np.sqrt((raw * raw).sum(axis=1, keepdims=True)), _MARGIN**2)).astype(np.float32)
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
