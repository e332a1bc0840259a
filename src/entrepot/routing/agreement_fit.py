"""Teaching a committee when to ask, from what asking gave.

Rules of this file: logits must be cross-fitted, or trust in them is misplaced. Gains are learned backwards, from everybody
asked to nobody asked (Longstaff and Schwartz 2001): what a further opinion gave is the realized worth of going on by the
estimates already made, less that of stopping. All sets of one size share one regression a member.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.agreement import (
    STRAIGHT,
    Asked,
    Ballots,
    Bend,
    Committee,
    Played,
    Trust,
    bend_columns,
    describe,
    play,
)
from entrepot.routing.agreement_trust import fit_trust
from entrepot.routing.logistic import Doubles, fit_towards

_MOST_MEMBERS = 7
_LEAST_QUALITY = 0.6  # of the best member's
_DEARNESS = 0.3  # of quality that a candidate as dear as the best may cost it in the ranking
_FOLDS = 4
# of what stopping is worth, how much is the verdict's own probability and not what came of it: halves the noise of one
# answer, and by cross-validation was better than either alone
_BELIEF = 0.5
_GAIN_RIDGE = 10.0
_LEAST_DEVIATION = 1e-6
_BENDS = (0.1, 0.3, 0.5, 0.7, 0.9)  # quantiles of what is said of accepted answers
_BEND_STRENGTH = 5.0


def choose_members(quality: Doubles, cost_usd: Doubles) -> list[int]:
    """Which of the candidates to consider, by number: the best two, and what is good for its price."""
    means, costs = quality.mean(axis=0), cost_usd.mean(axis=0)
    best = int(means.argmax())
    worth = means - _DEARNESS * costs / costs[best]
    worth[np.argsort(-means)[:2]] = np.inf
    worth[means < _LEAST_QUALITY * means[best]] = -np.inf
    ranked = [int(i) for i in np.argsort(-worth, kind="stable")[:_MOST_MEMBERS] if worth[i] > -np.inf]
    return sorted(ranked)


def fit_committee(
    models: Sequence[str], ballots: Ballots, quality: Doubles, worths: Sequence[float], seed: int = 0
) -> Committee:
    """Learn from prompts that every member answered. `quality` (prompts, members) in [0, 1]."""
    lessons = _read(ballots, quality, _FOLDS, seed)
    return _taught(models, lessons, fit_trust(ballots, quality, seed), np.arange(len(quality)), worths)


def cross_play(
    models: Sequence[str], ballots: Ballots, quality: Doubles, worths: Sequence[float], folds: int, seed: int
) -> tuple[Committee, list[Played]]:
    """The committee that learned from all prompts, and, by setting, what committees that had not seen them did on each.

    The committee's bend is learned on the latter.
    """
    lessons = _read(ballots, quality, folds, seed)
    parts: list[list[Played]] = []
    for number, trust in enumerate(lessons.trusts):
        rows, others = np.flatnonzero(lessons.fold == number), np.flatnonzero(lessons.fold != number)
        committee = _taught(models, lessons, trust, others, worths)
        parts.append([play(committee, ballots.only(rows), setting) for setting in range(len(worths))])
    order = np.argsort(np.concatenate([np.flatnonzero(lessons.fold == number) for number in range(folds)]))
    played = [_joined([part[setting] for part in parts], order) for setting in range(len(worths))]
    committee = _taught(models, lessons, fit_trust(ballots, quality, seed), np.arange(len(quality)), worths)
    committee = msgspec.structs.replace(committee, bend=_fit_bend(played, quality))
    return committee, [msgspec.structs.replace(p, p_correct=committee.calibrated(p.p_correct)) for p in played]


class _Lessons(msgspec.Struct, frozen=True, eq=False):
    """`trusts[i]` was learned from all prompts but those of `fold` i, whose states it described."""

    fold: NDArray[np.intp]
    trusts: list[Trust]
    states: dict[Asked, _State]
    cost_usd: Doubles


class _State(msgspec.Struct, frozen=True, eq=False):
    """All prompts with the same members asked: what describes them, and the quality of stopping there."""

    columns: NDArray[np.float32]
    quality: Doubles


def _read(ballots: Ballots, quality: Doubles, folds: int, seed: int) -> _Lessons:
    """Every set's state, its verdicts by trust learned from other prompts: who flatters himself asks too little."""
    count, members = quality.shape
    fold = np.random.default_rng(seed).permutation(count) % folds
    parts = []
    for number in range(folds):
        rows, others = np.flatnonzero(fold == number), np.flatnonzero(fold != number)
        parts.append((rows, ballots.only(rows), fit_trust(ballots.only(others), quality[others], seed)))
    states: dict[Asked, _State] = {(): _State(describe(ballots, (), None).astype(np.float32), np.zeros(count))}
    for size in range(1, members + 1):
        for asked in combinations(range(members), size):
            verdicts = [(rows, part, trust.weigh(part, asked)) for rows, part, trust in parts]
            described = [describe(part, asked, verdict).astype(np.float32) for _, part, verdict in verdicts]
            columns, stopped = np.zeros((count, described[0].shape[1]), np.float32), np.zeros(count)
            for (rows, _, verdict), values in zip(verdicts, described, strict=True):
                right = quality[rows, verdict.leader]
                columns[rows], stopped[rows] = values, right + _BELIEF * (verdict.p_correct - right)
            states[asked] = _State(columns, stopped)
    return _Lessons(fold, [trust for _, _, trust in parts], states, ballots.cost_usd)


def _taught(
    models: Sequence[str], lessons: _Lessons, trust: Trust, rows: NDArray[np.intp], worths: Sequence[float]
) -> Committee:
    """A committee that learned from these prompts when to ask."""
    states = {asked: _State(state.columns[rows], state.quality[rows]) for asked, state in lessons.states.items()}
    gains = _fit_gains(states, lessons.cost_usd[rows], np.array(worths))
    by_worth = tuple(tuple(weights[:, :, setting] for weights in gains) for setting in range(len(worths)))
    return Committee(tuple(models), trust, tuple(worths), by_worth, STRAIGHT)


def _fit_gains(states: dict[Asked, _State], cost_usd: Doubles, worths: Doubles) -> list[Doubles]:
    """Gains by number of members asked, 0 to all but one, shapes (columns, members, worths)."""
    count, members = cost_usd.shape
    price = cost_usd[:, :, None] / worths
    everybody = tuple(range(members))
    values = {everybody: np.repeat(states[everybody].quality[:, None], len(worths), axis=1)}
    gains: list[Doubles] = []
    for size in range(members - 1, -1, -1):
        sets = list(combinations(range(members), size))
        squares = {asked: states[asked].columns.T @ states[asked].columns for asked in sets}
        weights = np.zeros((len(squares[sets[0]]), members, len(worths)))
        for member in range(members):
            without = [asked for asked in sets if member not in asked]
            square, cross = np.zeros(weights[:, 0, 0].shape * 2), np.zeros(weights[:, 0].shape)
            for asked in without:
                state = states[asked]
                gain = values[_with(asked, member)] - price[:, member] - state.quality[:, None]
                square += squares[asked]
                cross += state.columns.T @ gain.astype(np.float32)
            weights[:, member] = _ridge(square, cross, count, len(without))
        for asked in sets:
            values[asked] = _onward(asked, states[asked], weights, values, price)
        gains.append(weights)
    return gains[::-1]


def _onward(asked: Asked, state: _State, weights: Doubles, values: dict[Asked, Doubles], price: Doubles) -> Doubles:
    """What it is worth to have asked these, by prompt and worth, if from here on the best estimate is followed."""
    width, members, worths = weights.shape
    expected = (state.columns @ weights.astype(np.float32).reshape(width, -1)).reshape(-1, members, worths)
    expected[:, list(asked)] = -np.inf
    best = expected.argmax(axis=1)
    going_on = (expected.max(axis=1) > 0) | (not asked)
    value = np.repeat(state.quality[:, None], worths, axis=1)
    for member in set(range(members)) - set(asked):
        chosen = going_on & (best == member)
        value[chosen] = (values[_with(asked, member)] - price[:, member])[chosen]
    return value


def _ridge(square: Doubles, cross: Doubles, prompts: int, sets: int) -> Doubles:
    """Ridge of what asking gave over all sets together, from sums of products; columns are brought to one scale for it."""
    rows = sets * prompts
    mean = square[0] / rows
    scale = np.sqrt(np.maximum(square.diagonal() / rows - mean**2, 0))
    scale[0] = 1.0
    scale = np.where(scale > _LEAST_DEVIATION, 1 / np.maximum(scale, _LEAST_DEVIATION), 0.0)
    penalty = np.full(len(scale), _GAIN_RIDGE * np.sqrt(sets))
    penalty[0] = _LEAST_DEVIATION
    square = square * scale * scale[:, None] + np.diag(penalty)
    return np.asarray(np.linalg.solve(square, cross * scale[:, None]) * scale[:, None])


def _with(asked: Asked, member: int) -> Asked:
    return tuple(sorted((*asked, member)))


def _joined(parts: list[Played], order: NDArray[np.intp]) -> Played:
    return Played(
        *(np.concatenate([getattr(part, name) for part in parts])[order] for name in Played.__struct_fields__)
    )


def fit_bend(said: Doubles, correct: Doubles) -> Bend:
    """From what was said of answers to how many were right, shape (answers,) each."""
    knots = np.quantile(bend_columns(said, STRAIGHT.knots)[:, 0], _BENDS)
    straight = np.zeros(len(knots) + 2)
    straight[0] = 1.0
    return Bend(knots, fit_towards(bend_columns(said, knots), correct, straight, _BEND_STRENGTH))


def _fit_bend(played: list[Played], quality: Doubles) -> Bend:
    rows = np.arange(len(quality))
    return fit_bend(
        np.concatenate([p.p_correct for p in played]), np.concatenate([quality[rows, p.accepted] for p in played])
    )
