"""What is asked beside an exchange once its answer was sent: which deployment, as whom, and what the plan of that is.

A shadow passes the gate as the exchange itself did: the rules, the key's scope, the data classes and the needs of its request are
those of the exchange. Nothing is routed, retried, hedged or remembered for it, and no tool is run. It is an exchange of the key
`shadow` with no team, so that no caller's budget or limit pays for what nobody asked for.

Rules of this file: pure. Who is asked is drawn by the exchange's id, so that each is drawn once and evenly.
"""

from __future__ import annotations

import hashlib
from typing import Literal

import msgspec

from entrepot.canonical.capabilities import required_capabilities
from entrepot.catalog.schema import Deployment
from entrepot.exchange.choices import Choices
from entrepot.exchange.grounds import circumstances_again
from entrepot.exchange.outcome_plan import Shadowing
from entrepot.exchange.plan import Deadlines, Plan
from entrepot.exchange.records import Entry, Shadow
from entrepot.exchange.refusing import left_to_provider
from entrepot.exchange.steadying import draw
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision, Weighed

SHADOW = "shadow"
"""The key that shadows are asked as, and the tag that they bear."""

NotAsked = Literal["same_deployment", "not_allowed"]
"""Why nobody is asked beside: whoever could be has answered · the rules, the scope or the request's needs leave nobody."""


class Moment(msgspec.Struct, frozen=True):
    """When a shadow begins, and its id. As in a plan."""

    id: str
    started_ns: int
    started_s: float


def is_drawn(wanted: Shadowing, exchange: str) -> bool:
    """Whether the lot falls on the exchange of this id."""
    return draw(f"{SHADOW} {wanted.trial or ''}\n{exchange}") < wanted.share


def plan_shadow(
    choices: Choices, deadlines: Deadlines, wanted: Shadowing, plan: Plan, entry: Entry, moment: Moment
) -> Plan | NotAsked:
    """The plan of what is asked beside the exchange of `plan`, whose entry is `entry`; or why nobody is."""
    if entry.served is None or plan.grounds is None or plan.no_store:
        return "not_allowed"
    others = [id_ for id_ in wanted.candidates if id_ != entry.served.deployment and id_ in choices.candidates]
    if not others:
        return "same_deployment"
    allowed = _allowed(choices, plan, others)
    if not allowed:
        return "not_allowed"
    one = allowed[int(draw(f"{SHADOW} of\n{plan.id}") * len(allowed))]
    share = wanted.share / len(allowed)
    weighed = Weighed(one.id, one.model, propensity=share)
    return Plan(
        id=moment.id,
        started_ns=moment.started_ns,
        started_s=moment.started_s,
        asked=plan.asked,
        client=plan.client,
        principal=Principal(key=SHADOW, tags=plan.principal.tags | {SHADOW}),
        decision=Decision(order=(one.id,), candidates=(weighed,), reason=f"the shadow of exchange {plan.id}"),
        candidates=(choices.candidates[one.id],),
        eligible=frozenset({one.id}),
        deadlines=deadlines,
        input_tokens=plan.input_tokens,
        route=plan.route,
        max_output_tokens=plan.max_output_tokens,
        data_classes=plan.data_classes,
        language=plan.language,
        client_region=plan.client_region,
        no_store=True,
        shadow=_shadow(wanted, plan, entry, entry.served.deployment, share),
    )


def _allowed(choices: Choices, plan: Plan, others: list[str]) -> list[Deployment]:
    """Those of `others` that the exchange itself might have gone to."""
    request, grounds = plan.asked.request, plan.grounds
    if grounds is None:
        return []
    circumstances = circumstances_again(grounds, plan.route, frozenset(plan.data_classes))
    if left_to_provider(request, plan.route, plan.principal, circumstances, choices.book) is not None:
        return []
    needs, found = required_capabilities(request), list[Deployment]()
    for id_ in others:
        choice = choices.get(id_)
        if choice is not None:
            eligibility = choice.gate.check(plan.principal, needs, plan.input_tokens, circumstances)
            found.extend(eligibility.allowed if eligibility.no_store_by is None else ())
    return found


def _shadow(wanted: Shadowing, plan: Plan, entry: Entry, sent_by: str, share: float) -> Shadow:
    session = 0 if plan.grounds is None else plan.grounds.session
    unit = session or int.from_bytes(hashlib.sha256(plan.id.encode()).digest()[:7], "big")
    return Shadow(
        of=plan.id,
        share=share,
        unit=unit,
        sent_by=sent_by,
        sent_nano_usd=entry.cost_nano_usd,
        sent_ms=entry.duration_ms,
        sent_again=any(one.failure is not None for one in entry.attempts),
        trial=wanted.trial,
        stage=wanted.stage,
        sent_cached=entry.usage is not None and entry.usage.cache_read_tokens > 0,
    )
