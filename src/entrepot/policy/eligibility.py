"""The one gate: which deployments this principal may use, for what this request needs, and why not the others.

Rules of this file: pure. Deny wins; no rule gives back what another takes away, so a further tag can only narrow. What
`rules.py` says of unknown facts holds here. Every reason is kept, not the first alone, because an operator who lifts one
wants to know of the next. A deployment is judged by a rule once, when the rule first applies; a check is look-ups.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.schema import Deployment
from entrepot.policy.circumstances import ANYWHERE, Circumstances
from entrepot.policy.judgement import is_preferred, object_to
from entrepot.policy.rulebook import Asking, Rulebook
from entrepot.policy.rules import Principal, Rule
from entrepot.policy.scope import object_to_deployment

Kind = Literal["policy", "scope", "capability", "context", "trial"]

# How many different callers a gate remembers before it starts again; tags come from requests, so there may be any number.
_REMEMBERED = 1024


class Reason(NamedTuple):
    """One reason against a deployment, as a sentence; `rule` names the rule where it is one of policy."""

    text: str
    kind: Kind
    rule: str | None = None


class Rejected(msgspec.Struct, frozen=True):
    """A deployment that may not be used, with every reason: first those of rules, in their order, then the scope's."""

    deployment: str
    model: str
    reasons: tuple[Reason, ...]

    @property
    def reason(self) -> str:
        """All reasons as one text."""
        return "; ".join(reason.text for reason in self.reasons)

    @property
    def kind(self) -> Kind:
        """The kind of the first reason: policy wherever policy is among them."""
        return self.reasons[0].kind

    @property
    def rule(self) -> str | None:
        """The first rule that refused, None if none did."""
        return self.reasons[0].rule


class Eligibility(msgspec.Struct, frozen=True):
    """What is left, and what is not: together every deployment that was asked about, each in its order.

    `preferred` are those of `allowed` to choose among, all of them where no rule prefers any; `preferred_by` names the rules
    that left the others for later. `no_store_by` is the first rule that has nothing kept of what is said, None if none does.
    """

    allowed: tuple[Deployment, ...]
    rejected: tuple[Rejected, ...]
    preferred: tuple[Deployment, ...] = ()
    preferred_by: tuple[str, ...] = ()
    no_store_by: str | None = None


class Effect(msgspec.Struct, frozen=True):
    """What one rule did for one request. `spared_by` is the condition that did not hold, None where the rule applies.

    `objections` says why it keeps out which deployments; `prefers` are those that it would choose among.
    """

    rule: str
    spared_by: str | None
    objections: dict[str, str] = {}
    prefers: tuple[str, ...] = ()


class Gate:
    """Deployments and rules, compiled. `check` is called for every request.

    Up to `shortest_context` tokens of input no deployment's context has a part in what it says.
    """

    __slots__ = ("_asked", "_book", "_deployments", "_objections", "_settled", "shortest_context")

    def __init__(self, deployments: Sequence[Deployment], book: Rulebook) -> None:
        self._deployments = tuple(deployments)
        self._book = book
        self._objections: dict[int, tuple[str | None, ...]] = {}
        contexts = [one.context_tokens for one in self._deployments if one.context_tokens is not None]
        self.shortest_context: float = min(contexts, default=math.inf)
        self._settled: dict[tuple[Asking, frozenset[Capability]], Eligibility] = {}
        self._asked: dict[tuple[Principal, Circumstances, frozenset[Capability]], Eligibility] = {}

    @property
    def deployments(self) -> tuple[Deployment, ...]:
        """All that it judges, in their order."""
        return self._deployments

    def check(
        self,
        principal: Principal,
        needs: frozenset[Capability],
        input_tokens: int,
        circumstances: Circumstances = ANYWHERE,
    ) -> Eligibility:
        """The deployments that `principal` may use for a request with these needs and about this much input."""
        if input_tokens > self.shortest_context:
            return self._weigh(self._book.asking(principal, circumstances), needs, input_tokens)
        asked = (principal, circumstances, needs)
        found = self._asked.get(asked)
        if found is None:
            if len(self._asked) >= _REMEMBERED:
                self._asked.clear()
            found = self._asked[asked] = self._settle(self._book.asking(principal, circumstances), needs)
        return found

    def _settle(self, asking: Asking, needs: frozenset[Capability]) -> Eligibility:
        """The same for all callers that no rule tells apart."""
        settled = self._settled.get((asking, needs))
        if settled is None:
            if len(self._settled) >= _REMEMBERED:
                self._settled.clear()
            settled = self._settled[asking, needs] = self._weigh(asking, needs, 0)
        return settled

    def effects(self, principal: Principal, circumstances: Circumstances = ANYWHERE) -> tuple[Effect, ...]:
        """What each rule does for such a request, in the order of the rules."""
        asking = self._book.asking(principal, circumstances)
        return tuple(self._effect(index, asking) for index in range(len(self._book.rules)))

    def _effect(self, index: int, asking: Asking) -> Effect:
        rule = self._book.rules[index]
        failing = self._book.failing(index, asking)
        if failing is not None:
            return Effect(rule.name, failing)
        told = zip(self._deployments, self._object(index), strict=True)
        preferred = () if rule.prefer is None else tuple(d.id for d in self._deployments if is_preferred(d, rule))
        return Effect(rule.name, None, {one.id: text for one, text in told if text is not None}, preferred)

    def _weigh(self, asking: Asking, needs: frozenset[Capability], input_tokens: int) -> Eligibility:
        rules = self._book.rules
        in_force = self._book.in_force(asking)
        objections = [(rules[index].name, self._object(index)) for index in in_force]
        allowed: list[Deployment] = []
        rejected: list[Rejected] = []
        for place, deployment in enumerate(self._deployments):
            reasons = [Reason(text, "policy", name) for name, told in objections if (text := told[place]) is not None]
            if (beyond := object_to_deployment(asking.models, deployment)) is not None:
                reasons.append(Reason(beyond, "scope"))
            reasons += _incapable(deployment, needs, input_tokens)
            if reasons:
                rejected.append(Rejected(deployment.id, deployment.model, tuple(reasons)))
            else:
                allowed.append(deployment)
        preferred, preferred_by = _prefer(allowed, [rules[index] for index in in_force])
        no_store_by = next((rules[index].name for index in in_force if rules[index].no_store), None)
        return Eligibility(tuple(allowed), tuple(rejected), preferred, preferred_by, no_store_by)

    def _object(self, index: int) -> tuple[str | None, ...]:
        """What this rule, where it applies, objects to each deployment: worked out when it first does."""
        told = self._objections.get(index)
        if told is None:
            rule = self._book.rules[index]
            told = self._objections[index] = tuple(object_to(one, rule) for one in self._deployments)
        return told


def eligible(
    deployments: Sequence[Deployment],
    rules: Sequence[Rule],
    principal: Principal,
    needs: frozenset[Capability] = frozenset(),
    input_tokens: int = 0,
    circumstances: Circumstances = ANYWHERE,
) -> Eligibility:
    """As `Gate.check`, for asking once."""
    return Gate(deployments, Rulebook(rules)).check(principal, needs, input_tokens, circumstances)


def _prefer(allowed: Sequence[Deployment], rules: Sequence[Rule]) -> tuple[tuple[Deployment, ...], tuple[str, ...]]:
    """Those to choose among, and the rules that left others for later. A rule that would leave nobody has no say."""
    left = tuple(allowed)
    by: list[str] = []
    for rule in rules:
        if rule.prefer is not None:
            preferred = tuple(one for one in left if is_preferred(one, rule))
            if preferred and preferred != left:
                left = preferred
                by.append(rule.name)
    return left, tuple(by)


def _incapable(deployment: Deployment, needs: frozenset[Capability], input_tokens: int) -> list[Reason]:
    reasons: list[Reason] = []
    embeds = "embeddings" in needs
    if deployment.capabilities is not None and ("embeddings" in deployment.capabilities) != embeds:
        # Said alone: what else an embedding model cannot do is beside the point.
        text = "it answers, and makes no embeddings" if embeds else "it makes embeddings, and does not answer"
        return [Reason(text, "capability")]
    # Of a model whose capabilities nobody states, as with an operator's own, everything may be asked: it can say no itself.
    if deployment.capabilities is not None:
        missing = needs - deployment.capabilities
        if "json_schema" in deployment.capabilities:
            missing -= {"json"}  # a server that holds an answer to a schema can hold it to being JSON
        if missing:
            reasons.append(Reason(f"it is not able to do {' and '.join(sorted(missing))}", "capability"))
    context = deployment.context_tokens
    if context is not None and input_tokens > context:
        text = f"its context is {context:,} tokens and the input about {input_tokens:,}"
        reasons.append(Reason(text, "context"))
    return reasons
