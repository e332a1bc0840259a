"""What estimators are fitted on: outcomes as a table of prompts by models, and prompts in a few hundred dimensions.

Fitting happens in the space of the leading singular vectors of the design matrix (latent semantic analysis, Deerwester et
al. 1990; found by random projection, Halko, Martinsson and Tropp 2011), where Newton's method is cheap. Whatever is linear
there is linear in the buckets too: `loadings` folds it back, so the hot path never sees this space.
"""

from __future__ import annotations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.errors import DataError
from entrepot.routing.base import Floats, Outcomes
from entrepot.routing.embedder import Embedder
from entrepot.routing.features import BUCKETS
from entrepot.routing.featurizer import Featurizer
from entrepot.routing.logistic import Doubles

# The latent columns are stretched so that one ridge suits them and the structural features, the more the more of the
# prompts' variety they hold: what many prompts share is learned, what is one prompt's own is not. By cross-validation.
_LATENT_SCALE = 20.0
_STRUCTURE_SCALE = 0.5
_NOTHING = 1e-12  # prompts without a single n-gram have no direction
_OVERSAMPLING = 20
_POWER_ITERATIONS = 2


class Design(msgspec.Struct, frozen=True, eq=False):
    """Prompts by models.

    `rows` (prompts, columns) are the featurizer's. `latent` (prompts, rank + structure + 1), its last column a one;
    `loadings` (columns of the featurizer, same), so that `latent = rows @ loadings`. `correct`, `output_tokens` (prompts,
    models) are NaN and `weight` is 0 where missing.
    """

    models: tuple[str, ...]
    rows: Floats
    latent: Doubles
    loadings: Floats
    correct: Doubles
    output_tokens: Doubles
    weight: Doubles

    def only(self, prompts: NDArray[np.intp]) -> Design:
        """The same table with these prompts alone."""
        return msgspec.structs.replace(
            self,
            rows=self.rows[prompts],
            latent=self.latent[prompts],
            correct=self.correct[prompts],
            output_tokens=self.output_tokens[prompts],
            weight=self.weight[prompts],
        )


def build_design(
    outcomes: Outcomes, rank: int, seed: int, embedder: Embedder | None = None
) -> tuple[Featurizer, Design]:
    """Read the prompts, learn the features' weights, and lay the outcomes out. Raises DataError if there are none."""
    if not len(outcomes.correct):
        raise DataError("there are no outcomes to learn from")
    featurizer = Featurizer(embedder)
    counts, structure = featurizer.read(outcomes.prompts)
    featurizer.fit(counts, structure)
    rows = featurizer.rows(counts, structure)
    loadings = _loadings(rows, min(rank, len(rows)), np.random.default_rng(seed))
    correct, weight = tabulate(outcomes, outcomes.correct)
    output_tokens, _ = tabulate(outcomes, np.where(outcomes.output_tokens >= 0, outcomes.output_tokens, np.nan))
    return featurizer, Design(
        models=outcomes.models,
        rows=rows,
        latent=(rows @ loadings).astype(np.float64),
        loadings=loadings,
        correct=correct,
        output_tokens=output_tokens,
        weight=weight,
    )


def tabulate(outcomes: Outcomes, values: Floats) -> tuple[Doubles, Doubles]:
    """Weighted mean of `values` by prompt and model, NaN where there is none, and the sum of weights."""
    shape = (len(outcomes.prompts), len(outcomes.models))
    cell = outcomes.prompt.astype(np.int64) * shape[1] + outcomes.model
    known = ~np.isnan(values)
    weight = np.bincount(cell[known], outcomes.weight[known], minlength=shape[0] * shape[1])
    total = np.bincount(cell[known], (outcomes.weight * values)[known], minlength=shape[0] * shape[1])
    mean = np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.nan)
    return mean.reshape(shape), weight.reshape(shape).astype(np.float64)


def _loadings(rows: Floats, rank: int, chance: np.random.Generator) -> Floats:
    """Leading right singular vectors of the hashed part, the structural features and the constant as they are."""
    grams = rows[:, :BUCKETS]
    width = min(rank + _OVERSAMPLING, len(rows))
    basis = np.linalg.qr(grams @ chance.standard_normal((BUCKETS, width), dtype=np.float32))[0]
    for _ in range(_POWER_ITERATIONS):
        basis = np.linalg.qr(grams @ np.linalg.qr(grams.T @ basis)[0])[0]
    _, strengths, directions = np.linalg.svd(basis.T @ grams, full_matrices=False)
    directions = directions[:rank] * (strengths[:rank, None] / max(float(strengths[0]), _NOTHING))
    others = rows.shape[1] - BUCKETS
    loadings = np.zeros((rows.shape[1], len(directions) + others), np.float32)
    loadings[:BUCKETS, : len(directions)] = directions.T * _LATENT_SCALE
    structure = np.arange(others - 1)
    loadings[BUCKETS + structure, len(directions) + structure] = _STRUCTURE_SCALE
    loadings[-1, -1] = 1
    return loadings
