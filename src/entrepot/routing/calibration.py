"""Honest probabilities: the estimators together, weighed and corrected on predictions for prompts they had not learned from.

A fit flatters itself on its own prompts, so the weights are learned on cross-fitted predictions: five times, four fifths of
the prompts predict the fifth that was left out. They are a logistic regression on each model's logits and on the prompt's
ease (stacking, Wolpert 1992; with one member it is Platt's line, 1999), drawn towards that of all models together, which
also serves models that have none of their own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.ability import Ability, fit_ability
from entrepot.routing.base import Floats
from entrepot.routing.design import Design
from entrepot.routing.ease import fit_ease
from entrepot.routing.lengths import Lengths, fit_lengths
from entrepot.routing.linear import Heads, fit_heads, no_heads
from entrepot.routing.logistic import Doubles, bent, fit_towards, sigmoid
from entrepot.routing.nearby import Nearby, fit_nearby

Kind = Literal["ensemble", "linear", "ability"]
"""Ability corrected by heads, heads alone (ability then serves only models never seen), or ability alone."""

_POOLED_STRENGTH = 1.0
_OWN_STRENGTH = 40.0
_KNOTS = (0.15, 0.35, 0.65, 0.85)  # quantiles of the prompts' ease


class Members(msgspec.Struct, frozen=True, eq=False):
    """The estimators of one fit, before calibration. In all kinds but ensembles `ease` (columns of the
    featurizer,) is zero and `nearby` None.
    """

    kind: Kind
    heads: Heads
    ability: Ability
    lengths: Lengths
    ease: Floats
    nearby: Nearby | None

    def logits(self, rows: Doubles) -> Doubles:
        """Logits of the trained models, shape (prompts, models)."""
        by_heads = self.heads.logits(rows)
        return by_heads if self.kind == "linear" else by_heads + self.ability.logits(rows)

    def near(self, rows: Floats) -> Doubles:
        """Logits by what lies near, for rows of the featurizer, shape (prompts, models, 2)."""
        if self.nearby is None:
            return np.zeros((len(rows), len(self.heads.models), 2))
        return self.nearby.logits(rows)

    def folded(self, loadings: Floats) -> Members:
        """The same over the featurizer's columns."""
        return msgspec.structs.replace(
            self,
            heads=self.heads.folded(loadings),
            ability=self.ability.folded(loadings),
            lengths=self.lengths.folded(loadings),
        )


class CrossFit(msgspec.Struct, frozen=True, eq=False):
    """Predictions for every prompt by a fit that had not seen it, shapes (prompts, models); `ease` (prompts,), `near`
    (prompts, models, 2).
    """

    logits: Doubles
    ability_logits: Doubles
    ease: Doubles
    near: Doubles
    output_logs: Doubles


class Calibration(msgspec.Struct, frozen=True, eq=False):
    """Slope and shift of each model's logits, and last those of ability alone, for models never seen: shape (models + 1,).

    `eases` (models + 1, 1 + knots) weigh the prompt's ease beside the logit: a line that may bend at `knots`, for a kind of
    prompt that hardly any model fails on is not merely twice as easy as one that a quarter of them fail on.
    `nears` (models + 1, 2) weigh what lies near; for models never seen nothing does. `length_factors` (models + 1,) turn
    the exponential of a predicted log length into an expected length. `spread` is how far a prompt's own outcomes would
    have moved its logit: the standard error of an estimate for a prompt unlike no other.
    """

    slopes: Floats
    shifts: Floats
    eases: Floats
    knots: Floats
    nears: Floats
    length_factors: Floats
    spread: float


def fit_members(design: Design, kind: Kind) -> Members:
    """Fit every estimator on the whole of `design`."""
    ability = fit_ability(design)
    if kind == "ability":
        heads = no_heads(design)
    else:
        heads = fit_heads(design, None if kind == "linear" else ability.logits(design.latent))
    ease = fit_ease(design) if kind == "ensemble" else np.zeros(design.rows.shape[1], np.float32)
    nearby = fit_nearby(design) if kind == "ensemble" else None
    return Members(kind, heads, ability, fit_lengths(design), ease, nearby)


def cross_fit(design: Design, kind: Kind, folds: int, seed: int, step: Callable[[str], None]) -> CrossFit:
    """Leave each fold of prompts out in turn."""
    prompts = len(design.latent)
    fold = np.random.default_rng(seed).permutation(prompts) % max(2, min(folds, prompts))
    shape = design.correct.shape
    found = CrossFit(
        logits=np.zeros(shape),
        ability_logits=np.zeros(shape),
        ease=np.zeros(shape[0]),
        near=np.zeros((*shape, 2)),
        output_logs=np.zeros((shape[0], shape[1] + 1)),
    )
    if prompts < 2:
        return found
    for number in range(fold.max() + 1):
        step(f"fitting without fold {number + 1} of {fold.max() + 1}")
        left_out = np.flatnonzero(fold == number)
        members = fit_members(design.only(np.flatnonzero(fold != number)), kind)
        rows = design.latent[left_out]
        found.logits[left_out] = members.logits(rows)
        found.ability_logits[left_out] = members.ability.logits(rows)
        found.ease[left_out] = design.rows[left_out] @ members.ease
        found.near[left_out] = members.near(design.rows[left_out])
        found.output_logs[left_out] = members.lengths.logs(rows)
    return found


def fit_calibration(design: Design, members: Members, crossed: CrossFit) -> Calibration:
    """Learn the correction from cross-fitted predictions."""
    known = design.weight > 0
    knots = np.quantile(crossed.ease, _KNOTS) if len(crossed.ease) else np.zeros(len(_KNOTS))
    ease = bent(crossed.ease, knots)

    def stacked(logits: Doubles, among: tuple[NDArray[np.intp], ...], towards: Doubles, strength: float) -> Doubles:
        near = crossed.near[among][:, : len(towards) - ease.shape[1] - 2]
        rows = np.column_stack([logits[among], ease[among[0]], near, np.ones(len(among[0]))])
        return fit_towards(rows, design.correct[among], towards, strength)

    plain = np.zeros(ease.shape[1] + 4)
    plain[0] = 1.0
    everything = known.nonzero()
    pooled = stacked(crossed.logits, everything, plain, _POOLED_STRENGTH)
    own = [
        stacked(crossed.logits, (rows, np.full(len(rows), model)), pooled, _OWN_STRENGTH)
        for model, rows in enumerate(np.flatnonzero(column) for column in known.T)
    ]
    unseen = stacked(crossed.ability_logits, everything, plain[:-2], _POOLED_STRENGTH)
    weights = np.array([*own, np.insert(unseen, -1, [0.0, 0.0])], np.float32)
    moved = (members.logits(design.latent) - crossed.logits)[known]
    return Calibration(
        slopes=weights[:, 0],
        shifts=weights[:, -1],
        eases=weights[:, 1:-3],
        nears=weights[:, -3:-1],
        knots=knots.astype(np.float32),
        length_factors=_length_factors(design, crossed.output_logs),
        spread=float(np.sqrt(np.mean(moved**2))),
    )


def calibrated(calibration: Calibration, logits: Doubles, ease: Doubles, near: Doubles) -> Doubles:
    """P(correct) of trained models, shape (prompts, models); `ease` (prompts,), `near` (prompts, models, 2)."""
    by_ease = bent(ease, calibration.knots) @ calibration.eases[:-1].T
    by_near = (near * calibration.nears[:-1]).sum(axis=2)
    return sigmoid(logits * calibration.slopes[:-1] + by_ease + by_near + calibration.shifts[:-1])


def _length_factors(design: Design, logs: Doubles) -> Floats:
    known = ~np.isnan(design.output_tokens)
    actual = np.where(known, design.output_tokens, 0).sum(axis=0)
    predicted = np.where(known, np.exp(logs[:, :-1]), 0).sum(axis=0)
    overall = actual.sum() / predicted.sum() if predicted.sum() > 0 else 1.0
    own = np.where(predicted > 0, actual / np.where(predicted > 0, predicted, 1), overall)
    return np.append(own, overall).astype(np.float32)
