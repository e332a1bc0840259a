"""From a request to a plan: what the asked name stands for, who is eligible, which candidate goes first.

Rules of this file: everything that does not depend on the request is compiled once per settings (`Planner`); planning one
request is look-ups, one gate and one decision. A plan is made of eligible deployments only, so that every attempt, the
first as the last, has passed the gate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from decimal import Decimal

import msgspec

from entrepot.canonical.capabilities import estimate_input_tokens, longest_input_tokens, required_capabilities
from entrepot.canonical.request import Request
from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import Asked, ClientDialect, ProviderDialect, Target
from entrepot.dialects.registry import EMBEDDING_DIALECTS
from entrepot.errors import CatalogError, EntrepotError, Forbidden, InvalidRequest, NotFound
from entrepot.exchange.embedding import (
    EMBEDS,
    EmbeddingChoice,
    choose_embedding,
    does_not_embed,
    embeds,
    may_embed,
    several_models,
)
from entrepot.exchange.listing import Listed, list_choice
from entrepot.exchange.plan import BaselinePlan, Candidate, Deadlines, Plan, Route
from entrepot.policy.eligibility import Eligibility, Gate
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.base import BoundRouter, Estimates, ModelFacts, Router
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


class Refusal(msgspec.Struct, frozen=True, eq=False):
    """No plan: the error for the client, and for the ledger what was considered."""

    error: EntrepotError
    route: str | None = None
    decision: Decision | None = None


class Considered(msgspec.Struct, frozen=True, eq=False):
    """What was decided for a request, before anything is called. `principal` has the request's own tags."""

    principal: Principal
    decision: Decision
    input_tokens: int
    route: Route | None
    baseline: BaselinePlan | None


class _Choice(msgspec.Struct, frozen=True, eq=False):
    """A name that can be asked for, compiled: its gate, and its router where it has a choice to make.

    `embedding` is the same for those of its deployments that may be asked to embed, None where there are none.
    """

    gate: Gate
    route: Route | None
    router: BoundRouter | None
    baseline: Candidate | None
    embedding: EmbeddingChoice | None = None


class Planner:
    """One installation's names, rules, prices and router, compiled for planning."""

    def __init__(
        self,
        *,
        deployments: Sequence[Deployment],
        routes: Sequence[Route],
        rules: Sequence[Rule],
        exchange_rates: ExchangeRates,
        dialects: Mapping[str, ProviderDialect],
        router: Router,
        facts: Mapping[str, ModelFacts],
        deadlines: Deadlines,
        embedding_dialects: Mapping[str, ProviderDialect] = EMBEDDING_DIALECTS,
    ) -> None:
        self._deadlines = deadlines
        self._router_version = router.version
        self._candidates = {d.id: _candidate(d, dialects, embedding_dialects, exchange_rates) for d in deployments}
        self._embedders = {
            id_: msgspec.structs.replace(candidate, dialect=embedder)
            for id_, candidate in self._candidates.items()
            if (embedder := embedding_dialects.get(candidate.deployment.dialect)) is not None
        }
        self._tariffs = {id_: c.tariff for id_, c in self._candidates.items() if c.tariff is not None}
        self._choices: dict[str, _Choice] = {}
        by_model: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            by_model.setdefault(deployment.model, []).append(deployment)
        for model, hosts in by_model.items():
            self._choices[model] = self._named(hosts, rules)
        for deployment in deployments:
            _check_id(deployment, deployments)
            self._choices[deployment.id] = self._named([deployment], rules)
        for route in routes:
            if route.name in self._choices:
                raise CatalogError(
                    f"route '{route.name}' is called as a model, a deployment or another route: rename it"
                )
            self._choices[route.name] = self._route(route, rules, router, facts)

    def _named(self, deployments: Sequence[Deployment], rules: Sequence[Rule]) -> _Choice:
        """One model, or one deployment. Where nobody says what it is able to do, it may be asked for either."""
        embedding = [one for one in deployments if one.id in self._embedders and may_embed(one)]
        return _Choice(Gate(deployments, rules), None, None, None, choose_embedding(embedding, rules))

    def _route(self, route: Route, rules: Sequence[Rule], router: Router, facts: Mapping[str, ModelFacts]) -> _Choice:
        candidates = [self._candidates[id_].deployment for id_ in route.candidates]
        reference = None if route.reference is None else self._candidates[route.reference].deployment
        baseline = None if route.baseline is None else self._candidates[route.baseline]
        embedding = [one for one in candidates if one.id in self._embedders and embeds(one)]
        known = [one for one in candidates if not embeds(one)]
        known.extend(deployment for deployment in (reference,) if deployment is not None)
        known.extend(candidate.deployment for candidate in (baseline,) if candidate is not None)
        models = tuple(dict.fromkeys(deployment.model for deployment in known))
        bound = router.bind(models, facts) if models else None
        return _Choice(Gate(candidates, rules), route, bound, baseline, choose_embedding(embedding, rules))

    def names(self, principal: Principal) -> list[Listed]:
        """What this principal may ask for: routes first, then models, then deployments, each by name."""
        listed = [self._listed(name, choice, principal) for name, choice in self._choices.items()]
        ranks = {name: 0 if choice.route is not None else 1 for name, choice in self._choices.items()}
        ranks.update((name, 2) for name in self._candidates)
        return sorted((each for each in listed if each is not None), key=lambda each: (ranks[each.name], each.name))

    def find(self, name: str, principal: Principal, steering: Steering) -> Listed | Refusal:
        """What this principal may ask for by this name, or why nothing."""
        choice = self._choices.get(name)
        if choice is None:
            return _unknown(name)
        principal = msgspec.structs.replace(principal, tags=principal.tags | steering.tags)
        found = self._listed(name, choice, principal)
        if found is not None:
            return found
        gate = choice.gate if choice.embedding is None else choice.embedding.gate
        needs = frozenset() if choice.embedding is None else EMBEDS
        return Refusal(_refuse(name, gate.check(principal, needs, 0)))

    def _listed(self, name: str, choice: _Choice, principal: Principal) -> Listed | None:
        answering = choice.gate.check(principal, frozenset(), 0).allowed
        embedding = () if choice.embedding is None else choice.embedding.gate.check(principal, EMBEDS, 0).allowed
        return list_choice(name, choice.route, answering, embedding) if answering or embedding else None

    def consider(
        self, request: Request, principal: Principal, steering: Steering, id: str | None, at_s: float = 0.0
    ) -> Considered | Refusal:
        """The decision for this request, or why there is none.

        `at_s` is the moment (Unix seconds), since prices change with the hour. `id` draws the lot of a holdout where the
        request names no session; without either none is drawn, and the holdout shows in the propensities alone.
        """
        choice = self._choices.get(request.model)
        if choice is None:
            return _unknown(request.model)
        principal = msgspec.structs.replace(principal, tags=principal.tags | steering.tags)
        input_tokens = estimate_input_tokens(request)
        if request.operation == "embed":
            return self._embed(choice, request, principal, input_tokens, at_s)
        eligibility = choice.gate.check(principal, required_capabilities(request), input_tokens)
        if not eligibility.allowed:
            name = None if choice.route is None else choice.route.name
            return Refusal(_refuse(request.model, eligibility), name, _nothing(eligibility))
        decision, estimates = self._decide(choice, eligibility, request, steering, input_tokens, at_s)
        route = choice.route
        if route is not None and route.baseline is not None and route.holdout:
            drawn_by = steering.session or id
            lot = 1.0 if drawn_by is None else draw(f"{route.name}\n{drawn_by}")
            decision = hold_out(decision, route.baseline, route.holdout, lot)
        return Considered(principal, decision, input_tokens, choice.route, _baseline(choice, estimates, request))

    def _embed(
        self, choice: _Choice, request: Request, principal: Principal, input_tokens: int, at_s: float
    ) -> Considered | Refusal:
        """As `consider`, for embeddings: nothing is estimated, and only hosts of one and the same model are left."""
        route = None if choice.route is None else choice.route.name
        if choice.embedding is None:
            eligibility = choice.gate.check(principal, EMBEDS, input_tokens)
            return Refusal(does_not_embed(request.model, eligibility), route, _nothing(eligibility))
        if len(choice.embedding.models) > 1:
            return Refusal(several_models(request.model, choice.embedding.models), route)
        longest = longest_input_tokens(request)
        eligibility = choice.embedding.gate.check(principal, required_capabilities(request), longest)
        if not eligibility.allowed:
            return Refusal(_refuse(request.model, eligibility), route, _nothing(eligibility))
        return Considered(principal, self._by_name(eligibility, request.model, at_s), input_tokens, choice.route, None)

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
    ) -> Plan | Refusal:
        """A plan for this request, or why there is none."""
        considered = self.consider(asked.request, principal, steering, id, started_ns / 1_000_000_000)
        if isinstance(considered, Refusal):
            return considered
        route = considered.route
        callable_ = self._embedders if asked.request.operation == "embed" else self._candidates
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
        )

    def _decide(
        self,
        choice: _Choice,
        eligibility: Eligibility,
        request: Request,
        steering: Steering,
        input_tokens: int,
        at_s: float,
    ) -> tuple[Decision, Estimates | None]:
        route = choice.route
        if route is None or choice.router is None:
            return self._by_name(eligibility, request.model, at_s), None
        prompt = prompt_of(request, input_tokens)
        estimates = choice.router.predict(prompt)
        decision = decide(
            candidates=eligibility.allowed,
            rejected=_weighed(eligibility),
            estimates=estimates,
            tariffs=self._tariffs,
            goal=_goal(route.goal, steering),
            reference=route.reference,
            prompt=prompt,
            router_version=self._router_version,
            max_output_tokens=_max_output_tokens(route, request),
            answers=request.n,
            at_s=at_s,
        )
        return decision, estimates

    def _by_name(self, eligibility: Eligibility, name: str, at_s: float) -> Decision:
        """A model or deployment asked for by name: nothing is estimated; its hosts follow each other by price."""

        def price(deployment: Deployment) -> tuple[Decimal, str]:
            tariff = self._tariffs.get(deployment.id)
            rates = tariff.usd_per_token(0, at_s) if tariff is not None else None
            return (Decimal("Infinity") if rates is None else Decimal(rates[0] + rates[1]), deployment.id)

        order = tuple(deployment.id for deployment in sorted(eligibility.allowed, key=price))
        chosen = tuple(
            Weighed(deployment.id, deployment.model, propensity=1.0 if deployment.id == order[0] else 0.0)
            for deployment in eligibility.allowed
        )
        reason = f"'{name}' was asked for by name" + (
            "; its hosts follow each other by price" if len(order) > 1 else ""
        )
        return Decision(order=order, candidates=(*chosen, *_weighed(eligibility)), reason=reason)


def _unknown(name: str) -> Refusal:
    text = f"no route, model or deployment is called '{name[:100]}': GET /v1/models lists what can be asked for"
    return Refusal(NotFound(text, param="model", code="model_not_found"))


def draw(seed: str) -> float:
    """A number in [0, 1), the same for the same text and otherwise as good as random."""
    return int.from_bytes(hashlib.sha256(seed.encode()).digest()[:7], "big") / 2**56


def _check_id(deployment: Deployment, deployments: Sequence[Deployment]) -> None:
    """A name means one thing. Raises CatalogError: the id is another deployment's too, or a model hosted elsewhere too."""
    for other in deployments:
        if other is not deployment and deployment.id in (other.id, other.model):
            raise CatalogError(
                f"'{deployment.id}' is the id of one deployment and also the id or model of another "
                f"({other.model} at {other.provider}): give one of them another id"
            )


def _candidate(
    deployment: Deployment,
    dialects: Mapping[str, ProviderDialect],
    embedding_dialects: Mapping[str, ProviderDialect],
    rates: ExchangeRates,
) -> Candidate:
    dialect = dialects.get(deployment.dialect)
    if dialect is None:
        known = ", ".join(sorted(dialects))
        raise CatalogError(f"deployment '{deployment.id}' speaks '{deployment.dialect}', which is none of: {known}")
    embedder = embedding_dialects.get(deployment.dialect)
    known_quirks = {*dialect.quirks, *(() if embedder is None else embedder.quirks)}
    if unknown := sorted(deployment.quirks - known_quirks):
        named = f"'{unknown[0]}'{did_you_mean(unknown[0], known_quirks)}"
        raise CatalogError(
            f"deployment '{deployment.id}' declares the quirk {named}, which {dialect.name} does not know"
        )
    target = Target(
        base_url=deployment.base_url.rstrip("/"),
        upstream_name=deployment.upstream_name,
        quirks=deployment.quirks,
        capabilities=deployment.capabilities,
        max_output_tokens=deployment.max_output_tokens,
        context_tokens=deployment.context_tokens,
    )
    tariff = None if deployment.price is None else Tariff(deployment.price, rates)
    return Candidate(deployment=deployment, target=target, dialect=dialect, tariff=tariff)


def _goal(goal: Goal, steering: Steering) -> Goal:
    if steering.max_loss is not None:
        goal = msgspec.structs.replace(goal, kind="cheapest_within", max_loss=steering.max_loss)
    if steering.max_cost_usd is not None:
        limit = steering.max_cost_usd if goal.max_cost_usd is None else min(goal.max_cost_usd, steering.max_cost_usd)
        goal = msgspec.structs.replace(goal, max_cost_usd=limit)
    return goal


def _max_output_tokens(route: Route | None, request: Request) -> int | None:
    """The limit that is sent: the client's, or the route's where the client names none."""
    if request.max_output_tokens is not None or route is None:
        return request.max_output_tokens
    return route.max_output_tokens


def _baseline(choice: _Choice, estimates: Estimates | None, request: Request) -> BaselinePlan | None:
    if choice.baseline is None or estimates is None:
        return None
    at = estimates.models.index(choice.baseline.deployment.model)
    limit = _max_output_tokens(choice.route, request)
    tokens = bound_output(float(estimates.output_tokens[at]), limit, choice.baseline.deployment, request.n)
    return BaselinePlan(choice.baseline, tokens, float(estimates.log_error[at]))


def _weighed(eligibility: Eligibility) -> tuple[Weighed, ...]:
    return tuple(Weighed(r.deployment, r.model, rejected=r.reason) for r in eligibility.rejected)


def _nothing(eligibility: Eligibility) -> Decision:
    return Decision(order=(), candidates=_weighed(eligibility), reason="no deployment is eligible")


def _refuse(name: str, eligibility: Eligibility) -> EntrepotError:
    """403 if a rule is the reason for any of them, for then the rules could have allowed it; else 400 with what is missing."""
    for rejected in eligibility.rejected:
        if rejected.kind == "policy":
            rules = dict.fromkeys(r.rule for r in eligibility.rejected if r.rule is not None)
            named = ", ".join(f"'{rule}'" for rule in rules)
            return Forbidden(f"policy leaves no deployment for '{name}': denied by {named}", rule=rejected.rule)
    reasons = "; ".join(f"{r.deployment}: {r.reason}" for r in eligibility.rejected[:5])
    return InvalidRequest(f"no deployment behind '{name}' can answer this request ({reasons})", code="not_capable")
