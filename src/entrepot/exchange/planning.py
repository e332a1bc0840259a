"""From a request to a plan: what the asked name stands for, who is eligible, which candidate goes first.

Rules of this file: what does not depend on the request is in `choices.py`. A plan is made of eligible deployments only, so
that every attempt, the first as the last, has passed the gate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from decimal import Decimal

import msgspec

from entrepot.canonical.capabilities import estimate_input_tokens, longest_input_tokens, required_capabilities
from entrepot.canonical.request import Request
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import Asked, ClientDialect
from entrepot.exchange.cascading import plan_cascade
from entrepot.exchange.choices import Choice, Choices
from entrepot.exchange.circumstance import UNSEEN, Seen, circumstances_of
from entrepot.exchange.embedding import EMBEDS, does_not_embed, several_models
from entrepot.exchange.listing import Listed
from entrepot.exchange.plan import BaselinePlan, CascadePlan, Deadlines, Plan, Route
from entrepot.exchange.refusing import (
    Refusal,
    beyond_scope,
    decide_nothing,
    nobody_eligible,
    tags_beyond_scope,
    unknown_name,
    weigh_rejected,
)
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.eligibility import Effect, Eligibility
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal
from entrepot.routing.base import Estimates
from entrepot.routing.explore import explore
from entrepot.routing.features import prompt_of
from entrepot.routing.holdout import hold_out
from entrepot.routing.utility import Decision, Goal, Weighed, bound_output, decide


class Steering(msgspec.Struct, frozen=True):
    """What a request asks for beside its model name. Tags are added to the key's: they can only narrow.

    Requests of one `session` are drawn for a holdout together or not at all.
    """

    max_loss: float | None = None
    max_cost_usd: float | None = None
    tags: frozenset[str] = frozenset()
    session: str | None = None


class Considered(msgspec.Struct, frozen=True, eq=False):
    """What was decided for a request, before anything is called. `principal` has the request's own tags.

    `eligible` are the ids of all deployments that passed the gate: nobody else may be called for this request.
    """

    principal: Principal
    decision: Decision
    input_tokens: int
    route: Route | None
    baseline: BaselinePlan | None
    eligible: frozenset[str]
    circumstances: Circumstances
    cascade: CascadePlan | None = None


class Planner:
    """One installation's names, rules, prices and router, ready to plan."""

    def __init__(self, choices: Choices, deadlines: Deadlines) -> None:
        self._choices = choices
        self._deadlines = deadlines

    def names(self, principal: Principal) -> list[Listed]:
        """What this principal may ask for: routes first, then models, then deployments, each by name."""
        return self._choices.names(principal)

    def find(self, name: str, principal: Principal, steering: Steering) -> Listed | Refusal:
        """What this principal may ask for by this name, or why nothing."""
        return tags_beyond_scope(principal, steering.tags) or self._choices.find(name, _tagged(principal, steering))

    @property
    def book(self) -> Rulebook:
        """The rules that every plan is held to."""
        return self._choices.book

    def consider(
        self,
        request: Request,
        principal: Principal,
        steering: Steering,
        id: str | None,
        at_s: float = 0.0,
        seen: Seen = UNSEEN,
    ) -> Considered | Refusal:
        """The decision for this request, or why there is none.

        `seen` is what was found in it.
        `at_s` is the moment (Unix seconds), since prices change with the hour. `id` draws the lots of holdout, exploration
        and shares where the request names no session; without either none is drawn, and they show in the propensities alone.
        """
        choice = self._choices.get(request.model)
        if choice is None:
            return unknown_name(request.model)
        beyond = beyond_scope(principal, request.model, is_route=choice.route is not None)
        if (refused := beyond or tags_beyond_scope(principal, steering.tags)) is not None:
            return refused
        principal = _tagged(principal, steering)
        input_tokens = estimate_input_tokens(request)
        named = None if choice.route is None else choice.route.name
        circumstances = circumstances_of(request, named, principal, seen, self.book)
        if request.operation == "embed":
            return self._embed(choice, request, principal, input_tokens, at_s, circumstances)
        eligibility = choice.gate.check(principal, required_capabilities(request), input_tokens, circumstances)
        if not eligibility.allowed:
            return _refusal(request.model, eligibility, named, circumstances)
        drawn_by = steering.session or id
        decision, estimates = self._decide(choice, eligibility, request, steering, input_tokens, at_s, drawn_by)
        route = choice.route
        if route is not None and route.explore is not None:
            lot = 0.0 if drawn_by is None else draw(f"explore\n{route.name}\n{drawn_by}")
            decision = explore(decision, route.explore, lot)
        if route is not None and route.baseline is not None and route.holdout:
            lot = 1.0 if drawn_by is None else draw(f"{route.name}\n{drawn_by}")
            decision = hold_out(decision, route.baseline, route.holdout, lot)
        cascade = plan_cascade(route, request, decision, self._choices.candidates, self._choices.votes)
        decision = self._with_the_others(decision, eligibility, at_s)
        return Considered(
            principal,
            decision,
            input_tokens,
            choice.route,
            _baseline(choice, estimates, request),
            _ids(eligibility),
            circumstances,
            cascade,
        )

    def effects(
        self, request: Request, principal: Principal, steering: Steering, seen: Seen = UNSEEN
    ) -> tuple[Effect, ...]:
        """What each rule did for this request, for those who ask why."""
        choice = self._choices.get(request.model)
        if choice is None:
            return ()
        principal = _tagged(principal, steering)
        named = None if choice.route is None else choice.route.name
        return choice.gate.effects(principal, circumstances_of(request, named, principal, seen, self.book))

    def _embed(
        self,
        choice: Choice,
        request: Request,
        principal: Principal,
        input_tokens: int,
        at_s: float,
        circumstances: Circumstances,
    ) -> Considered | Refusal:
        """As `consider`, for embeddings: nothing is estimated, and only hosts of one and the same model are left."""
        route = None if choice.route is None else choice.route.name
        if choice.embedding is None:
            eligibility = choice.gate.check(principal, EMBEDS, input_tokens, circumstances)
            return Refusal(does_not_embed(request.model, eligibility), route, decide_nothing(eligibility))
        if len(choice.embedding.models) > 1:
            return Refusal(several_models(request.model, choice.embedding.models), route)
        longest = longest_input_tokens(request)
        eligibility = choice.embedding.gate.check(principal, required_capabilities(request), longest, circumstances)
        if not eligibility.allowed:
            return _refusal(request.model, eligibility, route, circumstances)
        decision = self._with_the_others(self._by_name(eligibility, request.model, at_s), eligibility, at_s)
        return Considered(principal, decision, input_tokens, choice.route, None, _ids(eligibility), circumstances)

    def plan(
        self,
        asked: Asked,
        client: ClientDialect,
        principal: Principal,
        steering: Steering,
        *,
        id: str,
        started_ns: int,
        started_s: float,
        upload_s: float = 0.0,
        seen: Seen = UNSEEN,
    ) -> Plan | Refusal:
        """A plan for this request, or why there is none."""
        considered = self.consider(asked.request, principal, steering, id, started_ns / 1_000_000_000, seen)
        if isinstance(considered, Refusal):
            return considered
        route = considered.route
        callable_ = self._choices.embedders if asked.request.operation == "embed" else self._choices.candidates
        return Plan(
            id=id,
            started_ns=started_ns,
            started_s=started_s,
            asked=asked,
            client=client,
            principal=considered.principal,
            decision=considered.decision,
            candidates=tuple(callable_[id_] for id_ in considered.decision.order),
            deadlines=self._deadlines,
            input_tokens=considered.input_tokens,
            route=None if route is None else route.name,
            max_output_tokens=None if route is None else route.max_output_tokens,
            baseline=considered.baseline,
            upload_s=upload_s,
            cascade=considered.cascade,
            eligible=considered.eligible,
            data_classes=tuple(sorted(considered.circumstances.data_classes)),
            sensitive=seen.counts,
        )

    def _decide(
        self,
        choice: Choice,
        eligibility: Eligibility,
        request: Request,
        steering: Steering,
        input_tokens: int,
        at_s: float,
        drawn_by: str | None,
    ) -> tuple[Decision, Estimates | None]:
        route = choice.route
        if route is None or choice.router is None:
            return self._by_name(eligibility, request.model, at_s), None
        prompt = prompt_of(request, input_tokens)
        estimates = choice.router.predict(prompt)
        decision = decide(
            candidates=eligibility.preferred,
            rejected=weigh_rejected(eligibility),
            estimates=estimates,
            tariffs=self._choices.tariffs,
            goal=_goal(route.goal, steering),
            reference=route.reference,
            prompt=prompt,
            router_version=self._choices.router_version,
            knob=self._choices.knobs.get(route.name),
            max_output_tokens=_max_output_tokens(route, request),
            answers=request.n,
            at_s=at_s,
            lot=0.0 if drawn_by is None else draw(f"shares\n{route.name}\n{drawn_by}"),
        )
        return decision, estimates

    def _by_name(self, eligibility: Eligibility, name: str, at_s: float) -> Decision:
        """A model or deployment asked for by name: nothing is estimated; its hosts follow each other by price."""
        order = self._by_price(eligibility.preferred, at_s)
        chosen = tuple(
            Weighed(deployment.id, deployment.model, propensity=1.0 if deployment.id == order[0] else 0.0)
            for deployment in eligibility.preferred
        )
        reason = f"'{name}' was asked for by name" + (
            "; its hosts follow each other by price" if len(order) > 1 else ""
        )
        return Decision(order=order, candidates=(*chosen, *weigh_rejected(eligibility)), reason=reason)

    def _with_the_others(self, decision: Decision, eligibility: Eligibility, at_s: float) -> Decision:
        """The decision with those after it that a preference left for later: they are asked if all before them fail."""
        if not eligibility.preferred_by:
            return decision
        others = [one for one in eligibility.allowed if one not in eligibility.preferred]
        named = ", ".join(f"'{name}'" for name in eligibility.preferred_by)
        return msgspec.structs.replace(
            decision,
            order=(*decision.order, *self._by_price(others, at_s)),
            candidates=(*decision.candidates, *(Weighed(one.id, one.model, propensity=0.0) for one in others)),
            reason=f"{decision.reason}; preferred by {named}, the others follow by price",
        )

    def _by_price(self, deployments: Sequence[Deployment], at_s: float) -> tuple[str, ...]:
        def price(deployment: Deployment) -> tuple[Decimal, str]:
            tariff = self._choices.tariffs.get(deployment.id)
            rates = tariff.usd_per_token(0, at_s) if tariff is not None else None
            return (Decimal("Infinity") if rates is None else Decimal(rates[0] + rates[1]), deployment.id)

        return tuple(deployment.id for deployment in sorted(deployments, key=price))


def draw(seed: str) -> float:
    """A number in [0, 1), the same for the same text and otherwise as good as random."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / 2**56


def _goal(goal: Goal, steering: Steering) -> Goal:
    if steering.max_loss is not None:
        goal = msgspec.structs.replace(goal, kind="cheapest_within", max_loss=steering.max_loss, each_request=True)
    if steering.max_cost_usd is not None:
        limit = steering.max_cost_usd if goal.max_cost_usd is None else min(goal.max_cost_usd, steering.max_cost_usd)
        goal = msgspec.structs.replace(goal, max_cost_usd=limit)
    return goal


def _max_output_tokens(route: Route | None, request: Request) -> int | None:
    """The limit that is sent: the client's, or the route's where the client names none."""
    if request.max_output_tokens is not None or route is None:
        return request.max_output_tokens
    return route.max_output_tokens


def _baseline(choice: Choice, estimates: Estimates | None, request: Request) -> BaselinePlan | None:
    if choice.baseline is None or estimates is None:
        return None
    at = estimates.models.index(choice.baseline.deployment.model)
    limit = _max_output_tokens(choice.route, request)
    tokens = bound_output(float(estimates.output_tokens[at]), limit, choice.baseline.deployment, request.n)
    return BaselinePlan(choice.baseline, tokens, float(estimates.log_error[at]))


def _refusal(name: str, eligibility: Eligibility, route: str | None, circumstances: Circumstances) -> Refusal:
    classes = tuple(sorted(circumstances.data_classes))
    return Refusal(nobody_eligible(name, eligibility), route, decide_nothing(eligibility), classes)


def _ids(eligibility: Eligibility) -> frozenset[str]:
    return frozenset(deployment.id for deployment in eligibility.allowed)


def _tagged(principal: Principal, steering: Steering) -> Principal:
    return msgspec.structs.replace(principal, tags=principal.tags | steering.tags)
