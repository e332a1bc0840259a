"""The one gate: which deployments this principal may use, for what this request needs, and why not the others.

Rules of this file: pure. Deny wins; no rule gives back what another takes away, so a further tag can only narrow. What
`rules.py` says of unknown facts holds here. Every reason is kept, not the first alone, because an operator who lifts one
wants to know of the next. Judging deployments by rules happens once, when the gate is made; a check is look-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import msgspec

from entrepot.canonical.capabilities import Capability
from entrepot.catalog.schema import Deployment
from entrepot.policy.judgement import object_to
from entrepot.policy.rules import Principal, Rule
from entrepot.policy.scope import object_to_deployment
from entrepot.policy.tags import fold_tag

Kind = Literal["policy", "scope", "capability", "context"]

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
    """What is left, and what is not: together every deployment that was asked about, each in its order."""

    allowed: tuple[Deployment, ...]
    rejected: tuple[Rejected, ...]


class _Caller(NamedTuple):
    """As much of a principal as some rule looks at, its tags folded: nothing else can change what it may use."""

    key: str | None
    teams: frozenset[str]
    tags: frozenset[str]
    models: tuple[str, ...] | None


class Gate:
    """Deployments and rules, compiled. `check` is called for every request."""

    __slots__ = ("_deployments", "_keys", "_objections", "_rules", "_settled", "_shortest", "_tags", "_teams")

    def __init__(self, deployments: Sequence[Deployment], rules: Sequence[Rule]) -> None:
        self._deployments = tuple(deployments)
        self._rules = tuple(rules)
        self._keys = frozenset(key for rule in rules for key in rule.when.keys)
        self._teams = frozenset(team for rule in rules for team in rule.when.teams)
        self._tags = frozenset(fold_tag(tag) for rule in rules for tag in rule.when.tags)
        self._objections = tuple(tuple(object_to(one, rule) for rule in self._rules) for one in self._deployments)
        contexts = [one.context_tokens for one in self._deployments if one.context_tokens is not None]
        self._shortest = min(contexts, default=None)
        self._settled: dict[tuple[_Caller, frozenset[Capability]], Eligibility] = {}

    def check(self, principal: Principal, needs: frozenset[Capability], input_tokens: int) -> Eligibility:
        """The deployments that `principal` may use for a request with these needs and about this much input."""
        caller = _Caller(
            principal.key if principal.key in self._keys else None,
            self._teams.intersection(principal.teams) if self._teams else self._teams,
            frozenset(map(fold_tag, principal.tags)) & self._tags if self._tags else self._tags,
            principal.scope.models,
        )
        if self._shortest is not None and input_tokens > self._shortest:
            return self._weigh(caller, needs, input_tokens)
        settled = self._settled.get((caller, needs))
        if settled is None:
            if len(self._settled) >= _REMEMBERED:
                self._settled.clear()
            settled = self._settled[caller, needs] = self._weigh(caller, needs, 0)
        return settled

    def _weigh(self, caller: _Caller, needs: frozenset[Capability], input_tokens: int) -> Eligibility:
        in_force = [index for index, rule in enumerate(self._rules) if _applies(rule, caller)]
        allowed: list[Deployment] = []
        rejected: list[Rejected] = []
        for deployment, objections in zip(self._deployments, self._objections, strict=True):
            reasons = [
                Reason(text, "policy", self._rules[index].name)
                for index in in_force
                if (text := objections[index]) is not None
            ]
            if (beyond := object_to_deployment(caller.models, deployment)) is not None:
                reasons.append(Reason(beyond, "scope"))
            reasons += _incapable(deployment, needs, input_tokens)
            if reasons:
                rejected.append(Rejected(deployment.id, deployment.model, tuple(reasons)))
            else:
                allowed.append(deployment)
        return Eligibility(tuple(allowed), tuple(rejected))


def eligible(
    deployments: Sequence[Deployment],
    rules: Sequence[Rule],
    principal: Principal,
    needs: frozenset[Capability] = frozenset(),
    input_tokens: int = 0,
) -> Eligibility:
    """As `Gate.check`, for asking once."""
    return Gate(deployments, rules).check(principal, needs, input_tokens)


def _applies(rule: Rule, caller: _Caller) -> bool:
    when = rule.when
    return (
        (not when.tags or not caller.tags.isdisjoint(map(fold_tag, when.tags)))
        and (not when.teams or not caller.teams.isdisjoint(when.teams))
        and (not when.keys or caller.key in when.keys)
    )


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
