"""Logistic regression with a ridge, by Newton's method, in plain numpy: fitting needs no other library.

Rules of this file: float64 throughout; outcomes are fractions in [0, 1]; the last column of a design is its constant and is
hardly shrunk.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

_STEPS = 12
_SMALL_STEPS = 40
_LARGEST_STEP = 0.5
_CONVERGED = 1e-2
_LEAST_CURVATURE = 1e-3
CONSTANT_RIDGE = 1e-3
LOGIT_LIMIT = 12.0


def sigmoid(logits: Doubles) -> Doubles:
    """1 / (1 + exp(-x)), without overflow."""
    return 1 / (1 + np.exp(-np.clip(logits, -LOGIT_LIMIT, LOGIT_LIMIT)))


def logit(fractions: Doubles, margin: float = 1e-4) -> Doubles:
    """log(p / (1 - p)) with p kept `margin` away from 0 and 1."""
    inside = np.clip(fractions, margin, 1 - margin)
    return np.asarray(np.log(inside / (1 - inside)))


def bent(at: Doubles, knots: Doubles | NDArray[np.float32]) -> Doubles:
    """Values, and what each exceeds each knot by: shape (values, 1 + knots). A line in these is one that bends."""
    return np.column_stack([at, np.maximum(at[:, None] - knots, 0)])


def ridge_penalty(columns: int, ridge: float, constant_ridge: float = CONSTANT_RIDGE) -> Doubles:
    """The penalty of each column: `ridge`, and another, by default next to nothing, for the constant at the end."""
    penalty = np.full(columns, ridge)
    penalty[-1] = constant_ridge
    return penalty


def fit_logistic(
    design: Doubles,
    outcomes: Doubles,
    weights: Doubles,
    *,
    ridge: float,
    constant_ridge: float = CONSTANT_RIDGE,
    given: Doubles | None = None,
) -> Doubles:
    """Coefficients, shape (columns,), that maximize the penalized likelihood of `outcomes`, shape (rows,).

    `given` are logits, shape (rows,), to which the design's are added.
    """
    coefficients = np.zeros(design.shape[1])
    penalty = ridge_penalty(design.shape[1], ridge, constant_ridge)
    for _ in range(_STEPS):
        logits = design @ coefficients
        expected = sigmoid(logits if given is None else logits + given)
        gradient = design.T @ (weights * (outcomes - expected)) - penalty * coefficients
        curvature = weights * np.maximum(expected * (1 - expected), _LEAST_CURVATURE)
        step = newton_step(design, curvature, gradient, penalty)
        coefficients += step
        if np.abs(step).max() < _CONVERGED:
            break
    return coefficients


def newton_step(design: Doubles, curvature: Doubles, gradient: Doubles, penalty: Doubles) -> Doubles:
    """Solve (design' diag(curvature) design + diag(penalty)) step = gradient."""
    # single precision bends the path, not the end: the gradient that must vanish is in double
    scaled = (design * np.sqrt(curvature)[:, None]).astype(np.float32)
    hessian = (scaled.T @ scaled).astype(np.float64)
    hessian[np.diag_indices(len(penalty))] += penalty
    return np.asarray(np.linalg.solve(hessian, gradient))


def fit_towards(design: Doubles, outcomes: Doubles, towards: Doubles, strength: float) -> Doubles:
    """Coefficients of a small logistic regression, shape (columns,), drawn towards given ones, the last a quarter as much."""
    found = towards.astype(np.float64)
    penalty = np.full(len(found), strength)
    penalty[-1] = strength / 4
    for _ in range(_SMALL_STEPS):
        expected = sigmoid(design @ found)
        gradient = design.T @ (outcomes - expected) - penalty * (found - towards)
        step = newton_step(design, expected * (1 - expected), gradient, penalty)
        # far from the optimum a whole step overshoots, and from there the next one does so by more
        found += step * min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), _CONVERGED))
        if np.abs(step).max() < _CONVERGED:
            break
    return found
