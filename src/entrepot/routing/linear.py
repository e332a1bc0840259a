"""One logistic head a model: P(correct | prompt), learned for each model on its own, never "which model is best".

A model is scored on the prompts it answered; what it did not answer says nothing.
"""

from __future__ import annotations

import msgspec
import numpy as np

from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.logistic import Doubles, fit_logistic

RIDGE = 7.0


class Heads(msgspec.Struct, frozen=True, eq=False):
    """`weights` (columns, models) give each model's logit as `row @ weights`; `outcomes` counts what each head saw."""

    models: tuple[str, ...]
    weights: Floats
    outcomes: Floats

    def logits(self, rows: Doubles) -> Doubles:
        """Logits, shape (prompts, models)."""
        return rows @ self.weights

    def folded(self, loadings: Floats) -> Heads:
        """The same heads over the featurizer's columns."""
        return msgspec.structs.replace(self, weights=loadings @ self.weights)


def fit_heads(design: Design, ridge: float = RIDGE) -> Heads:
    """Fit every model's head on its own outcomes."""
    weights = np.zeros((design.latent.shape[1], len(design.models)), np.float32)
    for number in range(len(design.models)):
        known = design.weight[:, number] > 0
        if known.any():
            weights[:, number] = fit_logistic(
                design.latent[known], design.correct[known, number], design.weight[known, number], ridge
            )
    return Heads(design.models, weights, (design.weight > 0).sum(axis=0).astype(np.float32))
