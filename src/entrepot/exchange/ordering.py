"""Orders that no estimate makes: by price where a name was asked for, and what a preference leaves for later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache

import msgspec

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.exchange.refusing import weigh_rejected
from entrepot.policy.eligibility import Eligibility
from entrepot.routing.utility import Decision, Weighed


def decide_by_name(eligibility: Eligibility, name: str, tariffs: Mapping[str, Tariff], at_s: float) -> Decision:
    """A model or deployment asked for by name: nothing is estimated; its hosts follow each other by price."""
    if len(eligibility.preferred) == 1 and not eligibility.rejected:
        (only,) = eligibility.preferred
        return _the_only(name, only.id, only.model)
    order = _by_price(eligibility.preferred, tariffs, at_s)
    chosen = tuple(
        Weighed(deployment.id, deployment.model, propensity=1.0 if deployment.id == order[0] else 0.0)
        for deployment in eligibility.preferred
    )
    reason = f"'{name}' was asked for by name" + ("; its hosts follow each other by price" if len(order) > 1 else "")
    return Decision(order=order, candidates=(*chosen, *weigh_rejected(eligibility)), reason=reason)


@lru_cache(maxsize=4096)
def _the_only(name: str, deployment: str, model: str) -> Decision:
    """The decision that every request of this name comes to."""
    return Decision(
        order=(deployment,),
        candidates=(Weighed(deployment, model, propensity=1.0),),
        reason=f"'{name}' was asked for by name",
    )


def follow_with_others(
    decision: Decision, eligibility: Eligibility, tariffs: Mapping[str, Tariff], at_s: float
) -> Decision:
    """The decision with those after it that a preference left for later: they are asked if all before them fail."""
    if not eligibility.preferred_by:
        return decision
    others = [one for one in eligibility.allowed if one not in eligibility.preferred]
    named = ", ".join(f"'{name}'" for name in eligibility.preferred_by)
    return msgspec.structs.replace(
        decision,
        order=(*decision.order, *_by_price(others, tariffs, at_s)),
        candidates=(*decision.candidates, *(Weighed(one.id, one.model, propensity=0.0) for one in others)),
        reason=f"{decision.reason}; preferred by {named}, the others follow by price",
    )


def _by_price(deployments: Sequence[Deployment], tariffs: Mapping[str, Tariff], at_s: float) -> tuple[str, ...]:
    def price(deployment: Deployment) -> tuple[Decimal, str]:
        tariff = tariffs.get(deployment.id)
        rates = tariff.usd_per_token(0, at_s) if tariff is not None else None
        return (Decimal("Infinity") if rates is None else Decimal(rates[0] + rates[1]), deployment.id)

    return tuple(deployment.id for deployment in sorted(deployments, key=price))
