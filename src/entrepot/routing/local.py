"""What the two estimators that remember past prompts share: where a prompt lies, and records near it, shrunk.

A prompt lies where its n-grams point in the leading singular directions of training; its structural features count a
little. Records near it are drawn towards each model's record on all prompts, by the weight of a few outcomes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from entrepot.routing.base import Basis, Estimates, Floats, ModelFacts
from entrepot.routing.design import Design
from entrepot.routing.featurizer import Featurizer

_STRUCTURE = 0.15
DIRECTIONS = 64


class Places(msgspec.Struct, frozen=True, eq=False):
    """`loadings` (columns, dimensions) bring a featurizer's row to its place, a vector of length one."""

    featurizer: Featurizer
    loadings: Floats

    def of(self, rows: Floats) -> Floats:
        """Places of rows, shape (prompts, dimensions)."""
        raw = rows @ self.loadings
        length = np.sqrt((raw * raw).sum(axis=1, keepdims=True))
        return np.asarray(raw / np.maximum(length, 1e-6), np.float32)


class Sums(msgspec.Struct, eq=False):
    """Weighted sums of outcomes by place and model, shapes (places, models): they take one more outcome by addition."""

    weight: Floats
    right: Floats
    lengths: Floats
    log_tokens: Floats


def find_places(featurizer: Featurizer, design: Design) -> Places:
    """Places from the design's leading directions."""
    others = _others(featurizer)
    grams = design.loadings[:, :-others][:, :DIRECTIONS]
    structure = design.loadings[:, -others:-1] * _STRUCTURE
    return Places(featurizer, np.ascontiguousarray(np.hstack([grams, structure]), np.float32))


def sums_of(design: Design) -> Sums:
    """One place a prompt."""
    known = design.weight > 0
    written = ~np.isnan(design.output_tokens)
    logs = np.log(np.maximum(np.where(written, design.output_tokens, 1), 1))
    return Sums(
        weight=design.weight.astype(np.float32),
        right=(np.where(known, design.correct, 0) * design.weight).astype(np.float32),
        lengths=written.astype(np.float32),
        log_tokens=np.where(written, logs, 0).astype(np.float32),
    )


def overall(sums: Sums) -> tuple[Floats, Floats]:
    """Each model's share of right answers and mean log length, drawn a little towards those of all together."""
    right = (sums.right.sum(axis=0) + sums.right.sum() / max(sums.weight.sum(), 1)) / (sums.weight.sum(axis=0) + 1)
    usual = sums.log_tokens.sum() / max(sums.lengths.sum(), 1)
    logs = (sums.log_tokens.sum(axis=0) + usual) / (sums.lengths.sum(axis=0) + 1)
    return np.asarray(right, np.float32), np.asarray(logs, np.float32)


def estimates_near(
    models: tuple[str, ...], known: Sequence[int | None], near: Floats, sums: Sums, strength: float
) -> Estimates:
    """Records weighed by `near` (places,), with `strength` outcomes of each model's record on all prompts."""
    right, logs = overall(sums)
    seen = near @ sums.weight
    p = (near @ sums.right + strength * right) / (seen + strength)
    log_tokens = (near @ sums.log_tokens + strength * logs) / (near @ sums.lengths + strength)
    number = np.array([-1 if at is None else at for at in known])
    p = np.where(number < 0, right.mean() - right.std(), p[number]).clip(1e-3, 1 - 1e-3).astype(np.float32)
    seen = np.where(number < 0, 0, seen[number])
    basis: tuple[Basis, ...] = tuple("prior" if at is None else "outcomes" for at in known)
    return Estimates(
        models=models,
        p_correct=p,
        p_error=np.sqrt(p * (1 - p) / (seen + strength / 4)).astype(np.float32),
        output_tokens=np.exp(np.where(number < 0, logs.mean(), log_tokens[number])).astype(np.float32),
        log_error=np.full(len(models), 0.6, np.float32),
        basis=basis,
    )


def numbers_of(models: Sequence[str], facts: Mapping[str, ModelFacts], trained: Sequence[str]) -> list[int | None]:
    """Each model's number in training, found by any of its names; None for one never seen."""
    numbers = {name: number for number, name in enumerate(trained)}
    return [
        next((numbers[n] for n in (model, *(facts[model].names if model in facts else ())) if n in numbers), None)
        for model in models
    ]


def _others(featurizer: Featurizer) -> int:
    return len(featurizer.mean_) + 1
