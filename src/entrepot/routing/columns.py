"""The choices of `utility.decide`, made for many requests at once.

Rules of this file: numpy, and the same arithmetic in the same order as `goals.py`, so that the two choose alike to the last
bit; a property test holds them to it. Columns are deployments in the order of their ids, which is how ties end. An option of
unknown price has an infinite cost. Only who goes first is worked out, with the reasons for it left to `goals.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.routing.goals import SLACK
from entrepot.routing.utility import Goal
from entrepot.routing.worth import Knob

Doubles = NDArray[np.float64]
Bools = NDArray[np.bool_]
Places = NDArray[np.intp]
Tier = tuple[Bools, Sequence[Doubles]]

NOBODY = -1


class Columns(NamedTuple):
    """What is known of many requests' candidates, shape (requests, deployments).

    `option`: it may be asked. `well`: it is not to be put last. `known`: its estimate rests on something. Where it is no
    option, the numbers mean nothing.
    """

    p_correct: Doubles
    cost_usd: Doubles
    known: Bools
    option: Bools
    well: Bools

    def only(self, rows: NDArray[np.intp] | slice) -> Columns:
        """The same with these requests alone."""
        return Columns(self.p_correct[rows], self.cost_usd[rows], self.known[rows], self.option[rows], self.well[rows])


class Rule(NamedTuple):
    """What chooses: a goal, its reference's column (None: it is none of them), and what the goal comes to over all requests.

    `among` and `shares`, by column, are the knob's and the goal's.
    """

    goal: Goal
    reference: int | None
    knob: Knob | None
    among: Bools | None
    shares: Doubles


def rule_of(goal: Goal, reference: str | None, knob: Knob | None, deployments: Sequence[str]) -> Rule:
    """The rule for these columns, which are ids in their order."""
    among = None if knob is None or knob.among is None else np.array([id_ in knob.among for id_ in deployments])
    shares = dict(goal.shares)
    return Rule(
        goal,
        deployments.index(reference) if reference in deployments else None,
        knob,
        among,
        np.array([shares.get(id_, 0.0) for id_ in deployments]),
    )


def first_choices(columns: Columns, rule: Rule, worths: Doubles, lots: Doubles | None = None) -> Places:
    """Whom each request is given to first, as `decide` and `demote` would have it: a column, NOBODY where there is no option.

    `worths` (requests,): what a right answer is worth to each, where the goal or its knob weighs it. `lots` (requests,), uniform
    in [0, 1), draw where the goal is shares.
    """
    goal = rule.goal
    if goal.kind == "shares":
        return _by_share(columns, rule, np.zeros(len(worths)) if lots is None else lots)
    if goal.kind == "cheapest_within" and rule.knob is not None and not goal.each_request and not rule.knob.refused:
        guessed = _is_guessed(columns, rule.reference)
        if guessed.any():  # of these nothing is known of the reference, so that each is held to a bar of its own
            found = np.full(len(worths), NOBODY, np.intp)
            for rows, each in ((np.flatnonzero(guessed), rule._replace(knob=None)), (np.flatnonzero(~guessed), rule)):
                found[rows] = _bounded(columns.only(rows), each, worths[rows])
            return found
    return _bounded(columns, rule, worths)


def first_by_price(groups: Sequence[Bools], price: Doubles, well: Bools) -> Places:
    """The least expensive of the first group that has anybody who is well, if there is none of the first that has anybody."""
    return _first([(mask, [price]) for mask in groups], well)


def _is_guessed(columns: Columns, reference: int | None) -> Bools:
    if reference is None:
        return np.zeros(len(columns.option), bool)
    return np.asarray(columns.option[:, reference] & ~columns.known[:, reference])


def _bounded(columns: Columns, rule: Rule, worths: Doubles) -> Places:
    """By the goal, with what a bound on cost leaves of it."""
    goal, limit = rule.goal, rule.goal.max_cost_usd
    if goal.kind == "best_under":
        return _first(_best_under(columns, np.inf if limit is None else limit), columns.well)
    tiers = _tiers(columns, rule, worths)
    if limit is None:
        return _first(tiers, columns.well)
    aimed = _first(tiers, np.ones_like(columns.well))
    under = _under(columns, limit)
    kept = np.take_along_axis(under, np.maximum(aimed, 0)[:, None], axis=1)[:, 0]
    within = _first(
        [*((mask & under, keys) for mask, keys in tiers), (columns.option & ~under, _by_cost(columns))], columns.well
    )
    return np.where(kept, within, _first(_best_under(columns, limit), columns.well))


def _tiers(columns: Columns, rule: Rule, worths: Doubles) -> list[Tier]:
    goal, knob = rule.goal, rule.knob
    if goal.kind == "weighted":
        return _by_worth(columns, worths, None, None)
    if knob is None or goal.each_request:
        return _within_bar(columns, goal.max_loss, rule.reference)
    if knob.refused:
        return _safest(columns, rule.reference)
    return _by_worth(columns, worths, rule.reference, rule.among)


def _under(columns: Columns, limit: float) -> Bools:
    return np.asarray(columns.option & (columns.cost_usd <= limit) & (columns.cost_usd < np.inf))


def _somebody(mask: Bools) -> Bools:
    """Whether a row has anybody, shape (requests, 1)."""
    return np.asarray(mask.any(axis=1, keepdims=True))


def _by_cost(columns: Columns) -> list[Doubles]:
    return [columns.cost_usd, -columns.p_correct]


def _by_quality(columns: Columns) -> list[Doubles]:
    return [-columns.p_correct, columns.cost_usd]


def _within_bar(columns: Columns, max_loss: float, reference: int | None) -> list[Tier]:
    option, rows = columns.option, np.arange(len(columns.option))
    known = (option & columns.known).any(axis=1)
    best = _pick(option, _by_quality(columns))
    alone = np.zeros(len(rows), bool)
    if reference is not None:
        measures = option[:, reference] & (columns.known[:, reference] | ~known)
        best = np.where(measures, reference, best)
        alone = measures & ~known & (max_loss < 1)
    bar = columns.p_correct[rows, best] - max_loss - SLACK
    meeting = option & (columns.p_correct >= bar[:, None])
    if reference is not None and alone.any():
        meeting[alone] = False
        meeting[alone, reference] = True
    return [(meeting, _by_cost(columns)), (option & ~meeting, _by_quality(columns))]


def _by_worth(columns: Columns, worths: Doubles, reference: int | None, among: Bools | None) -> list[Tier]:
    option = allowed = columns.option
    if reference is not None:
        limit = np.where(option[:, reference], columns.cost_usd[:, reference], np.inf)
        allowed = option & (columns.cost_usd <= limit[:, None])
        allowed[:, reference] = option[:, reference]
    if among is not None:
        leading = allowed & among
        allowed = np.where(_somebody(leading), leading, allowed)
    value = worths[:, None] * columns.p_correct - columns.cost_usd
    return [(allowed, [-value, *_by_quality(columns)]), (option & ~allowed, _by_quality(columns))]


def _best_under(columns: Columns, limit: float) -> list[Tier]:
    under = _under(columns, limit)
    return [(under, _by_quality(columns)), (columns.option & ~under, _by_cost(columns))]


def _safest(columns: Columns, reference: int | None) -> list[Tier]:
    measure = np.zeros_like(columns.option)
    if reference is not None:
        measure[:, reference] = columns.option[:, reference]
    return [(measure, []), (columns.option & ~measure, _by_quality(columns))]


def _by_share(columns: Columns, rule: Rule, lots: Doubles) -> Places:
    """Each by its lot; who is not well gives its part to the first who is, as `demote` has it."""
    option, limit = columns.option, rule.goal.max_cost_usd
    if limit is not None:
        under = _under(columns, limit)
        option = np.where(_somebody(under), under, option)
    given = np.where(option, rule.shares, 0.0)
    total = given.sum(axis=1)[:, None]
    count = np.maximum(option.sum(axis=1)[:, None], 1)
    parts = np.where(total > 0, given / np.where(total > 0, total, 1.0), option / count)
    reached = np.cumsum(parts, axis=1)
    drawn = (
        parts.shape[1] - 1 - (parts > 0)[:, ::-1].argmax(axis=1)
    )  # the last that has a part, where rounding leaves less than 1
    fits = (lots[:, None] < reached) & (parts > 0)
    drawn = np.where(fits.any(axis=1), fits.argmax(axis=1), drawn)
    first = np.zeros_like(option)
    first[np.arange(len(drawn)), drawn] = True
    tiers: list[Tier] = [(first & option, []), (option & ~first, _by_quality(columns)), (columns.option & ~option, [])]
    return _first(tiers, columns.well)


def _first(tiers: Sequence[Tier], well: Bools) -> Places:
    """The first in the order of tiers and keys who is well; if nobody is, the first."""
    found = np.full(len(well), NOBODY, np.intp)
    for allowed in (well, None):
        for mask, keys in tiers:
            open_ = found == NOBODY
            if not open_.any():
                return found
            among = mask if allowed is None else mask & allowed
            found = np.where(open_, _pick(among, keys), found)
    return found


def _pick(mask: Bools, keys: Sequence[Doubles]) -> Places:
    """The place of the lexicographic least of `keys` in each row of `mask`, the leftmost of equals; NOBODY in an empty row."""
    tied = mask
    rows: NDArray[np.intp] | slice = slice(None)
    found = np.where(mask.any(axis=1), mask.argmax(axis=1), NOBODY)
    for key in keys:
        values = np.where(tied, key[rows], np.inf)
        tied = tied & (values == values.min(axis=1, initial=np.inf)[:, None])
        found[rows] = np.where(tied.any(axis=1), tied.argmax(axis=1), NOBODY)
        several = np.flatnonzero(tied.sum(axis=1) > 1)
        if not len(several):
            break
        rows = several if isinstance(rows, slice) else rows[several]
        tied = tied[several]
    return found
