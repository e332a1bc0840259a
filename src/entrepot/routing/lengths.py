"""How long an answer will be: the logarithm of output tokens, linear in the prompt's features.

Every prompt has a length that is its own (shared by all models), every model a habit (its offset), and a small head for
what is peculiar to both. A model never seen is as long as the average one; one that reasons before it answers is longer.
"""

from __future__ import annotations

import msgspec
import numpy as np

from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.logistic import Doubles, newton_step, ridge_penalty

_SHARED_RIDGE = 10.0
_HEAD_RIDGE = 30.0
# Not learned (no outcome here counts hidden reasoning): reasoning models are commonly reported to write several times as
# much. It only orders costs before the first outcomes arrive, and `log_error` is widened by it.
REASONING_FACTOR = 6.0


class Lengths(msgspec.Struct, frozen=True, eq=False):
    """`weights` (columns, models + 1): log output tokens of each model, and last of a model never seen.

    `log_errors` (models + 1,) is the standard deviation around them.
    """

    models: tuple[str, ...]
    weights: Floats
    log_errors: Floats

    def logs(self, rows: Doubles) -> Doubles:
        """Log of output tokens, shape (prompts, models + 1)."""
        return rows @ self.weights

    def folded(self, loadings: Floats) -> Lengths:
        """The same over the featurizer's columns."""
        return msgspec.structs.replace(self, weights=loadings @ self.weights)


def fit_lengths(design: Design) -> Lengths:
    """Fit the shared length, the models' offsets and their heads, by ridge regression."""
    logs = np.log(np.maximum(design.output_tokens, 1))
    known = ~np.isnan(logs)
    offsets = np.zeros(logs.shape[1])
    shared = np.zeros(design.latent.shape[1])
    for _ in range(3):
        offsets = _means(np.where(known, logs - (design.latent @ shared)[:, None], 0), known)
        answers = known.sum(axis=1)
        target = np.where(known, logs - offsets, 0).sum(axis=1)
        penalty = ridge_penalty(len(shared), _SHARED_RIDGE)
        shared = newton_step(design.latent, answers.astype(np.float64), design.latent.T @ target, penalty)
    weights = np.repeat(shared[:, None], logs.shape[1] + 1, axis=1)
    errors = np.ones(logs.shape[1] + 1)
    penalty = ridge_penalty(len(shared), _HEAD_RIDGE)
    for number in range(logs.shape[1]):
        rows = design.latent[known[:, number]]
        if not len(rows):
            weights[-1, number] += offsets.mean()
            continue
        residual = logs[known[:, number], number] - rows @ shared
        weights[:, number] += newton_step(rows, np.ones(len(rows)), rows.T @ residual, penalty)
        errors[number] = np.std(logs[known[:, number], number] - rows @ weights[:, number]) + 0.05
    weights[-1, -1] += offsets.mean()
    errors[-1] = np.hypot(errors[:-1].mean(), offsets.std())
    return Lengths(design.models, weights.astype(np.float32), errors.astype(np.float32))


def _means(values: Doubles, known: Doubles) -> Doubles:
    return np.asarray(values.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
