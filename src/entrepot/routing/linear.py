"""One logistic head a model: P(correct | prompt), learned for each model on its own, never "which model is best".

A model is scored on the prompts it answered; what it did not answer says nothing. Heads stand alone, or correct a logit
that another estimator gives: then a model with few outcomes, and a prompt unlike those of training, stay close to it.
"""

from __future__ import annotations

import msgspec
import numpy as np

from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.logistic import CONSTANT_RIDGE, Doubles, fit_logistic

RIDGE = 30.0
_CORRECTION_RIDGE = 60.0  # of a correction's constant: about as many outcomes as it takes to believe in one


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


def fit_heads(design: Design, given: Doubles | None = None) -> Heads:
    """Fit every model's head on its own outcomes; `given` (prompts, models) are logits to correct, None to stand alone."""
    heads = no_heads(design)
    for number in range(len(design.models)):
        known = design.weight[:, number] > 0
        if known.any():
            heads.weights[:, number] = fit_logistic(
                design.latent[known],
                design.correct[known, number],
                design.weight[known, number],
                ridge=RIDGE,
                constant_ridge=CONSTANT_RIDGE if given is None else _CORRECTION_RIDGE,
                given=None if given is None else given[known, number],
            )
    return heads


def no_heads(design: Design) -> Heads:
    """Heads that add nothing."""
    weights = np.zeros((design.latent.shape[1], len(design.models)), np.float32)
    return Heads(design.models, weights, (design.weight > 0).sum(axis=0).astype(np.float32))
