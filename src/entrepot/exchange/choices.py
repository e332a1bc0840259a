"""What can be asked for by name, compiled once per settings: models, deployments and routes.

Rules of this file: a name means one thing only. Everything that does not depend on the request is worked out here, so that
planning one request is look-ups, one gate and one decision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from entrepot.catalog.nearest import did_you_mean
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import ProviderDialect, Target
from entrepot.dialects.registry import EMBEDDING_DIALECTS
from entrepot.errors import CatalogError
from entrepot.exchange.embedding import EMBEDS, EmbeddingChoice, choose_embedding, embeds, may_embed
from entrepot.exchange.knobs import Rehearsed, Workings, is_average, rehearse
from entrepot.exchange.listing import Listed, list_choice
from entrepot.exchange.plan import Candidate, Route
from entrepot.exchange.refusing import Refusal, beyond_scope, nobody_eligible, unknown_name
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.eligibility import Gate
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.base import BoundRouter, ModelFacts, Router
from entrepot.routing.confidence import DEFAULT_CONFIDENCE, Confidence
from entrepot.routing.votes import SHIPPED_VOTES, VoteModel
from entrepot.routing.worth import Knob


class Choice(msgspec.Struct, frozen=True, eq=False):
    """A name that can be asked for, compiled: its gate, and its router where it has a choice to make.

    `embedding` is the same for those of its deployments that may be asked to embed, None where there are none.
    """

    gate: Gate
    route: Route | None
    router: BoundRouter | None
    baseline: Candidate | None
    embedding: EmbeddingChoice | None = None

    @property
    def asked(self) -> Circumstances:
        """What is known of a request of which nothing is known but that it asks for this."""
        return Circumstances(route=None if self.route is None else self.route.name)


class Choices:
    """Every name of an installation, with what it stands for.

    `candidates` are all deployments by id; `embedders` those of them that can be asked for embeddings, with the dialect that
    does it; `tariffs` the prices that are known; `book` the rules that every gate here holds requests to; `knobs`, by route,
    what goals over all requests come to at the prices of `at_s` (Unix seconds). `workings` are kept from one to the next of the
    same settings that differs in its rules.
    """

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
        embedding_dialects: Mapping[str, ProviderDialect] = EMBEDDING_DIALECTS,
        votes: VoteModel = SHIPPED_VOTES,
        confidence: Confidence | None = None,
        at_s: float = 0.0,
        workings: Workings | None = None,
    ) -> None:
        self._workings = Workings() if workings is None else workings
        self.router_version = router.version
        self.votes = votes
        self.confidence = confidence or DEFAULT_CONFIDENCE
        self.candidates = {d.id: _candidate(d, dialects, embedding_dialects, exchange_rates) for d in deployments}
        self.embedders = {
            id_: msgspec.structs.replace(candidate, dialect=embedder)
            for id_, candidate in self.candidates.items()
            if (embedder := embedding_dialects.get(candidate.deployment.dialect)) is not None
        }
        self.tariffs = {id_: c.tariff for id_, c in self.candidates.items() if c.tariff is not None}
        self.book = book = Rulebook(rules)
        self._named: dict[str, Choice] = {}
        by_model: dict[str, list[Deployment]] = {}
        for deployment in deployments:
            by_model.setdefault(deployment.model, []).append(deployment)
        for model, hosts in by_model.items():
            self._named[model] = self._compile_hosts(hosts, book)
        for deployment in deployments:
            _check_id(deployment, deployments)
            self._named[deployment.id] = self._compile_hosts([deployment], book)
        for route in routes:
            if route.name in self._named:
                raise CatalogError(
                    f"route '{route.name}' is called as a model, a deployment or another route: rename it"
                )
            self._named[route.name] = self._compile_route(route, book, router, facts)
        pasts = self.rehearse(at_s)
        self._about = {name: past.about(self.router_version) for name, past in pasts.items()}
        self.knobs = {name: knob for name, past in pasts.items() if (knob := self._workings.knob(past)) is not None}

    def turn(self, route: str, about: str, knob: Knob | None) -> bool:
        """Put another knob in place, if it is about the route as it is here (see `Rehearsed.about`)."""
        if self._about.get(route) != about:
            return False
        if knob is None:
            self.knobs.pop(route, None)
        else:
            self.knobs[route] = knob
        return True

    def withhold(self, route: str, refused: Knob) -> None:
        """Have the reference take all where a promise was withdrawn; nothing where this route asks for no promise."""
        knob = self.knobs.get(route)
        if refused.refused and knob is not None and knob.promise is not None:
            self.knobs[route] = refused

    def _compile_hosts(self, deployments: Sequence[Deployment], book: Rulebook) -> Choice:
        """One model, or one deployment. Where nobody says what it is able to do, it may be asked for either."""
        embedding = [one for one in deployments if one.id in self.embedders and may_embed(one)]
        return Choice(Gate(deployments, book), None, None, None, choose_embedding(embedding, book))

    def _compile_route(self, route: Route, book: Rulebook, router: Router, facts: Mapping[str, ModelFacts]) -> Choice:
        candidates = [self.candidates[id_].deployment for id_ in route.candidates]
        reference = None if route.reference is None else self.candidates[route.reference].deployment
        baseline = None if route.baseline is None else self.candidates[route.baseline]
        embedding = [one for one in candidates if one.id in self.embedders and embeds(one)]
        known = [one for one in candidates if not embeds(one)]
        known.extend(deployment for deployment in (reference,) if deployment is not None)
        known.extend(candidate.deployment for candidate in (baseline,) if candidate is not None)
        models = tuple(dict.fromkeys(deployment.model for deployment in known))
        bound = self._workings.bind(router, models, facts) if models else None
        return Choice(Gate(candidates, book), route, bound, baseline, choose_embedding(embedding, book))

    def rehearse(self, at_s: float) -> dict[str, Rehearsed]:
        """The past of each route whose goal is an average, at the prices of `at_s`, by the route's name."""
        found = {}
        for name, choice in self._named.items():
            if choice.route is not None and is_average(choice.route.goal):
                answering = [
                    one
                    for id_ in choice.route.candidates
                    if not embeds(one := self.candidates[id_].deployment) and not _is_tried(id_, choice.route)
                ]
                found[name] = rehearse(choice.route, answering, choice.router, self.tariffs, at_s)
        return found

    def names(self, principal: Principal) -> list[Listed]:
        """What this principal may ask for: routes first, then models, then deployments, each by name."""
        listed = [self._listed(name, choice, principal) for name, choice in self._named.items()]
        ranks = {name: 0 if choice.route is not None else 1 for name, choice in self._named.items()}
        ranks.update((name, 2) for name in self.candidates)
        return sorted((each for each in listed if each is not None), key=lambda each: (ranks[each.name], each.name))

    def get(self, name: str) -> Choice | None:
        """What the name stands for."""
        return self._named.get(name)

    def may_reach(self, name: str, principal: Principal, circumstances: Circumstances) -> bool:
        """Whether rules let what `principal` sent under `circumstances` go to what this name stands for."""
        choice = self._named.get(name)
        return choice is not None and bool(choice.gate.check(principal, frozenset(), 0, circumstances).allowed)

    def find(self, name: str, principal: Principal) -> Listed | Refusal:
        """What this principal may ask for by this name, or why nothing."""
        choice = self._named.get(name)
        if choice is None:
            return unknown_name(name)
        if (refused := beyond_scope(principal, name, is_route=choice.route is not None)) is not None:
            return refused
        found = self._listed(name, choice, principal)
        if found is not None:
            return found
        gate = choice.gate if choice.embedding is None else choice.embedding.gate
        needs = frozenset() if choice.embedding is None else EMBEDS
        return Refusal(nobody_eligible(name, gate.check(principal, needs, 0, choice.asked)))

    def _listed(self, name: str, choice: Choice, principal: Principal) -> Listed | None:
        if beyond_scope(principal, name, is_route=choice.route is not None) is not None:
            return None
        answering = choice.gate.check(principal, frozenset(), 0, choice.asked).allowed
        embedding: tuple[Deployment, ...] = ()
        if choice.embedding is not None:
            embedding = choice.embedding.gate.check(principal, EMBEDS, 0, choice.asked).allowed
        return list_choice(name, choice.route, answering, embedding) if answering or embedding else None


def _check_id(deployment: Deployment, deployments: Sequence[Deployment]) -> None:
    """A name means one thing. Raises CatalogError: the id is another deployment's too, or a model hosted elsewhere too."""
    for other in deployments:
        if other is not deployment and deployment.id in (other.id, other.model):
            raise CatalogError(
                f"'{deployment.id}' is the id of one deployment and also the id or model of another "
                f"({other.model} at {other.provider}): give one of them another id"
            )


def _is_tried(id_: str, route: Route) -> bool:
    """Whether a deployment is no choice of the route's goal: while it is tried, a lot says who asks it."""
    return route.trial is not None and route.trial.direction == "in" and route.trial.deployment == id_


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
