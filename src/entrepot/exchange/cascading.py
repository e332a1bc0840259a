"""Whether several models may be asked for this exchange, and by which rule."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.canonical.request import Request
from entrepot.dialects.logprobs import gives_logprobs
from entrepot.exchange.plan import Candidate, CascadePlan, Route
from entrepot.routing.ballot import expected_kind
from entrepot.routing.cascade import Member, make_check_rule, make_rule, next_member, next_to_check, with_bar
from entrepot.routing.confidence import DEFAULT_CONFIDENCE, Confidence, source_of
from entrepot.routing.utility import Decision, Goal
from entrepot.routing.validator import Validator, validator_problem
from entrepot.routing.votes import Belief, VoteModel

_MOST_TOLD = 0.95


def plan_cascade(
    route: Route | None,
    request: Request,
    decision: Decision,
    candidates: Mapping[str, Candidate],
    votes: VoteModel,
    confidence: Confidence = DEFAULT_CONFIDENCE,
) -> CascadePlan | None:
    """How several models may be asked, None where one is to answer.

    One answers where the route has no strategy, where the decision has but one candidate or was drawn by lot (for the holdout,
    or to explore), where several answers are wanted (`n`), where there is nothing to check by, where nothing
    is known of any candidate but what a check would find, and where no answer's words could tell more than is known before.
    `votes` and `confidence` are what the router learned of answers.
    """
    if route is None or route.strategy is None or (decision.displaced or decision.explored) is not None:
        return None
    if request.operation != "generate" or request.n != 1:
        return None
    strategy, members = route.strategy, _members(decision, candidates, route.reference)
    if len(members) < 2 or strategy.max_calls < 2:
        return None
    if strategy.name != "check" and _knows_nothing(decision):
        return None
    kind, options = expected_kind(request, strategy.compare)
    habits = votes.of(kind, options)
    if strategy.name == "agreement":
        goal = decision.goal or Goal()
        rule = make_rule(members, habits, goal, route.reference, strategy.max_calls, decision.worth_usd)
        return CascadePlan(strategy, rule, votes)
    rule = make_check_rule(members, habits, route.reference, strategy.max_calls)
    if strategy.name == "confidence":
        rule = with_bar(rule, decision.goal or Goal(), route.reference)
        bar = rule.bar or 0.0
        # whose words tell nothing can only be good enough by what is known of it already
        useful = [m for m in members if m.p_correct >= bar or _tells(candidates[m.deployment], request)]
        if len(useful) < 2:
            return None
        rule = make_check_rule(useful, habits, route.reference, strategy.max_calls)
        believed = strategy.confidence or confidence
        return CascadePlan(strategy, msgspec.structs.replace(rule, bar=bar), votes, confidence=believed)
    check = strategy.check or _check_of(request)
    if check is None:
        return None
    return CascadePlan(strategy, rule, votes, check)


def _knows_nothing(decision: Decision) -> bool:
    """Whether all estimates are guesses: by those a cheap answer would be good enough unasked about."""
    return all(weighed.basis == "prior" for weighed in decision.candidates if weighed.rejected is None)


def _tells(candidate: Candidate, request: Request) -> bool:
    """Whether the log-probabilities of its tokens may be had."""
    return bool(request.extra.get("logprobs")) or gives_logprobs(candidate.dialect.name, candidate.target.capabilities)


def _check_of(request: Request) -> Validator | None:
    """The JSON Schema that the request itself asks for, if it is one that can be checked."""
    schema = request.output_format.schema
    if schema is None:
        return None
    check = Validator(json_schema=schema)
    return None if validator_problem(check) else check


def _members(decision: Decision, candidates: Mapping[str, Candidate], reference: str | None) -> list[Member]:
    """One deployment of each model: two hosts of the same weights are not two opinions. The reference's, or the cheapest."""
    chosen: dict[str, Member] = {}
    for weighed in decision.candidates:
        if weighed.rejected is not None or weighed.p_correct is None:
            continue
        deployment = candidates[weighed.deployment].deployment
        member = Member(deployment.id, deployment.maker, weighed.p_correct, weighed.cost_usd)
        known = chosen.get(deployment.model)
        if known is None or _rank(member, reference) < _rank(known, reference):
            chosen[deployment.model] = member
    return [*chosen.values()]


def _rank(member: Member, reference: str | None) -> tuple[bool, bool, float, str]:
    return (member.deployment != reference, member.cost_usd is None, member.cost_usd or 0.0, member.deployment)


def describe_cascade(cascade: CascadePlan) -> str:
    """How several models would be asked, in words: whom first, and what it is expected to come to."""
    rule = cascade.rule
    belief = Belief(rule.habits)
    if cascade.strategy.name == "agreement":
        first = next_member(rule, belief, [], 0)
        how = "answers are compared until they agree well enough"
    else:
        first = next_to_check(rule, belief, [], 0, None)
        checked = cascade.strategy.name == "check"
        how = "answers are held to a check until one passes" if checked else "until one is sure enough of its own words"
    expected = rule.expected
    what = {
        "agreement": "an answer that is right",
        "check": "an answer that passes, right or not,",
        "confidence": "at least one right answer among them",
    }[cascade.strategy.name]
    told = f" Log-probabilities of its tokens are believed as {source_of(cascade.confidence)}."
    return (
        f"The route asks several models ({cascade.strategy.name}): {how}, {first} first. That is expected to take "
        f"{expected.calls:.1f} calls of at most {rule.most_calls} and {expected.cost_usd:.6f} USD, "
        f"for {what} with a probability of {_told_probability(expected.p_correct)}."
        + (told if cascade.strategy.name == "confidence" else "")
    )


def _told_probability(p: float) -> str:
    """No surer than what stands behind it: models fail together more often than estimates of each tell."""
    return f"more than {_MOST_TOLD}" if p > _MOST_TOLD else f"about {p:.2f}"
