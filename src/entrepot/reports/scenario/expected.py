"""What is expected of every candidate in one set of facts: how good its answer is, how long, and what it costs.

Rules of this file: estimates are those that were made. Where there is none of a model, one of its other hosts has it, or the
router places the model by the traits of the prompt.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.rate_columns import rates_of
from entrepot.catalog.schema import Deployment
from entrepot.exchange.choices import Choice
from entrepot.reports.scenario.block import Block
from entrepot.reports.scenario.columns import PRIOR, UNKNOWN
from entrepot.reports.scenario.world import World
from entrepot.routing.base import Placing, Prompt

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

_NS = 1_000_000_000


class Expected(msgspec.Struct, frozen=True, eq=False):
    """What is expected of everybody, shape (entries, deployments). A cost is infinite where no price is known, P(correct) NaN
    where nothing is. `known`: it rests on outcomes or scores.
    """

    p_correct: Array
    p_error: Array
    output_tokens: Array
    known: Bools
    cost_usd: Doubles


def expect(block: Block, world: World, allowed: Bools) -> Expected:
    """Estimates as they were made, and where there are none, by the model's other hosts or the prompt's traits."""
    hosts = {one.id: one for one in world.deployments(block.name)}
    p_correct, p_error = block.p_correct.copy(), block.p_error.copy()
    tokens, known = block.output_tokens.copy(), block.told & PRIOR == 0
    _share_between_hosts(block, hosts, p_correct, p_error, tokens, known)
    choice = world.choices.get(block.name)
    if choice is not None and choice.router is not None:
        _place(block, choice, hosts, allowed, p_correct, p_error, tokens, known)
    cost = np.full(p_correct.shape, np.inf)
    at_s = block.entries["started_ns"] / _NS
    given = block.entries["input_tokens"]
    for number, id_ in enumerate(block.deployments):
        tariff = world.choices.tariffs.get(id_)
        if tariff is not None:
            rates = rates_of(tariff, given, at_s)
            cost[:, number] = given * rates[:, 0] + tokens[:, number].astype(np.float64) * rates[:, 3]
    return Expected(p_correct, p_error, tokens, known, cost)


def _share_between_hosts(
    block: Block, hosts: Mapping[str, Deployment], p_correct: Array, p_error: Array, tokens: Array, known: Bools
) -> None:
    """A router knows models: what was expected of one at one host is expected of it at all."""
    by_model: dict[str, list[int]] = {}
    for number, id_ in enumerate(block.deployments):
        if id_ in hosts:
            by_model.setdefault(hosts[id_].model, []).append(number)
    for columns in by_model.values():
        for number in columns:
            for other in columns:
                missing = np.isnan(p_correct[:, number]) & ~np.isnan(p_correct[:, other])
                if other != number and missing.any():
                    for values in (p_correct, p_error, tokens, known):
                        values[missing, number] = values[missing, other]


def _place(
    block: Block,
    choice: Choice,
    hosts: Mapping[str, Deployment],
    allowed: Bools,
    p_correct: Array,
    p_error: Array,
    tokens: Array,
    known: Bools,
) -> None:
    """Models of which nothing was estimated, by the traits of the prompt; their length is taken to be that of the others."""
    router = choice.router
    lacking = allowed & np.isnan(p_correct)
    rows = np.flatnonzero(lacking.any(axis=1) & ~np.isnan(block.entries["difficulty"]))
    if not len(rows) or not isinstance(router, Placing):
        return
    traits = np.column_stack([block.entries[name][rows] for name in ("difficulty", "discrimination", "ease")])
    p, error = router.by_traits(traits.astype(np.float64))
    basis = dict(zip(router.models, router.predict(Prompt("", 1)).basis, strict=True))
    with np.errstate(invalid="ignore"):
        usual = np.exp(np.nanmean(np.log(np.maximum(tokens[rows], 1.0)), axis=1))
    answers = block.entries["answers"][rows]
    longest = block.entries["longest"][rows]
    for number, id_ in enumerate(block.deployments):
        host = hosts.get(id_)
        here = lacking[rows, number]
        if host is None or not here.any() or host.model not in router.models:
            continue
        model = router.models.index(host.model)
        length = usual / np.maximum(answers, 1)
        length = np.where(longest == UNKNOWN, length, np.minimum(length, longest))
        if host.max_output_tokens is not None:
            length = np.minimum(length, host.max_output_tokens)
        at = rows[here]
        p_correct[at, number], p_error[at, number] = p[here, model], error[here, model]
        tokens[at, number] = (length * answers)[here]
        known[at, number] = basis[host.model] != "prior"
