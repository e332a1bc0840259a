"""How easy a prompt is for models at large: one ridge over all n-grams, on what the average model made of each prompt.

The average of many models' outcomes is far less noisy than any one of them, so it can be learned with a light hand and in
all columns, where heads and ability must be held back and see leading directions only. Conjugate gradients (Hestenes and
Stiefel 1952) solve it without forming a matrix of columns by columns.
"""

from __future__ import annotations

import numpy as np

from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.features import BUCKETS

_RIDGE = 2.0
_TURNS = 10
_LOGITS_PER_POINT = 5.0  # the slope of a logistic curve's middle is a quarter; it is flatter elsewhere
_STRUCTURE_SCALE = 0.1
_STEPS = 20
_CONVERGED = 3e-3


def fit_ease(design: Design) -> Floats:
    """Weights over the featurizer's columns, shape (columns,): about the logit by which a prompt is easier.

    Usual is what the same models do on an average prompt; so it matters how many answered a prompt, and not which.
    """
    known = design.weight > 0
    answered = known.sum(axis=1)
    surplus = np.zeros(len(known))
    for _ in range(_TURNS):
        rest = np.where(known, design.correct - surplus[:, None], 0)
        records = rest.sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        surplus = np.where(known, design.correct - records, 0).sum(axis=1) / np.maximum(answered, 1)
        surplus -= surplus.mean()
    trust = (answered / max(answered.max(), 1)).astype(np.float32)
    scale = _scale(design.rows.shape[1])
    target = (trust * (surplus - np.average(surplus, weights=trust))).astype(np.float32)
    weights = _solve(design.rows, scale, trust, target)
    weights *= scale * _LOGITS_PER_POINT
    middle = float(np.average(design.rows @ weights, weights=trust))
    weights[-1] -= middle
    return weights


def _scale(columns: int) -> Floats:
    scale = np.ones(columns, np.float32)
    scale[BUCKETS:-1] = _STRUCTURE_SCALE
    return scale


def _solve(rows: Floats, scale: Floats, trust: Floats, target: Floats) -> Floats:
    """Solve (S rows' T rows S + ridge) w = S rows' target for w, S and T the diagonals of `scale` and `trust`."""
    residual = scale * (rows.T @ target)
    weights = np.zeros_like(residual)
    direction, strength = residual.copy(), float(residual @ residual)
    enough = _CONVERGED**2 * strength
    for _ in range(_STEPS):
        if strength <= enough:
            break
        image = scale * (rows.T @ (trust * (rows @ (scale * direction)))) + _RIDGE * direction
        step = strength / float(direction @ image)
        weights += step * direction
        residual -= step * image
        strength, before = float(residual @ residual), strength
        direction = residual + (strength / before) * direction
    return weights
