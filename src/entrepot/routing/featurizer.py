"""Prompts as rows of one design matrix: what every linear estimator multiplies."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.routing.base import Floats, Prompt, constant
from entrepot.routing.embedder import Embedder, embed
from entrepot.routing.features import BUCKETS, STRUCTURE, read_ngrams, read_prompts

_IDF_FLOOR = 0.1
_LEAST_DEVIATION = 1e-3
_TAIL = 0.005
_NOTHING, _ALL = constant(0.0), constant(1.0)


class Weights(NamedTuple):
    """A prompt as a router weighs it: the weights of those `buckets` that it has n-grams in, and of its structure.

    `novelty`, from 0 to 2, is the share of its n-grams that training never saw, plus the share of its structural features
    that are outside the range of training.
    """

    buckets: NDArray[np.intp]
    grams: Floats
    structure: Floats
    novelty: float


class Featurizer:
    """Prompts as rows of one design matrix: hashed n-grams, structural features, and a one.

    With an `embedder` its dimensions follow the structural features and are treated like them; together they weigh as much.

    An n-gram weighs the logarithm of its count times its inverse document frequency, and the n-grams of a prompt together
    have length one. Structural features are standardized; outside the range that training saw, a feature fades to its mean
    within one standard deviation, for a line fitted to questions of five hundred characters says nothing about "Hi!".
    Learned: `idf_` (BUCKETS,), zero for a bucket that no training prompt fell into, and `seen_`, one for all others; `mean_`,
    `scale_`, and the range from `low_` to `high_` in standard deviations (structure,).
    """

    idf_: Floats
    seen_: Floats
    mean_: Floats
    scale_: Floats
    low_: Floats
    high_: Floats

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder = embedder
        self._outside = len(STRUCTURE) + (0 if embedder is None else embedder.dimensions)

    @property
    def columns(self) -> int:
        """Columns of the design matrix."""
        return BUCKETS + self._outside + 1

    @classmethod
    def of(
        cls, idf: Floats, mean: Floats, scale: Floats, low: Floats, high: Floats, embedder: Embedder | None = None
    ) -> Featurizer:
        """A featurizer that was fitted before. Raises ValueError if the arrays are of another featurizer."""
        featurizer = cls(embedder)
        if idf.shape != (BUCKETS,) or any(part.shape != (featurizer._outside,) for part in (mean, scale, low, high)):
            raise ValueError("the features are not those of this version")
        featurizer.idf_, featurizer.mean_, featurizer.scale_ = idf, mean, scale
        featurizer.low_, featurizer.high_ = low, high
        featurizer.seen_ = (idf > 0).astype(np.float32)
        return featurizer

    def read(self, prompts: Sequence[Prompt]) -> tuple[Floats, Floats]:
        """What `fit` and `rows` take: n-gram counts, shape (prompts, BUCKETS), and structure with the embedder's vectors."""
        counts, structure = read_prompts(prompts)
        if self.embedder is not None:
            structure = np.hstack([structure, np.stack([embed(self.embedder, prompt.text) for prompt in prompts])])
        return counts, structure

    def fit(self, counts: Floats, structure: Floats) -> Featurizer:
        """Learn the weights from what `read` gave, shapes (prompts, BUCKETS) and (prompts, structure)."""
        seen = np.count_nonzero(counts, axis=0)
        self.idf_ = np.where(seen > 0, np.log(len(counts) / np.maximum(seen, 1)) + _IDF_FLOOR, 0).astype(np.float32)
        self.seen_ = (seen > 0).astype(np.float32)
        self.mean_ = structure.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = structure.std(axis=0, dtype=np.float64)
        # what never varied in training must not shout when it first does
        varied = deviation > _LEAST_DEVIATION
        self.scale_ = np.where(varied, 1 / np.maximum(deviation, _LEAST_DEVIATION), 0).astype(np.float32)
        vectors = slice(len(STRUCTURE), None)
        self.scale_[vectors] *= np.sqrt(len(STRUCTURE) / max(1, self._outside - len(STRUCTURE)))
        standard = (structure - self.mean_) * self.scale_
        self.low_, self.high_ = np.quantile(standard, (_TAIL, 1 - _TAIL), axis=0).astype(np.float32)
        return self

    def rows(self, counts: Floats, structure: Floats) -> Floats:
        """The design matrix, shape (prompts, columns), of prompts that were read."""
        design = np.zeros((len(counts), self.columns), np.float32)
        for row, count, outside in zip(design, counts, structure, strict=True):
            self._spread(row, self._weigh(count.nonzero()[0], count[count > 0], outside))
        return design

    def row(self, prompt: Prompt) -> Floats:
        """One prompt's row, shape (columns,)."""
        row = np.zeros(self.columns, np.float32)
        self._spread(row, self.weigh(prompt))
        return row

    def weigh(self, prompt: Prompt) -> Weights:
        """One prompt's row without its zeros, which are nearly all of it."""
        buckets, structure = read_ngrams(prompt)
        if self.embedder is not None:
            structure = np.concatenate([structure, embed(self.embedder, prompt.text)])
        counts = np.bincount(buckets, minlength=BUCKETS)
        found = (counts > 0).nonzero()[0]
        return self._weigh(found, counts.take(found), structure)

    def _weigh(self, buckets: NDArray[np.intp], counts: NDArray[Any], structure: Floats) -> Weights:
        grams = np.log1p(counts, dtype=np.float32)
        everything = float(grams.sum())
        known = float(grams.dot(self.seen_.take(buckets)))
        grams *= self.idf_.take(buckets)
        length = sqrt(grams.dot(grams))
        if length > 0:
            grams *= constant(1 / length)
        standard = (structure - self.mean_) * self.scale_
        outside = np.maximum(self.low_ - standard, standard - self.high_)
        np.minimum(np.maximum(outside, _NOTHING, out=outside), _ALL, out=outside)
        standard *= _ALL - outside
        unseen = 1 - known / everything if everything else 1.0
        return Weights(buckets, grams, standard, unseen + float(outside.sum()) / self._outside)

    def _spread(self, row: Floats, weights: Weights) -> None:
        row[weights.buckets] = weights.grams
        row[BUCKETS:-1] = weights.structure
        row[-1] = 1
