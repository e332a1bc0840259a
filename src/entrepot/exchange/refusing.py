"""No plan: the error for the client, and for the ledger what was considered."""

from __future__ import annotations

import msgspec

from entrepot.canonical.request import Request
from entrepot.dialects.delegation import delegated, delegated_facts
from entrepot.errors import EntrepotError, Forbidden, InvalidRequest, NotFound
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.eligibility import Eligibility
from entrepot.policy.rulebook import Rulebook
from entrepot.policy.rules import Principal
from entrepot.policy.scope import object_to_name, object_to_tags
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


def beyond_scope(principal: Principal, name: str, *, is_route: bool) -> Refusal | None:
    """The key is not for this name; None if it is."""
    objection = object_to_name(principal.scope, name, is_route=is_route)
    if objection is None:
        return None
    text = f"the key '{principal.key}' {objection}: it may not ask for '{name}'"
    return Refusal(Forbidden(text, code="out_of_scope"), name if is_route else None)


def tags_beyond_scope(principal: Principal, tags: frozenset[str]) -> Refusal | None:
    """The key is not for a tag that the request adds; None if it is for all of them.

    It is refused and not passed over: a tag that were dropped would not narrow what it was sent to narrow.
    """
    objection = object_to_tags(principal.scope, tags) if tags else None
    if objection is None:
        return None
    return Refusal(Forbidden(f"the key '{principal.key}' {objection}", code="out_of_scope"))


def left_to_provider(
    request: Request, route: str | None, principal: Principal, circumstances: Circumstances, book: Rulebook
) -> Refusal | None:
    """The request would have its provider ask somebody whom no rule looked at, and a rule holds or the key has a scope.

    It is refused and not taken out: an answer that the client did not ask for is the worse surprise. None where nothing
    confines who may answer, or nothing is left to the provider.
    """
    fields, facts = delegated(request), delegated_facts(request)
    if not fields and not facts:
        return None
    left = [*((field, None) for field in fields), *facts]
    asking = book.asking(principal, circumstances)
    scoped = principal.scope.models is not None or principal.scope.routes is not None
    for field, fact in left:
        rule = book.confining(asking, fact)
        if rule is not None or (fact is None and scoped):
            because = f"rule '{rule.name}' holds" if rule is not None else f"the key '{principal.key}' has a scope"
            text = (
                f"'{field}' leaves more to the provider than who was chosen, and {because}: send the request without it"
            )
            error = Forbidden(text, rule=None if rule is None else rule.name, code="left_to_provider")
            return Refusal(error, route)
    return None


def weigh_rejected(eligibility: Eligibility) -> tuple[Weighed, ...]:
    """The deployments that were rejected, as a decision shows them."""
    return tuple(Weighed(r.deployment, r.model, rejected=r.reason) for r in eligibility.rejected)


def decide_nothing(eligibility: Eligibility) -> Decision:
    """The decision where nobody is eligible."""
    return Decision(order=(), candidates=weigh_rejected(eligibility), reason="no deployment is eligible")


def nobody_eligible(name: str, eligibility: Eligibility) -> EntrepotError:
    """403 if a rule or the key's scope is the reason for any of them, for then these could have allowed it.

    Else 400 with what is missing.
    """
    for rejected in eligibility.rejected:
        if rejected.kind == "policy":
            rules = dict.fromkeys(r.rule for r in eligibility.rejected if r.rule is not None)
            named = ", ".join(f"'{rule}'" for rule in rules)
            return Forbidden(f"policy leaves no deployment for '{name}': denied by {named}", rule=rejected.rule)
    for rejected in eligibility.rejected:
        if rejected.kind == "scope":
            told = rejected.reasons[0].text
            return Forbidden(f"nothing behind '{name}' may be used: {told}", code="out_of_scope")
    reasons = "; ".join(f"{r.deployment}: {r.reason}" for r in eligibility.rejected[:5])
    return InvalidRequest(f"no deployment behind '{name}' can answer this request ({reasons})", code="not_capable")
