"""Decisions made again in one set of facts: whom each goes to, and what that costs.

Rules of this file: whoever goes first is chosen by `routing/columns.py`, which chooses as the gateway does. What was settled
otherwise stays so where it can: lots fall as they fell (exploration, the holdout), who was put last for its health is, and a
conversation goes on where its turn before was asked, here. All of that gives way to rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.rate_columns import rates_of
from entrepot.reports.scenario.block import Block
from entrepot.reports.scenario.columns import (
    BALANCED_HOST,
    BY_NAME,
    ESCALATED,
    EXPLORED,
    FOLLOWED,
    HELD_OUT,
    REJECTED,
    UNHEALTHY,
    UNKNOWN,
)
from entrepot.reports.scenario.expected import Expected
from entrepot.reports.scenario.world import Allowed, World
from entrepot.routing.columns import NOBODY, Columns, first_by_price, first_choices, rule_of
from entrepot.routing.utility import Goal

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Places = NDArray[np.intp]

_NS = 1_000_000_000
_ROWS = 1 << 16  # at a time: tables that fit into a processor's cache
_MIXED = np.uint64(0x9E3779B97F4A7C15)


class Scene(msgspec.Struct, frozen=True, eq=False):
    """A world with what it makes of a block, and the entries that are replayed in it."""

    world: World
    allowed: Allowed
    expected: Expected
    rows: Bools


class Replayed(msgspec.Struct, frozen=True, eq=False):
    """Columns by entry, NOBODY where nobody may be asked: who goes first, and who answers (another, where the first failed then).

    `cost_usd` NaN is unknown. `estimated_usd` is the part of it that rests on an estimate of how long the answer is, at
    `per_token` dollars; both are 0 where the length is known.
    """

    chosen: Places
    answers: Places
    cost_usd: Doubles
    estimated_usd: Doubles
    per_token: Doubles


def choose(block: Block, world: World, today: World, allowed: Allowed, expected: Expected) -> Places:
    """Who goes first for each entry, shape (entries,), as if it belonged to no conversation."""
    found = np.full(len(block), NOBODY, np.intp)
    well = block.told & (UNHEALTHY | REJECTED) == 0
    prices = cache(partial(_prices, block, world))
    worths = _worths(block, world, today)
    for goal, rows in _by_goal(block, world, today):
        for start in range(0, len(rows), _ROWS):
            at = rows[start : start + _ROWS]
            found[at] = _choose(block, world, goal, at, allowed, expected, well, prices, worths)
    how, recorded = block.entries["how"], block.chosen
    stands = np.isin(how, (EXPLORED, HELD_OUT, ESCALATED)) & _may(allowed.allowed, recorded)
    if (how == BALANCED_HOST).any():
        stands |= (
            (how == BALANCED_HOST) & _may(allowed.allowed, recorded) & _is_same_model(block, world, found, recorded)
        )
    return np.where(stands, recorded, found)


def _is_same_model(block: Block, world: World, one: Places, other: Array) -> Bools:
    """Whether two columns are hosts of one model, entry by entry."""
    models = _models(block, world)
    both = (one != NOBODY) & (other != UNKNOWN)
    return np.asarray(both & (models[np.maximum(one, 0)] == models[np.maximum(other, 0)]))


def _models(block: Block, world: World) -> Places:
    """A number for each column that hosts of one model share."""
    hosts = {host.id: host.model for host in world.deployments(block.name)}
    names = [hosts.get(id_, id_) for id_ in block.deployments]
    return np.array([names.index(name) for name in names], np.intp)


def _choose(
    block: Block,
    world: World,
    goal: Goal | None,
    at: Places,
    allowed: Allowed,
    expected: Expected,
    well: Bools,
    prices: Callable[[], Doubles],
    worths: Doubles,
) -> Places:
    may, preferred, fit = allowed.allowed[at], allowed.preferred[at], well[at]
    others = may & ~preferred
    if goal is None:
        return first_by_price([preferred, others], prices()[at], fit)
    option = preferred & ~np.isnan(expected.p_correct[at])
    p_correct = expected.p_correct[at].astype(np.float64)
    columns = Columns(p_correct, expected.cost_usd[at], expected.known[at], option, fit)
    choice = world.choices.get(block.name)
    route = None if choice is None else choice.route
    reference = None if route is None else route.reference
    rule = rule_of(goal, reference, world.choices.knobs.get(block.name), block.deployments)
    first = first_choices(columns, rule, worths[at], _lots(block.entries["started_ns"][at]))
    # those that a preference left for later follow by price, and first where only they are well
    left = others & fit & ~(option & fit).any(axis=1, keepdims=True)
    nobody = np.full(len(at), NOBODY, np.intp)
    later = first_by_price([left], prices()[at], fit) if left.any() else nobody
    if (first == NOBODY).any():  # nothing is known of anybody who may be asked
        first = np.where(first == NOBODY, first_by_price([preferred, others], prices()[at], fit), first)
    return np.where(later != NOBODY, later, first)


def follow(block: Block, allowed: Bools, found: Places) -> Places:
    """Turns that stayed with their conversation go where its turn before goes here, as long as that may be asked."""
    how, before = block.entries["how"], block.turn_before
    follows = np.flatnonzero((how == FOLLOWED) & (before != UNKNOWN))
    alone = (how == FOLLOWED) & (before == UNKNOWN) & _may(allowed, block.chosen)
    found = np.where(alone, block.chosen, found)  # its first turn lies before the period: it is where it is
    afresh = found.copy()
    while True:
        ahead = found[before[follows]]
        # where the turn before went as it did then, so does this one: to whoever answered that
        there = np.where(ahead == block.chosen[before[follows]], block.chosen[follows], ahead)
        gone = np.where(_may(allowed[follows], there), there, afresh[follows])
        if (gone == found[follows]).all():
            return found
        found[follows] = gone


def _may(allowed: Bools, column: Array) -> Bools:
    """Whether the deployment in this column may be asked, entry by entry."""
    return np.asarray(allowed[np.arange(len(column)), np.maximum(column, 0)] & (column != UNKNOWN))


def _by_goal(block: Block, world: World, today: World) -> list[tuple[Goal | None, Places]]:
    """Rows by the goal that they have here."""
    numbers: dict[Goal | None, int] = {}
    kinds = block.entries["kind"]
    of_kind = np.full(len(block.kinds), UNKNOWN, np.int64)
    for kind in np.unique(kinds).tolist():
        of_kind[kind] = numbers.setdefault(world.goal(block.kinds[kind], today), len(numbers))
    of_row = of_kind[kinds]
    of_row = np.where(block.entries["how"] == BY_NAME, numbers.setdefault(None, len(numbers)), of_row)
    return [(goal, np.flatnonzero(of_row == number)) for goal, number in numbers.items()]


def _worths(block: Block, world: World, today: World) -> Doubles:
    """What a right answer is worth to each request: as it was then, by as much more or less as the route's goal comes to here.

    A worth depends on the hour's prices and on the promises of then, so the one that was written down is the better beginning;
    where the goal was another, or none was written down, it is what the goal comes to here.
    """
    answers = block.entries["answers"]
    choice = world.choices.get(block.name)
    route = None if choice is None else choice.route
    if route is None:
        return np.zeros(len(block))
    if route.goal.kind == "weighted":
        return np.asarray((route.goal.worth_usd or 0.0) * answers)
    here, now = world.choices.knobs.get(block.name), today.choices.knobs.get(block.name)
    if here is None:
        return np.zeros(len(block))
    own = here.worth_usd * answers.astype(np.float64)
    if now is None or now.worth_usd <= 0:
        return own
    then = block.entries["worth_usd"]
    alike = np.array([kind.goal is not None and kind.goal == today.goal(kind, today) for kind in block.kinds])
    alike = alike[block.entries["kind"]]
    scaled = then if here.worth_usd == now.worth_usd else then * (here.worth_usd / now.worth_usd)
    return np.where(alike & ~np.isnan(then), scaled, own)


def _prices(block: Block, world: World) -> Doubles:
    """What hosts are ordered by where nothing is weighed: dollars for a token read and one written."""
    at_s = block.entries["started_ns"] / _NS
    prices = np.full(block.p_correct.shape, np.inf)
    for number, id_ in enumerate(block.deployments):
        tariff = world.choices.tariffs.get(id_)
        if tariff is not None:
            rates = rates_of(tariff, np.zeros(len(block), np.int64), at_s)
            prices[:, number] = rates[:, 0] + rates[:, 3]
    return prices


def _lots(started_ns: Array) -> Doubles:
    """Numbers in [0, 1) that are always the same for the same moment, and otherwise as good as random (Knuth's hashing)."""
    mixed = started_ns.astype(np.uint64) * _MIXED
    return np.asarray((mixed >> np.uint64(11)).astype(np.float64) / 2.0**53)


def account(block: Block, scenes: Sequence[Scene], allowed: Bools, chosen: Places, factors: Doubles) -> Replayed:
    """What each costs here. `scenes` together hold every entry; `factors` (deployments,) correct expected lengths."""
    as_then = (chosen == block.chosen) & (chosen != NOBODY)
    answers = np.where(as_then & _may(allowed, block.served), block.served, chosen).astype(np.intp)
    cold = _is_cold(block, answers)
    replayed = Replayed(chosen, answers, *(np.zeros(len(block)) for _ in range(3)))
    for scene in scenes:
        _price(block, scene, as_then, cold, factors, replayed)
    return replayed


def _price(block: Block, scene: Scene, as_then: Bools, cold: Bools, factors: Doubles, into: Replayed) -> None:
    """Fill in the costs of the scene's entries."""
    entries, answers = block.entries, into.answers
    models = _models(block, scene.world)
    used = entries["read"] != UNKNOWN
    total = np.where(used, entries["read"] + entries["cache_read"] + entries["cache_write"], entries["input_tokens"])
    cold = cold | ~used
    kinds = (
        np.where(cold, total, entries["read"]),
        np.where(cold, 0, entries["cache_read"]),
        np.where(cold, 0, entries["cache_write"]),
    )
    there = np.maximum(answers, 0)
    same = used & (block.served != UNKNOWN) & (models[there] == models[np.maximum(block.served, 0)])
    guessed = scene.expected.output_tokens[np.arange(len(block)), there] * factors[there]
    tokens = np.where(same | np.isnan(guessed), np.maximum(entries["wrote"], 0), guessed).astype(np.float64)
    at_s, aside = entries["started_ns"] / _NS, entries["aside_nano_usd"] / _NS
    for number, id_ in enumerate(block.deployments):
        rows = np.flatnonzero(scene.rows & (answers == number))
        tariff = scene.world.choices.tariffs.get(id_)
        if not len(rows):
            continue
        if tariff is None:
            into.cost_usd[rows] = np.nan
            continue
        rates = rates_of(tariff, total[rows], at_s[rows], tokens[rows].astype(np.int64))
        read = sum(kind[rows] * rates[:, place] for place, kind in enumerate(kinds))
        into.cost_usd[rows] = read + tokens[rows] * rates[:, 3] + aside[rows]
        unsure = ~same[rows]
        into.per_token[rows] = np.where(unsure, rates[:, 3], 0.0)
        into.estimated_usd[rows] = np.where(unsure, rates[:, 3] * tokens[rows], 0.0)
    # nobody answered then, and who was asked is asked here: it costs what it cost
    lost = scene.rows & as_then & (block.served == UNKNOWN) & ~used & (entries["cost_nano_usd"] != UNKNOWN)
    into.cost_usd[lost] = entries["cost_nano_usd"][lost] / _NS
    into.per_token[lost] = into.estimated_usd[lost] = 0.0


def _is_cold(block: Block, answers: Places) -> Bools:
    """Turns that find nothing cached: where here the conversation's turn before was asked of somebody else."""
    before = block.turn_before
    ahead = answers[np.maximum(before, 0)]
    return np.asarray(
        (before != UNKNOWN) & (ahead != answers) & (block.entries["cache_read"] > 0) & (answers != block.served)
    )
