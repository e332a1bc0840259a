"""No plan: the error for the client, and for the ledger what was considered."""

from __future__ import annotations

import msgspec

from entrepot.errors import EntrepotError, Forbidden, InvalidRequest, NotFound
from entrepot.policy.eligibility import Eligibility
from entrepot.routing.utility import Decision, Weighed


class Refusal(msgspec.Struct, frozen=True, eq=False):
    """Why there is no plan, under which route, and what was decided as far as that went."""

    error: EntrepotError
    route: str | None = None
    decision: Decision | None = None
    data_classes: tuple[str, ...] = ()


def unknown_name(name: str) -> Refusal:
    """Nothing is called so."""
    text = f"no route, model or deployment is called '{name[:100]}': GET /v1/models lists what can be asked for"
    return Refusal(NotFound(text, param="model", code="model_not_found"))


def weigh_rejected(eligibility: Eligibility) -> tuple[Weighed, ...]:
    """The deployments that were rejected, as a decision shows them."""
    return tuple(Weighed(r.deployment, r.model, rejected=r.reason) for r in eligibility.rejected)


def decide_nothing(eligibility: Eligibility) -> Decision:
    """The decision where nobody is eligible."""
    return Decision(order=(), candidates=weigh_rejected(eligibility), reason="no deployment is eligible")


def nobody_eligible(name: str, eligibility: Eligibility) -> EntrepotError:
    """403 if a rule is the reason for any of them, for then the rules could have allowed it; else 400 with what is missing."""
    for rejected in eligibility.rejected:
        if rejected.kind == "policy":
            rules = dict.fromkeys(r.rule for r in eligibility.rejected if r.rule is not None)
            named = ", ".join(f"'{rule}'" for rule in rules)
            return Forbidden(f"policy leaves no deployment for '{name}': denied by {named}", rule=rejected.rule)
    reasons = "; ".join(f"{r.deployment}: {r.reason}" for r in eligibility.rejected[:5])
    return InvalidRequest(f"no deployment behind '{name}' can answer this request ({reasons})", code="not_capable")
