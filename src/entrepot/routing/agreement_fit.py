"""Teaching a committee: whom to trust from who was right, and when to ask from what asking gave.

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

from entrepot.routing.agreement import Asked, Ballots, Committee, Played, Trust, describe, play
from entrepot.routing.logistic import Doubles, fit_towards

_MOST_MEMBERS = 7
_LEAST_QUALITY = 0.6  # of the best member's
_DEARNESS = 0.3  # of quality that a candidate as dear as the best may cost it in the ranking
_TRUST_SETS = 30
_TRUST_ROWS = 1500
_TRUST_RIDGE = 0.1
_USUAL_TRUST = 0.8
_NEWTON_STEPS = 15
_LARGEST_STEP = 0.5
_GAIN_RIDGE = 10.0
_CONVERGED = 1e-3
_MARGIN = 1e-6


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
    trust = fit_trust(ballots, quality, seed)
    states = _states(trust, ballots, quality)
    gains = tuple(_fit_gains(states, ballots, quality, worth) for worth in worths)
    return Committee(tuple(models), trust, tuple(worths), gains, (1.0, 0.0))


def cross_play(
    models: Sequence[str], ballots: Ballots, quality: Doubles, worths: Sequence[float], folds: int, seed: int
) -> tuple[Committee, list[Played]]:
    """The committee that learned from all prompts, and, by setting, what committees that had not seen them did on each.

    The committee's line is learned on the latter.
    """
    fold = np.random.default_rng(seed).permutation(len(quality)) % folds
    parts: list[list[Played]] = []
    for number in range(folds):
        learned = np.flatnonzero(fold != number)
        committee = fit_committee(models, ballots.only(learned), quality[learned], worths, seed)
        left_out = ballots.only(np.flatnonzero(fold == number))
        parts.append([play(committee, left_out, setting) for setting in range(len(worths))])
    order = np.argsort(np.concatenate([np.flatnonzero(fold == number) for number in range(folds)]))
    played = [_joined([part[setting] for part in parts], order) for setting in range(len(worths))]
    committee = fit_committee(models, ballots, quality, worths, seed)
    line = _fit_line(played, quality)
    played = [
        msgspec.structs.replace(p, p_correct=msgspec.structs.replace(committee, line=line).calibrated(p.p_correct))
        for p in played
    ]
    return msgspec.structs.replace(committee, line=line), played


def fit_trust(ballots: Ballots, quality: Doubles, seed: int) -> Trust:
    """A conditional logit (McFadden 1974) over the answers given and "none is right", on random sets of members."""
    count, members = quality.shape
    chance = np.random.default_rng(seed)
    sets = [asked for size in range(1, members + 1) for asked in combinations(range(members), size)]
    drawn = [sets[i] for i in chance.permutation(len(sets))[:_TRUST_SETS]]
    tables = [
        _alternatives(ballots.only(rows), quality[rows], asked)
        for asked in [*drawn, sets[-1]]
        for rows in [chance.permutation(count)[:_TRUST_ROWS]]
    ]
    towards = np.zeros(members + 4)
    towards[:members], towards[members] = _USUAL_TRUST, 1.0
    found = towards.copy()
    for _ in range(_NEWTON_STEPS):
        gradient = -_TRUST_RIDGE * len(tables) * (found - towards)
        hessian = np.eye(len(found)) * _TRUST_RIDGE * len(tables)
        for columns, present, right in tables:
            scores = np.where(present, columns @ found, -np.inf)
            shares = np.exp(scores - scores.max(axis=1, keepdims=True))
            shares /= shares.sum(axis=1, keepdims=True)
            mean = np.einsum("na,nad->nd", shares, columns)
            gradient += (np.einsum("na,nad->nd", right, columns) - mean).sum(axis=0)
            hessian += np.einsum("nad,na,nae->de", columns, shares, columns, optimize=True) - mean.T @ mean
        # far from the optimum a whole step would overshoot it
        step = np.linalg.solve(hessian, gradient)
        found += step * min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), _MARGIN))
        if np.abs(step).max() < _CONVERGED:
            break
    return Trust(found[:members], float(found[members]), found[members + 1 :])


def _alternatives(ballots: Ballots, quality: Doubles, asked: Asked) -> tuple[Doubles, NDArray[np.bool_], Doubles]:
    """Columns (prompts, alternatives, parameters), which alternatives there are, and what share of being right each has."""
    members = list(asked)
    count, total, size = len(quality), quality.shape[1], len(members)
    answers, logits = ballots.answers[:, members], ballots.logits[:, members]
    same = (answers[:, :, None] == answers[:, None, :]) & (answers >= 0)[:, :, None]
    first = (same.argmax(axis=2) == np.arange(size)) & (answers >= 0)
    columns = np.zeros((count, size + 1, total + 4))
    columns[:, :size, members] = same
    columns[:, :size, total] = (same * logits[:, None, :]).sum(axis=2)
    columns[:, size, total + 1 :] = np.column_stack([np.ones(count), logits.mean(axis=1), np.full(count, size)])
    credit = (same * quality[:, None, members]).max(axis=2) * first
    right = np.column_stack([credit, np.maximum(1 - credit.sum(axis=1), 0)])
    return columns, np.column_stack([first, np.ones(count, bool)]), right / right.sum(axis=1, keepdims=True)


class _State(msgspec.Struct, frozen=True, eq=False):
    """All prompts with the same members asked: what describes them, and the quality of stopping there."""

    columns: NDArray[np.float32]
    quality: Doubles


def _states(trust: Trust, ballots: Ballots, quality: Doubles) -> dict[Asked, _State]:
    count, members = quality.shape
    found: dict[Asked, _State] = {(): _State(describe(ballots, (), None).astype(np.float32), np.zeros(count))}
    for size in range(1, members + 1):
        for asked in combinations(range(members), size):
            verdict = trust.weigh(ballots, asked)
            columns = describe(ballots, asked, verdict).astype(np.float32)
            found[asked] = _State(columns, quality[np.arange(count), verdict.leader])
    return found


def _fit_gains(states: dict[Asked, _State], ballots: Ballots, quality: Doubles, worth: float) -> tuple[Doubles, ...]:
    """Gains by number of members asked, 0 to all but one."""
    count, members = quality.shape
    price = ballots.cost_usd / worth
    values = {tuple(range(members)): states[tuple(range(members))].quality}
    gains: list[Doubles] = []
    for size in range(members - 1, -1, -1):
        sets = list(combinations(range(members), size))
        weights = np.column_stack(
            [
                _fit_gain(states, values, price, member, [s for s in sets if member not in s])
                for member in range(members)
            ]
        )
        for asked in sets:
            state = states[asked]
            expected = state.columns @ weights.astype(np.float32)
            expected[:, list(asked)] = -np.inf
            best = expected.argmax(axis=1)
            going_on = np.full(count, not asked) | (expected[np.arange(count), best] > 0)
            value = state.quality.copy()
            for member in np.unique(best[going_on]).tolist():
                rows = going_on & (best == member)
                value[rows] = values[_with(asked, member)][rows] - price[rows, member]
            values[asked] = value
        gains.append(weights)
    return tuple(gains[::-1])


def _fit_gain(
    states: dict[Asked, _State], values: dict[Asked, Doubles], price: Doubles, member: int, sets: list[Asked]
) -> Doubles:
    """Ridge of what asking `member` gave, over all `sets` together; columns are brought to one scale for it."""
    width = states[sets[0]].columns.shape[1]
    square, cross = np.zeros((width, width)), np.zeros(width)
    for asked in sets:
        columns = states[asked].columns
        gain = values[_with(asked, member)] - price[:, member] - states[asked].quality
        square += columns.T @ columns
        cross += columns.T @ gain.astype(np.float32)
    rows = len(sets) * len(price)
    mean = square[0] / rows
    scale = np.sqrt(np.maximum(square.diagonal() / rows - mean**2, 0))
    scale[0] = 1.0
    scale = np.where(scale > 1e-6, 1 / np.maximum(scale, 1e-6), 0.0)
    penalty = np.full(width, _GAIN_RIDGE * np.sqrt(len(sets)))
    penalty[0] = 1e-6
    square = square * scale * scale[:, None] + np.diag(penalty)
    return np.asarray(np.linalg.solve(square, cross * scale) * scale)


def _with(asked: Asked, member: int) -> Asked:
    return tuple(sorted((*asked, member)))


def _joined(parts: list[Played], order: NDArray[np.intp]) -> Played:
    return Played(
        *(np.concatenate([getattr(part, name) for part in parts])[order] for name in Played.__struct_fields__)
    )


def _fit_line(played: list[Played], quality: Doubles) -> tuple[float, float]:
    logits = np.concatenate([np.log((p.p_correct + 1e-6) / (1 - p.p_correct + 1e-6)) for p in played])
    correct = np.concatenate([quality[np.arange(len(quality)), p.accepted] for p in played])
    slope, shift = fit_towards(np.column_stack([logits, np.ones(len(logits))]), correct, np.array([1.0, 0.0]), 1.0)
    return float(slope), float(shift)
