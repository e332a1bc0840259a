"""Honest probabilities: the estimators together, corrected on predictions for prompts they had not learned from.

A fit flatters itself on its own prompts, so the correction is learned on cross-fitted predictions: five times, four fifths
of the prompts predict the fifth that was left out. It is a line through each model's logits (Platt 1999), drawn towards the
line of all models together, which also serves models that have no line of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np

from entrepot.routing.ability import Ability, fit_ability
from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.lengths import Lengths, fit_lengths
from entrepot.routing.linear import Heads, fit_heads, no_heads
from entrepot.routing.logistic import Doubles, fit_line, sigmoid

Kind = Literal["ensemble", "linear", "ability"]
"""Ability corrected by heads, heads alone (ability then serves only models never seen), or ability alone."""

_POOLED_STRENGTH = 1.0
_OWN_STRENGTH = 40.0


class Members(msgspec.Struct, frozen=True, eq=False):
    """The estimators of one fit, before calibration."""

    kind: Kind
    heads: Heads
    ability: Ability
    lengths: Lengths

    def logits(self, rows: Doubles) -> Doubles:
        """Logits of the trained models, shape (prompts, models)."""
        by_heads = self.heads.logits(rows)
        return by_heads if self.kind == "linear" else by_heads + self.ability.logits(rows)

    def folded(self, loadings: Floats) -> Members:
        """The same over the featurizer's columns."""
        return Members(
            self.kind, self.heads.folded(loadings), self.ability.folded(loadings), self.lengths.folded(loadings)
        )


class CrossFit(msgspec.Struct, frozen=True, eq=False):
    """Predictions for every prompt by a fit that had not seen it, shapes (prompts, models)."""

    logits: Doubles
    ability_logits: Doubles
    output_logs: Doubles


class Calibration(msgspec.Struct, frozen=True, eq=False):
    """Slope and shift of each model's logits, and last those of ability alone, for models never seen: shape (models + 1,).

    `length_factors`, same shape, turn the exponential of a predicted log length into an expected length. `spread` is how far
    a prompt's own outcomes would have moved its logit: the standard error of an estimate for a prompt unlike no other.
    """

    slopes: Floats
    shifts: Floats
    length_factors: Floats
    spread: float


def fit_members(design: Design, kind: Kind) -> Members:
    """Fit every estimator on the whole of `design`."""
    ability = fit_ability(design)
    if kind == "ability":
        heads = no_heads(design)
    else:
        heads = fit_heads(design, None if kind == "linear" else ability.logits(design.latent))
    return Members(kind, heads, ability, fit_lengths(design))


def cross_fit(design: Design, kind: Kind, folds: int, seed: int, step: Callable[[str], None]) -> CrossFit:
    """Leave each fold of prompts out in turn."""
    prompts = len(design.latent)
    fold = np.random.default_rng(seed).permutation(prompts) % max(2, min(folds, prompts))
    shape = design.correct.shape
    found = CrossFit(np.zeros(shape), np.zeros(shape), np.zeros((shape[0], shape[1] + 1)))
    if prompts < 2:
        return found
    for number in range(fold.max() + 1):
        step(f"fitting without fold {number + 1} of {fold.max() + 1}")
        left_out = np.flatnonzero(fold == number)
        members = fit_members(design.only(np.flatnonzero(fold != number)), kind)
        rows = design.latent[left_out]
        found.logits[left_out] = members.logits(rows)
        found.ability_logits[left_out] = members.ability.logits(rows)
        found.output_logs[left_out] = members.lengths.logs(rows)
    return found


def fit_calibration(design: Design, members: Members, crossed: CrossFit) -> Calibration:
    """Learn the correction from cross-fitted predictions."""
    known = design.weight > 0
    pooled = fit_line(crossed.logits[known], design.correct[known], (1.0, 0.0), _POOLED_STRENGTH)
    lines = [
        fit_line(crossed.logits[known[:, i], i], design.correct[known[:, i], i], pooled, _OWN_STRENGTH)
        for i in range(len(design.models))
    ]
    lines.append(fit_line(crossed.ability_logits[known], design.correct[known], (1.0, 0.0), _POOLED_STRENGTH))
    moved = (members.logits(design.latent) - crossed.logits)[known]
    return Calibration(
        slopes=np.array([slope for slope, _ in lines], np.float32),
        shifts=np.array([shift for _, shift in lines], np.float32),
        length_factors=_length_factors(design, crossed.output_logs),
        spread=float(np.sqrt(np.mean(moved**2))),
    )


def calibrated(calibration: Calibration, logits: Doubles) -> Doubles:
    """P(correct) of trained models, shape (prompts, models)."""
    return sigmoid(logits * calibration.slopes[:-1] + calibration.shifts[:-1])


def _length_factors(design: Design, logs: Doubles) -> Floats:
    known = ~np.isnan(design.output_tokens)
    actual = np.where(known, design.output_tokens, 0).sum(axis=0)
    predicted = np.where(known, np.exp(logs[:, :-1]), 0).sum(axis=0)
    overall = actual.sum() / predicted.sum() if predicted.sum() > 0 else 1.0
    own = np.where(predicted > 0, actual / np.where(predicted > 0, predicted, 1), overall)
    return np.append(own, overall).astype(np.float32)
