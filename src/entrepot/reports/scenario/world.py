"""One set of facts: who is there, at which prices, under which rules and goals; and whom its rules leave.

Rules of this file: who may be asked is said by policy's own gate, once for all requests that no rule and no context can tell
apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.catalog.schema import Deployment
from entrepot.exchange.choices import Choice, Choices
from entrepot.exchange.embedding import EMBEDS
from entrepot.exchange.grounds import circumstances_again
from entrepot.exchange.records import Grounds
from entrepot.policy.eligibility import Eligibility, Gate
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal, Rule
from entrepot.policy.scope import EVERYTHING
from entrepot.policy.teams import teams_above
from entrepot.reports.scenario.block import Block
from entrepot.reports.scenario.columns import Kind
from entrepot.routing.utility import Goal

Array = NDArray[Any]
Bools = NDArray[np.bool_]
Doubles = NDArray[np.float64]

_NS = 1_000_000_000


class World(msgspec.Struct, frozen=True, eq=False):
    """`choices` are names, prices and goals, compiled as a gateway's; the rules are those of `book`. `principals` stand behind
    keys, by their names; `parents` are the teams above others.
    """

    choices: Choices
    book: Rulebook
    principals: Mapping[str, Principal]
    parents: Mapping[str, str]

    def barring(self, *rules: Rule) -> World:
        """The same with further rules."""
        return msgspec.structs.replace(self, book=Rulebook((*self.book.rules, *rules)))

    def deployments(self, name: str) -> tuple[Deployment, ...]:
        """What the name stands for; nothing where it is not called so here."""
        choice = self.choices.get(name)
        return () if choice is None else choice.gate.deployments

    def goal(self, kind: Kind, today: World) -> Goal | None:
        """The goal that a decision of this kind has here: the route's, with what the request itself had narrowed of today's."""
        own, now = self._goal(kind.asked), today._goal(kind.asked)
        asked = kind.goal
        if own is None or now is None or asked is None:
            return None
        if asked.each_request and (not now.each_request or asked.max_loss != now.max_loss):
            own = msgspec.structs.replace(own, kind="cheapest_within", max_loss=asked.max_loss, each_request=True)
        if asked.max_cost_usd is not None and asked.max_cost_usd != now.max_cost_usd:
            limit = asked.max_cost_usd if own.max_cost_usd is None else min(own.max_cost_usd, asked.max_cost_usd)
            own = msgspec.structs.replace(own, max_cost_usd=limit)
        return own

    def _goal(self, name: str) -> Goal | None:
        choice = self.choices.get(name)
        return None if choice is None or choice.route is None else choice.route.goal

    def principal(self, kind: Kind) -> Principal:
        """Who asked, confined as his key is today; to nothing where nobody knows the key any more."""
        known = Principal() if kind.key is None else self.principals.get(kind.key)
        return Principal(
            key=kind.key,
            team=kind.team,
            tags=frozenset(kind.tags),
            parent_teams=teams_above(kind.team, self.parents),
            scope=EVERYTHING if known is None else known.scope,
        )

    def knows(self, kind: Kind) -> bool:
        """Whether all that rules look at is known of a request of this kind."""
        return kind.whole and (kind.key is None or kind.key in self.principals)


class Allowed(msgspec.Struct, frozen=True, eq=False):
    """Who may be asked, shape (entries, deployments): `allowed` by the gate, of them `preferred`.

    `verdicts` are the gate's own, `verdict` (entries,) numbers them.
    """

    allowed: Bools
    preferred: Bools
    verdicts: tuple[Eligibility, ...]
    verdict: Array


def weigh_rules(block: Block, world: World) -> Allowed:
    """Policy's gate, asked once for all requests that it cannot tell apart."""
    choice = world.choices.get(block.name)
    if choice is None:
        nobody = np.zeros(block.p_correct.shape, bool)
        return Allowed(nobody, nobody, (Eligibility((), ()),), np.zeros(len(block), np.intp))
    tokens = block.entries["input_tokens"]
    contexts = sorted({one.context_tokens for one in choice.gate.deployments if one.context_tokens is not None})
    reached = np.searchsorted(contexts, tokens)  # beyond how many contexts
    told, first, place = np.unique(
        block.entries["kind"].astype(np.int64) * (len(contexts) + 1) + reached, return_index=True, return_inverse=True
    )
    shape = (len(told), len(block.deployments))
    allowed, preferred, is_whole = np.zeros(shape, bool), np.zeros(shape, bool), np.ones(len(told), bool)
    column = {id_: number for number, id_ in enumerate(block.deployments)}
    verdicts = []
    gates = _gates(choice, world)
    for number, row in enumerate(first.tolist()):
        kind = block.kinds[block.entries["kind"][row]]
        verdict = _judge(gates, world, kind, int(tokens[row]))
        verdicts.append(verdict)
        for mask, among in ((allowed, verdict.allowed), (preferred, verdict.preferred)):
            mask[number, [column[one.id] for one in among if one.id in column]] = True
        is_whole[number] = world.knows(kind)
    may = allowed[place]
    if not is_whole.all():  # of these not all is known that rules look at: what was rejected then stays so
        may &= block.weighed | is_whole[place][:, None]
    return Allowed(may, may & preferred[place], tuple(verdicts), place)


def _gates(choice: Choice, world: World) -> tuple[Gate, Gate]:
    """Who may be asked for an answer, and who for embeddings."""
    answering = choice.gate.deployments
    embedding = answering if choice.embedding is None else choice.embedding.gate.deployments
    return Gate(answering, world.book), Gate(embedding, world.book)


def _judge(gates: tuple[Gate, Gate], world: World, kind: Kind, input_tokens: int) -> Eligibility:
    grounds = Grounds(input_tokens, kind.needs, 1, None, kind.client_regions, kind.languages, kind.tools)
    circumstances = circumstances_again(grounds, kind.route, frozenset(kind.data_classes))
    needs: frozenset[Any] = frozenset(kind.needs)
    gate = gates[1] if needs == EMBEDS else gates[0]
    return gate.check(world.principal(kind), needs, max(0, input_tokens), circumstances)
