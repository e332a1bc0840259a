"""Teaching a committee whom to trust, from who was right.

Rules of this file: logits must be cross-fitted, or trust in kinds of prompts is misplaced. What all sets of members of one
size have in common is learned from all of them; what is peculiar to a set is held to that by a ridge.
"""

from __future__ import annotations

from itertools import combinations

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.agreement import Asked, Ballots, Kinds, Trust, against, limited, number_of
from entrepot.routing.logistic import Doubles

_KINDS = 3
_USUAL_TRUST = 0.8
_SIZE_SETS = 10
_SIZE_ROWS = 1500
_SIZE_RIDGE = 3.0  # for each set that is learned from
_SIZE_STEPS = 15
_SET_RIDGE = 20.0
_SET_STEPS = 2
_LARGEST_STEP = 0.5
_CONVERGED = 1e-2
_MARGIN = 1e-6


def fit_kinds(ballots: Ballots) -> Kinds:
    """The leading principal directions of the members' logits."""
    centre = ballots.logits.mean(axis=0)
    _, strengths, directions = np.linalg.svd(ballots.logits - centre, full_matrices=False)
    count = min(_KINDS, len(strengths))
    scale = np.sqrt(len(ballots.logits)) / np.maximum(strengths[:count], _MARGIN)
    return Kinds(centre, directions[:count].T * scale)


def fit_trust(ballots: Ballots, quality: Doubles, seed: int) -> Trust:
    """A conditional logit (McFadden 1974) over the answers given and "none is right": one for all sets of members of one
    size, then one for each set, drawn towards it.
    """
    count, members = quality.shape
    kinds = fit_kinds(ballots)
    each = 2 + kinds.directions.shape[1]
    chance = np.random.default_rng(seed)
    own = np.zeros((1 << members, members, each))
    none = np.zeros((1 << members, 2 + each))
    towards = np.zeros(members * each + 2 + each)
    towards[: members * each : each] = _USUAL_TRUST
    usual = towards
    for size in range(1, members + 1):
        sets = list(combinations(range(members), size))
        some = [sets[i] for i in chance.permutation(len(sets))[:_SIZE_SETS]]
        rows = [chance.permutation(count)[:_SIZE_ROWS] for _ in some]
        tables = [_alternatives(ballots.only(r), quality[r], asked, kinds) for r, asked in zip(rows, some, strict=True)]
        places = [_places(asked, members, each) for asked in some]
        usual = _fit_choices(tables, places, usual, towards, _SIZE_RIDGE * len(tables), _SIZE_STEPS)
        for asked in sets:
            place = _places(asked, members, each)
            table = _alternatives(ballots, quality, asked, kinds)
            found = usual.copy()
            everything = [np.arange(len(place))]
            found[place] = _fit_choices([table], everything, usual[place], usual[place], _SET_RIDGE, _SET_STEPS)
            own[number_of(asked)] = found[: members * each].reshape(members, each)
            none[number_of(asked)] = found[members * each :]
    return Trust(own, none, kinds)


class _Choices(msgspec.Struct, frozen=True, eq=False):
    """Prompts' alternatives one after another: `columns` (alternatives, parameters of those asked), `first` (prompts,) of
    each prompt, `prompt` of each alternative, and what share of being right it has.
    """

    columns: NDArray[np.float32]
    first: NDArray[np.intp]
    prompt: NDArray[np.intp]
    right: Doubles


def _places(asked: Asked, members: int, each: int) -> NDArray[np.intp]:
    """Where the parameters of those asked are among all."""
    own = [np.arange(member * each, (member + 1) * each) for member in asked]
    return np.concatenate([*own, np.arange(members * each, members * each + 2 + each)])


def _fit_choices(
    tables: list[_Choices], places: list[NDArray[np.intp]], start: Doubles, towards: Doubles, ridge: float, steps: int
) -> Doubles:
    """Newton's method on the penalized likelihood of all tables."""
    found = start.copy()
    for _ in range(steps):
        gradient = ridge * (towards - found)
        hessian = np.diag(np.full(len(found), ridge))
        for table, place in zip(tables, places, strict=True):
            scores = table.columns @ found[place].astype(np.float32)
            scores -= np.maximum.reduceat(scores, table.first)[table.prompt]
            shares = np.exp(scores)
            shares /= np.add.reduceat(shares, table.first)[table.prompt]
            weighed = table.columns * shares[:, None]
            mean = np.add.reduceat(weighed, table.first, axis=0)
            gradient[place] += table.columns.T @ (table.right - shares)
            hessian[np.ix_(place, place)] += table.columns.T @ weighed - mean.T @ mean
        # far from the optimum a whole step would overshoot it
        step = np.linalg.solve(hessian, gradient)
        found += step * min(1.0, _LARGEST_STEP / max(float(np.abs(step).max()), _MARGIN))
        if np.abs(step).max() < _CONVERGED:
            break
    return found


def _alternatives(ballots: Ballots, quality: Doubles, asked: Asked, kinds: Kinds) -> _Choices:
    """The distinct answers of those asked to each prompt, and last "none"."""
    members = list(asked)
    count, size = len(quality), len(members)
    answers, at = ballots.answers[:, members], kinds.of(ballots)
    each = 2 + at.shape[1]
    same = (answers[:, :, None] == answers[:, None, :]) & (answers >= 0)[:, :, None]
    first = (same.argmax(axis=2) == np.arange(size)) & (answers >= 0)
    credit = (same * quality[:, None, members]).max(axis=2) * first
    right = np.column_stack([credit, np.maximum(1 - credit.sum(axis=1), 0)])
    prompt, alternative = np.nonzero(np.column_stack([first, np.ones(count, bool)]))
    columns = np.zeros((len(prompt), size * each + 2 + each), np.float32)
    is_none = alternative == size
    columns[is_none, size * each :] = against(ballots, asked, at)
    voters = same[prompt[~is_none], alternative[~is_none]]
    surprise = limited(ballots.surprise[:, members])
    of_voter = np.concatenate(
        [np.ones((count, size, 1)), surprise[:, :, None], np.broadcast_to(at[:, None], (count, size, each - 2))], axis=2
    )
    columns[~is_none, : size * each] = (voters[:, :, None] * of_voter[prompt[~is_none]]).reshape(-1, size * each)
    shares = (right / right.sum(axis=1, keepdims=True))[prompt, alternative]
    return _Choices(columns, np.flatnonzero(np.diff(prompt, prepend=-1)), prompt, shares)
