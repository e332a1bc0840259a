"""Prompts as rows of one design matrix: what every linear estimator multiplies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from entrepot.routing.base import Floats, Prompt
from entrepot.routing.embedder import Embedder, embed
from entrepot.routing.features import BUCKETS, STRUCTURE, read_prompt, read_prompts

_IDF_FLOOR = 0.1
_LEAST_DEVIATION = 1e-3
_TAIL = 0.005


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
        design = np.empty((len(counts), self.columns), np.float32)
        for number in range(len(counts)):
            self._fill(design[number], counts[number], structure[number])
        return design

    def row(self, prompt: Prompt) -> tuple[Floats, float]:
        """One prompt's row, shape (columns,), and its novelty, from 0 to 2: the share of its n-grams that training never
        saw, plus the share of its structural features that are outside the range of training.
        """
        counts, structure = read_prompt(prompt)
        if self.embedder is not None:
            structure = np.concatenate([structure, embed(self.embedder, prompt.text)])
        row = np.empty(self.columns, np.float32)
        return row, self._fill(row, counts, structure)

    def _fill(self, row: Floats, counts: Floats, structure: Floats) -> float:
        grams = row[:BUCKETS]
        np.log1p(counts, out=grams)
        everything = float(grams.sum())
        known = float(grams @ self.seen_)
        grams *= self.idf_
        length = float(np.sqrt(grams @ grams))
        if length > 0:
            grams *= 1 / length
        standard = (structure - self.mean_) * self.scale_
        outside = np.minimum(np.maximum(np.maximum(self.low_ - standard, standard - self.high_), 0), 1)
        np.multiply(standard, 1 - outside, out=row[BUCKETS:-1])
        row[-1] = 1
        unseen = 1 - known / everything if everything else 1.0
        return unseen + float(outside.sum()) / self._outside
