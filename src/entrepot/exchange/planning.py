"""From a request to a plan: what the asked name stands for, who is eligible, which candidate goes first.

Rules of this file: what does not depend on the request is in `choices.py`. A plan is made of eligible deployments only, so
that every attempt, the first as the last, has passed the gate.
"""

from __future__ import annotations

from functools import partial

import msgspec

from entrepot.canonical.capabilities import Gist, gist_of, longest_input_tokens
from entrepot.canonical.request import Request
from entrepot.dialects.base import Asked, ClientDialect
from entrepot.exchange.board import Board
from entrepot.exchange.cascading import plan_cascade
from entrepot.exchange.choices import Choice, Choices
from entrepot.exchange.circumstance import UNSEEN, Seen, circumstances_of, language_in, region_of
from entrepot.exchange.conduct import WITHOUT_RETRIES, Conduct
from entrepot.exchange.conducting import condition_of, hedge_after_s, retries_of
from entrepot.exchange.demoting import split_slow
from entrepot.exchange.embedding import EMBEDS, does_not_embed, several_models
from entrepot.exchange.expecting import latencies_of, longest_answer, plan_baseline
from entrepot.exchange.grounds import grounds_of
from entrepot.exchange.kept_plans import KeptPlans
from entrepot.exchange.listing import Listed
from entrepot.exchange.ordering import decide_by_name, follow_with_others
from entrepot.exchange.plan import BaselinePlan, CascadePlan, Deadlines, Plan, Route
from entrepot.exchange.records import Grounds
from entrepot.exchange.refusing import (
    Refusal,
    beyond_scope,
    decide_nothing,
    left_to_provider,
    nobody_eligible,
    tags_beyond_scope,
    unknown_name,
    weigh_rejected,
)
from entrepot.exchange.sessions import SessionMemory, mark_of, recognise, weigh_caches
from entrepot.exchange.shadowing import plan_shadow
from entrepot.exchange.steadying import cast_lot, draw, is_settled, steady
from entrepot.exchange.steering import UNSTEERED, Steering
from entrepot.exchange.tracing import Tracing
from entrepot.exchange.trying import give
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.eligibility import Effect, Eligibility
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal
from entrepot.routing.base import Estimates
from entrepot.routing.features import prompt_of
from entrepot.routing.holdout import Lot
from entrepot.routing.session import Session
from entrepot.routing.trial import Trying
from entrepot.routing.utility import Decision, decide


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
    session: Session | None = None
    cascade: CascadePlan | None = None
    lot: Lot | None = None
    trial: Trying | None = None
    grounds: Grounds | None = None
    no_store: bool = False


class Planner:
    """One installation's names, rules, prices and router, ready to plan.

    `memory` is where sessions are remembered (None: nowhere, every request is a first), `board` how the deployments fare.
    """

    def __init__(
        self,
        choices: Choices,
        deadlines: Deadlines,
        memory: SessionMemory | None = None,
        board: Board | None = None,
        conduct: Conduct = WITHOUT_RETRIES,
    ) -> None:
        self._choices = choices
        self.may_reach = choices.may_reach
        self.shadow = partial(plan_shadow, choices, deadlines)
        self._deadlines = deadlines
        self._memory = memory
        self._board = Board() if board is None else board
        self._conduct = conduct
        self._kept = KeptPlans(choices.book, self._board, by_price=conduct.balance == "price")

    def names(self, principal: Principal) -> list[Listed]:
        """What this principal may ask for: routes first, then models, then deployments, each by name."""
        return self._choices.names(principal)

    def find(self, name: str, principal: Principal, steering: Steering) -> Listed | Refusal:
        """What this principal may ask for by this name, or why nothing."""
        return tags_beyond_scope(principal, steering.tags) or self._choices.find(name, steering.tag(principal))

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
        gist: Gist | None = None,
    ) -> Considered | Refusal:
        """The decision for this request, or why there is none.

        `seen` is what was found in it, `gist` what it comes to, where that is known.
        `at_s` is the moment (Unix seconds), since prices change with the hour. `id` draws the lots of holdout, exploration
        and shares where the request belongs to no session; without either none is drawn, and they show in the propensities
        alone.
        """
        choice = self._choices.get(request.model)
        if choice is None:
            return unknown_name(request.model)
        beyond = beyond_scope(principal, request.model, is_route=choice.route is not None)
        if (refused := beyond or tags_beyond_scope(principal, steering.tags)) is not None:
            return refused
        principal = steering.tag(principal)
        gist = gist_of(request) if gist is None else gist
        input_tokens, needs = gist.input_tokens, gist.needs
        named = None if choice.route is None else choice.route.name
        circumstances = circumstances_of(request, named, principal, seen, self.book)
        if (refused := left_to_provider(request, named, principal, circumstances, self.book)) is not None:
            return refused
        if request.operation == "embed":
            return self._embed(choice, request, principal, gist, at_s, circumstances)
        eligibility = choice.gate.check(principal, needs, input_tokens, circumstances)
        if not eligibility.allowed:
            return _refusal(request.model, eligibility, named, circumstances)
        session = self._recognise(choice, eligibility, request, principal, steering, input_tokens, at_s, id)
        drawn_by = steering.session or (id if session is None or id is None else f"session {session.seed}")
        given = give(eligibility, choice.route, session, drawn_by)
        eligibility, session = given.eligibility, given.note(session)
        if not eligibility.allowed:
            return _refusal(request.model, eligibility, named, circumstances)
        decision, estimates = self._decide(
            choice, eligibility, request, steering, input_tokens, at_s, session, drawn_by
        )
        preferred = frozenset() if choice.route is None else frozenset([one.id for one in eligibility.preferred])
        decision = self._steady(decision, eligibility, session, choice.route, drawn_by, at_s, preferred)
        decision = given.settle(decision)
        tools, traits = self.book.named.tools, None if estimates is None else estimates.traits
        longest = longest_answer(choice.route, request)
        return Considered(
            principal,
            decision,
            input_tokens,
            choice.route,
            plan_baseline(choice, estimates, request),
            _ids(eligibility),
            circumstances,
            session,
            None if given.asks_new else self._cascade(choice, request, decision, drawn_by),
            cast_lot(decision, choice.route, drawn_by, preferred),
            given.trying,
            grounds_of(request, needs, input_tokens, longest, circumstances, tools, session, traits),
            no_store=eligibility.no_store_by is not None,
        )

    def _cascade(
        self, choice: Choice, request: Request, decision: Decision, drawn_by: str | None
    ) -> CascadePlan | None:
        """How several models are asked; None where the decision is settled or the route asks one."""
        if choice.route is None or is_settled(decision, choice.route, drawn_by):
            return None
        known = self._choices
        return plan_cascade(choice.route, request, decision, known.candidates, known.votes, known.confidence)

    def effects(
        self, request: Request, principal: Principal, steering: Steering, seen: Seen = UNSEEN
    ) -> tuple[Effect, ...]:
        """What each rule did for this request, for those who ask why."""
        choice = self._choices.get(request.model)
        if choice is None:
            return ()
        principal = steering.tag(principal)
        named = None if choice.route is None else choice.route.name
        return choice.gate.effects(principal, circumstances_of(request, named, principal, seen, self.book))

    def _recognise(
        self,
        choice: Choice,
        eligibility: Eligibility,
        request: Request,
        principal: Principal,
        steering: Steering,
        input_tokens: int,
        at_s: float,
        id: str | None,
    ) -> Session | None:
        """The session that the request belongs to, where the route keeps any."""
        needless = len(eligibility.allowed) == 1 if choice.route is None else not choice.route.sessions
        if self._memory is None or needless:
            return None
        wishes = (steering.max_loss, steering.max_cost_usd)
        session = recognise(request, principal, steering.session, self._memory, eligibility.allowed, at_s, wishes)
        session = weigh_caches(session, eligibility.allowed, self._choices.tariffs, input_tokens)
        seed = mark_of(id or "") >> 32 if session.found is None else session.found.seed
        return msgspec.structs.replace(session, seed=seed)

    def _steady(
        self,
        decision: Decision,
        eligibility: Eligibility,
        session: Session | None,
        route: Route | None,
        drawn_by: str | None,
        at_s: float,
        preferred: frozenset[str] = frozenset(),
    ) -> Decision:
        decision = follow_with_others(decision, eligibility, self._choices.tariffs, at_s)
        condition = condition_of(self._board, self._conduct, decision.order, route, at_s)
        return steady(decision, session, route, drawn_by, condition, preferred)

    def _embed(
        self,
        choice: Choice,
        request: Request,
        principal: Principal,
        gist: Gist,
        at_s: float,
        circumstances: Circumstances,
    ) -> Considered | Refusal:
        """As `consider`, for embeddings: nothing is estimated, and only hosts of one and the same model are left."""
        route = None if choice.route is None else choice.route.name
        if choice.embedding is None:
            eligibility = choice.gate.check(principal, EMBEDS, gist.input_tokens, circumstances)
            return Refusal(does_not_embed(request.model, eligibility), route, decide_nothing(eligibility))
        if len(choice.embedding.models) > 1:
            return Refusal(several_models(request.model, choice.embedding.models), route)
        longest = longest_input_tokens(request)
        eligibility = choice.embedding.gate.check(principal, gist.needs, longest, circumstances)
        if not eligibility.allowed:
            return _refusal(request.model, eligibility, route, circumstances)
        decision = decide_by_name(eligibility, request.model, self._choices.tariffs, at_s)
        decision = self._steady(decision, eligibility, None, None, None, at_s)
        grounds = grounds_of(request, EMBEDS, longest, None, circumstances, self.book.named.tools)
        ids = _ids(eligibility)
        return Considered(
            principal, decision, gist.input_tokens, choice.route, None, ids, circumstances, grounds=grounds
        )

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
        tracing: Tracing | None = None,
    ) -> Plan | Refusal:
        """A plan for this request, or why there is none."""
        gist = gist_of(asked.request)
        planned: Plan | Refusal | None = None
        if steering is UNSTEERED:
            planned = self._kept.find(asked, principal, seen, gist)
        if planned is None:
            planned = self._make(asked, client, principal, steering, seen, gist, id, started_ns)
        if isinstance(planned, Refusal):
            return planned
        self._board.allowances.earn()
        return msgspec.structs.replace(
            planned,
            id=id,
            started_ns=started_ns,
            started_s=started_s,
            client=client,
            upload_s=upload_s,
            tracing=tracing,
        )

    def _make(
        self,
        asked: Asked,
        client: ClientDialect,
        principal: Principal,
        steering: Steering,
        seen: Seen,
        gist: Gist,
        id: str,
        started_ns: int,
    ) -> Plan | Refusal:
        considered = self.consider(asked.request, principal, steering, id, started_ns / 1_000_000_000, seen, gist)
        if isinstance(considered, Refusal):
            return considered
        route = considered.route
        callable_ = self._choices.embedders if asked.request.operation == "embed" else self._choices.candidates
        planned = Plan(
            id=id,
            started_ns=started_ns,
            started_s=0.0,
            asked=asked,
            client=client,
            principal=considered.principal,
            decision=considered.decision,
            candidates=tuple([callable_[id_] for id_ in considered.decision.order]),
            deadlines=self._deadlines,
            input_tokens=considered.input_tokens,
            route=None if route is None else route.name,
            max_output_tokens=None if route is None else route.max_output_tokens,
            baseline=considered.baseline,
            session=considered.session,
            cascade=considered.cascade,
            eligible=considered.eligible,
            data_classes=tuple(sorted(considered.circumstances.data_classes)),
            sensitive=seen.counts,
            language=language_in(asked.request),
            client_region=region_of(considered.circumstances),
            lot=considered.lot,
            trial=considered.trial,
            grounds=considered.grounds,
            no_store=considered.no_store,
            retries=retries_of(self._conduct, route),
            allowances=self._board.allowances,
            hedge_after_s=hedge_after_s(self._board, route, considered.decision.order),
            only_text=gist.only_text,
        )
        choice = self._choices.get(asked.request.model)
        if steering is UNSTEERED and choice is not None:
            self._kept.keep(planned, principal, seen, gist, choice.gate.shortest_context)
        return planned

    def _decide(
        self,
        choice: Choice,
        eligibility: Eligibility,
        request: Request,
        steering: Steering,
        input_tokens: int,
        at_s: float,
        session: Session | None,
        drawn_by: str | None,
    ) -> tuple[Decision, Estimates | None]:
        route = choice.route
        if route is None or choice.router is None:
            return decide_by_name(eligibility, request.model, self._choices.tariffs, at_s), None
        prompt = prompt_of(request, input_tokens)
        estimates = choice.router.predict(prompt)
        limit = longest_answer(route, request)
        latencies = latencies_of(self._board, eligibility.allowed, estimates, limit, request.n)
        exempt = session.held if session is not None and session.conversation.open else None
        allowed, slow = split_slow(eligibility.preferred, latencies, route.max_latency_s, exempt)
        shares = drawn_by is not None and route.goal.kind == "shares"
        decision = decide(
            candidates=allowed,
            rejected=(*slow, *weigh_rejected(eligibility)),
            estimates=estimates,
            tariffs=self._choices.tariffs,
            goal=steering.narrow_goal(route.goal),
            reference=route.reference,
            prompt=prompt,
            router_version=self._choices.router_version,
            knob=self._choices.knobs.get(route.name),
            max_output_tokens=limit,
            answers=request.n,
            at_s=at_s,
            lot=draw(f"shares\n{route.name}\n{drawn_by}") if shares else 0.0,
            latencies=latencies,
        )
        return decision, estimates


def _refusal(name: str, eligibility: Eligibility, route: str | None, circumstances: Circumstances) -> Refusal:
    classes = tuple(sorted(circumstances.data_classes))
    return Refusal(nobody_eligible(name, eligibility), route, decide_nothing(eligibility), classes)


def _ids(eligibility: Eligibility) -> frozenset[str]:
    return frozenset([deployment.id for deployment in eligibility.allowed])
