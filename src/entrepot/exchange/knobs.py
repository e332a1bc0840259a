"""A route's past at the prices of a moment, and the knob that its goal comes to on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import msgspec

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.exchange.plan import Route
from entrepot.routing.base import BoundRouter, ModelFacts, Router
from entrepot.routing.rehearsal import Rehearsal, rehearsal_of
from entrepot.routing.utility import Goal
from entrepot.routing.worth import Expected, Knob, expect, find_knob, promise_knob, refuse


def is_average(goal: Goal) -> bool:
    """Whether a goal is about all requests together, so that a knob stands behind it."""
    return goal.kind == "cheapest_within" and not goal.each_request


class Rehearsed(msgspec.Struct, frozen=True, eq=False):
    """A route with all it takes to make its choice again on past prompts, at the prices of one moment."""

    route: Route
    deployments: tuple[Deployment, ...]
    tariffs: Mapping[str, Tariff]
    at_s: float
    past: Rehearsal | None

    @property
    def reference(self) -> int | None:
        """The reference's number among the deployments, if it is one of them."""
        return next((i for i, one in enumerate(self.deployments) if one.id == self.route.reference), None)

    @property
    def prices(self) -> tuple[float, ...]:
        """What the knob was found with, as far as it tells one hour from another: dollars per input and output token."""
        tariffs = (self.tariffs.get(one.id) for one in self.deployments)
        pairs = (tariff.usd_per_token(0, self.at_s) for tariff in tariffs if tariff is not None)
        return tuple(rate for pair in pairs for rate in pair)

    def about(self, router_version: str) -> str:
        """A digest of what a knob of this route depends on beside prices and outcomes: one of other settings is not its own."""
        models = tuple(one.model for one in self.deployments)
        told = msgspec.msgpack.encode((router_version, self.route, models))
        return hashlib.sha256(told).hexdigest()[:32]

    def on(self, past: Rehearsal | None) -> Rehearsed:
        """The same on other past prompts, which may be told for other models beside."""
        return msgspec.structs.replace(self, past=past)

    def expected(self) -> Expected | None:
        """What is expected of each deployment on the past prompts."""
        if self.past is None:
            return None
        return expect(self.past, self.deployments, self.tariffs, self.at_s, self.route.max_output_tokens)

    def compile(self) -> Knob | None:
        """The knob; None where the goal is to be met request by request."""
        goal, reference, expected = self.route.goal, self.reference, self.expected()
        if reference is None:
            return None
        if goal.confidence is None:
            return (
                None
                if expected is None or self.past is None
                else find_knob(expected, reference, goal.max_loss, self.past.data)
            )
        if expected is None or self.past is None:
            return refuse(self.deployments[reference].id, goal.max_loss, goal.confidence)
        return promise_knob(expected, reference, goal.max_loss, goal.confidence, self.past.data, self.past.date)


class Workings:
    """What of routes no rule changes, worked out once for all planners of the same settings: bound routers, and knobs at the
    prices of last time. Rules are loaded anew while requests are answered, and a knob takes a quarter of a second.
    """

    def __init__(self) -> None:
        self._bound: dict[tuple[str, ...], BoundRouter] = {}
        self._knobs: dict[str, tuple[tuple[float, ...], Knob | None]] = {}

    def bind(self, router: Router, models: tuple[str, ...], facts: Mapping[str, ModelFacts]) -> BoundRouter:
        """The router bound to these models."""
        if models not in self._bound:
            self._bound[models] = router.bind(models, facts)
        return self._bound[models]

    def knob(self, past: Rehearsed) -> Knob | None:
        """What the route's goal comes to on its past at the prices there."""
        name = past.route.name
        known = self._knobs.get(name)
        if known is None or known[0] != past.prices:
            known = self._knobs[name] = past.prices, past.compile()
        return known[1]


def rehearse(
    route: Route,
    deployments: Sequence[Deployment],
    bound: BoundRouter | None,
    tariffs: Mapping[str, Tariff],
    at_s: float,
) -> Rehearsed:
    """A route's past as its router remembers it; `deployments` are those of its candidates that answer."""
    return Rehearsed(route, tuple(deployments), tariffs, at_s, rehearsal_of(bound))
