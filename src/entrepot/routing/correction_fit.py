"""A correction fitted on what came of live exchanges: a logistic regression on the fit's own logits, drawn towards what stood.

Every model's logit is corrected by what all have in common (a company's prompts are harder, its people stricter) and by what
is its own; both are normal around what stood before, the common part wide and the own part narrow (a mixed model, solved for
its mode by Newton's method). So where one model alone has outcomes, most of what they say is taken to hold for all, for nothing
else tells whether it is the model that is worse or the prompts that are harder.

Rules of this file: pure; a model with fewer outcomes than `FEWEST` has no adjustment of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.routing.correction import NOTHING, Adjustment, Correction
from entrepot.routing.logistic import sigmoid

Doubles = NDArray[np.float64]

FEWEST = 20.0
"""Outcomes, by weight, from which on a model has an adjustment of its own."""
_STEPS = 30
_CONVERGED = 1e-7
_WIDTHS = np.array([0.3, 1.0, 0.3])
"""Of the common slope, shift and weight of ease: the standard deviations before anything is seen. Those of a model's own:"""
_OWN_WIDTHS = np.array([0.2, 0.5, 0.2])
_SHIFT = 1


class Seen(NamedTuple):
    """Live outcomes, shape (n,): which of `models`, the uncorrected fit's logit, the prompt's ease, how well, of what weight."""

    models: tuple[str, ...]
    model: NDArray[np.intp]
    logit: Doubles
    ease: Doubles
    score: Doubles
    weight: Doubles

    def only(self, rows: NDArray[np.intp]) -> Seen:
        """The same with these alone."""
        _, model, logit, ease, score, weight = self
        return Seen(self.models, model[rows], logit[rows], ease[rows], score[rows], weight[rows])


def fit_correction(seen: Seen, before: Correction = NOTHING, *, shifts_only: bool = False) -> Correction:
    """The correction that outcomes speak for, drawn towards `before`; with `shifts_only` slopes and ease stay as they were."""
    count = len(seen.models)
    at = np.bincount(seen.model, seen.weight, count) >= FEWEST if len(seen.model) else np.zeros(count, bool)
    own = np.flatnonzero(at)
    place = np.full(count, -1)
    place[own] = np.arange(len(own))
    fields = np.array([_SHIFT]) if shifts_only else np.arange(3)
    start = _table(before, [seen.models[i] for i in own])
    offset = _table(before, seen.models)[1:]  # of each model as it stood
    basis = np.column_stack([seen.logit, np.ones(len(seen.logit)), seen.ease])
    stood = (basis * offset[seen.model]).sum(axis=1) if len(seen.model) else np.zeros(0)
    steps = _mode(basis[:, fields], stood, place[seen.model], len(own), seen.score, seen.weight, fields)
    moved = np.zeros((len(own) + 1, 3))
    moved[:, fields] = steps
    common = _adjustment(start[0] + moved[0])
    models = {name: _adjustment(row + moved[0]) for name, row in _others(before, seen, own)}
    for number, i in enumerate(own):
        models[seen.models[i]] = _adjustment(start[number + 1] + moved[0] + moved[number + 1])
    return Correction(common, dict(sorted(models.items())))


def _others(before: Correction, seen: Seen, own: NDArray[np.intp]) -> list[tuple[str, Doubles]]:
    """Models that had an adjustment of their own and of which too little is new: what is common moves them too."""
    taken = {seen.models[i] for i in own}
    return [(name, _row(one)) for name, one in before.models.items() if name not in taken]


def _mode(
    basis: Doubles,
    stood: Doubles,
    own: NDArray[np.intp],
    count: int,
    score: Doubles,
    weight: Doubles,
    fields: NDArray[np.intp],
) -> Doubles:
    """How far the common part and each own part move, shape (1 + count, fields)."""
    n, k = basis.shape
    design = np.zeros((n, 1 + count, k))
    design[:, 0] = basis
    has = np.flatnonzero(own >= 0)
    design[has, own[has] + 1] = basis[has]
    flat = design.reshape(n, (1 + count) * k)
    precision = np.concatenate([1 / _WIDTHS[fields] ** 2, np.tile(1 / _OWN_WIDTHS[fields] ** 2, count)])
    found = np.zeros((1 + count) * k)
    for _ in range(_STEPS):
        p = sigmoid(stood + flat @ found)
        slope = flat.T @ (weight * (score - p)) - precision * found
        curve = (flat * (weight * p * (1 - p))[:, None]).T @ flat + np.diag(precision)
        step = np.linalg.solve(curve, slope)
        size = float(np.abs(step).max())
        found += step * min(1.0, 1.0 / max(size, 1e-12))
        if size < _CONVERGED:
            break
    return found.reshape(1 + count, k)


def _table(correction: Correction, models: tuple[str, ...] | list[str]) -> Doubles:
    return np.array([_row(correction.common), *(_row(correction.of(name)) for name in models)])


def _row(one: Adjustment) -> Doubles:
    return np.array([one.slope, one.shift, one.ease])


def _adjustment(row: Doubles) -> Adjustment:
    return Adjustment(*(float(value) for value in row)).rounded()
