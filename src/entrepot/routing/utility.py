"""From estimates to a choice: prices as they are now, the operator's goal, and a decision that explains itself.

Rules of this file: plain Python over a handful of candidates, deterministic: ties go to the better estimate, then to the
lower cost, then to the smaller id. A candidate whose price is unknown is never taken for cheap: it is chosen only where no
candidate of known price will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple

import msgspec

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import Defect
from entrepot.routing.base import Basis, Estimates, Prompt
from entrepot.routing.continuity import Continuity

NOTHING_SAVED: Mapping[str, float] = MappingProxyType({})


class Goal(msgspec.Struct, frozen=True):
    """`cheapest_within`: the least expensive candidate predicted to stay within `max_loss` (points of quality, 0.02 = two)
    of the reference. `best_under`: the best candidate whose expected cost stays under `max_cost_usd`.

    `max_cost_usd` bounds `cheapest_within` too, where it is given: if what stays within `max_loss` is expected to cost more,
    the best under the bound is taken. A candidate of unknown price is over every bound.
    """

    kind: Literal["cheapest_within", "best_under"] = "cheapest_within"
    max_loss: float = 0.02
    max_cost_usd: float | None = None


class Weighed(msgspec.Struct, frozen=True):
    """One candidate as the decision saw it. Expected cost in dollars, None if its price is unknown.

    `rejected` is the reason for which it was not eligible, None if it was. `propensity` is the probability with which this
    candidate was chosen under the rule in force (1 or 0 without exploration). `latency_s` is how long a whole answer is expected
    to take, None where nothing is known of its pace. `unhealthy` is the reason for which it was put last.
    """

    deployment: str
    model: str
    p_correct: float | None = None
    p_error: float | None = None
    output_tokens: float | None = None
    cost_usd: float | None = None
    basis: Basis | None = None
    propensity: float = 0.0
    rejected: str | None = None
    latency_s: float | None = None
    unhealthy: str | None = None


class Decision(msgspec.Struct, frozen=True):
    """Which candidate, in which order the others follow if it fails, and why.

    `order` holds deployment ids, the chosen one first. `router` names the fitted artifact that made the estimates, None
    where no estimate was needed (a model or deployment was asked for by name). `reason` is one sentence for people.
    `displaced` is the deployment that the goal chose, where the holdout's draw gave the exchange to the baseline instead.
    `session` is what the conversation that it belongs to made of it, None for a first turn.
    """

    order: tuple[str, ...]
    candidates: tuple[Weighed, ...]
    reason: str
    goal: Goal | None = None
    reference: str | None = None
    router: str | None = None
    promise: str | None = None
    displaced: str | None = None
    session: Continuity | None = None

    @property
    def chosen(self) -> str:
        """The deployment id that goes first."""
        return self.order[0]


def decide(
    candidates: Sequence[Deployment],
    rejected: Sequence[Weighed],
    estimates: Estimates,
    tariffs: Mapping[str, Tariff],
    goal: Goal,
    reference: str | None,
    prompt: Prompt,
    router_version: str,
    promise: str | None = None,
    *,
    max_output_tokens: int | None = None,
    answers: int = 1,
    at_s: float = 0.0,
    saved_usd: Mapping[str, float] = NOTHING_SAVED,
) -> Decision:
    """Choose among `candidates` (all eligible, at least one) by `goal`, and order the others for failover.

    `tariffs` by deployment id; one that is missing is a price unknown. `estimates` must cover every candidate's model.
    `reference` is a deployment id. One that is no candidate for this request, or of which nothing is known (`basis` "prior"),
    sets no bar: the best eligible candidate does, and the reason says so. Where nothing is known of any, the reference is
    taken, unless any loss is allowed. The order: the chosen, then those that meet the goal by cost, then the rest by
    quality; what costs more than the goal allows comes last. `max_output_tokens` is what the request allows each of its
    `answers`. `at_s` is the moment (Unix seconds), since prices change with the hour and the day. `saved_usd`, by deployment, is
    what a prompt that its provider has cached already saves of the full price.
    """
    if not candidates:
        raise Defect("a decision needs at least one candidate")
    weighed = _weigh(candidates, estimates, tariffs, prompt.input_tokens, max_output_tokens, answers, at_s, saved_usd)
    choose = _best_under if goal.kind == "best_under" else _cheapest_within
    meeting, rest, reason = choose(weighed, goal, reference)
    order = tuple(choice.deployment for choice in (*meeting, *rest))
    shown = (*meeting, *rest)
    return Decision(
        order=order,
        candidates=(
            *(_shown(choice, 1.0 if choice is shown[0] else 0.0) for choice in shown),
            *rejected,
        ),
        reason=reason,
        goal=goal,
        reference=reference,
        router=router_version,
        promise=promise,
    )


_SLACK = 1e-9  # a sum of floats must not push a candidate below a bar that it meets exactly


class _Choice(NamedTuple):
    deployment: str
    model: str
    p_correct: float
    p_error: float
    output_tokens: float
    cost_usd: float | None
    basis: Basis


def bound_output(tokens: float, max_output_tokens: int | None, deployment: Deployment, answers: int) -> float:
    """Expected output tokens of `answers` answers, none of which can be longer than the request and the deployment allow."""
    for limit in (max_output_tokens, deployment.max_output_tokens):
        if limit is not None:
            tokens = min(tokens, limit)
    return tokens * answers


def _weigh(
    candidates: Sequence[Deployment],
    estimates: Estimates,
    tariffs: Mapping[str, Tariff],
    input_tokens: int,
    max_output_tokens: int | None,
    answers: int,
    at_s: float,
    saved_usd: Mapping[str, float],
) -> list[_Choice]:
    rows = {model: row for row, model in enumerate(estimates.models)}
    p_correct = estimates.p_correct.tolist()
    p_error = estimates.p_error.tolist()
    output_tokens = estimates.output_tokens.tolist()
    weighed = []
    for deployment in candidates:
        row = rows[deployment.model]
        tokens = bound_output(output_tokens[row], max_output_tokens, deployment, answers)
        tariff = tariffs.get(deployment.id)
        cost = None
        if tariff is not None:
            per_input, per_output = tariff.usd_per_token(input_tokens, at_s)
            cost = input_tokens * per_input + tokens * per_output - saved_usd.get(deployment.id, 0.0)
        basis = estimates.basis[row]
        weighed.append(_Choice(deployment.id, deployment.model, p_correct[row], p_error[row], tokens, cost, basis))
    return weighed


def _by_cost(choice: _Choice) -> tuple[bool, float, float, str]:
    unknown = choice.cost_usd is None
    return (unknown, choice.cost_usd or 0.0, -choice.p_correct, choice.deployment)


def _by_quality(choice: _Choice) -> tuple[float, bool, float, str]:
    return (-choice.p_correct, choice.cost_usd is None, choice.cost_usd or 0.0, choice.deployment)


def _cheapest_within(
    weighed: list[_Choice], goal: Goal, reference: str | None
) -> tuple[list[_Choice], list[_Choice], str]:
    measure = next((choice for choice in weighed if choice.deployment == reference), None)
    known = [choice for choice in weighed if choice.basis != "prior"]
    # A guess on the low side is fair to a candidate that has yet to show that it can; as a bar it would let everything pass.
    best = measure if measure is not None and (measure in known or not known) else min(weighed, key=_by_quality)
    bar = best.p_correct - goal.max_loss - _SLACK
    meeting = sorted((choice for choice in weighed if choice.p_correct >= bar), key=_by_cost)
    if best is measure and not known and goal.max_loss < 1:
        meeting = [measure]
    rest = sorted((choice for choice in weighed if choice not in meeting), key=_by_quality)
    if goal.max_cost_usd is not None:
        if not _is_under(meeting[0], goal.max_cost_usd):
            under, over, said = _best_under(weighed, goal, reference)
            return under, over, f"{_loss(goal)} of {best.deployment} cannot be kept under the cost allowed: {said}"
        both = (*meeting, *rest)
        rest = sorted((choice for choice in both if not _is_under(choice, goal.max_cost_usd)), key=_by_cost)
        meeting = [choice for choice in both if _is_under(choice, goal.max_cost_usd)]
    return meeting, rest, _reason_within(meeting[0], best, goal, reference, measure, weighed)


def _is_under(choice: _Choice, max_cost_usd: float) -> bool:
    return choice.cost_usd is not None and choice.cost_usd <= max_cost_usd


def _loss(goal: Goal) -> str:
    return f"{100 * goal.max_loss:g} point{'' if goal.max_loss == 0.01 else 's'}"


def _reason_within(
    chosen: _Choice, best: _Choice, goal: Goal, reference: str | None, measure: _Choice | None, weighed: list[_Choice]
) -> str:
    points = _loss(goal)
    measured = "the reference" if best is measure else "the best eligible candidate"
    if len(weighed) == 1:
        said = f"{chosen.deployment} is the only eligible candidate"
    elif chosen is best is measure and all(choice.basis == "prior" for choice in weighed):
        said = f"{chosen.deployment}, the reference, is taken because nothing is known of how good any candidate is"
    elif chosen is best:
        said = f"{chosen.deployment}, {measured}, has no cheaper rival expected to stay within {points} of it"
    else:
        said = (
            f"{chosen.deployment} is the least expensive candidate expected to stay within {points} of {best.deployment}, "
            f"{measured} (P(correct) {chosen.p_correct:.3f} against {best.p_correct:.3f}"
            f"{_saving(chosen.cost_usd, best.cost_usd)})"
        )
    if reference is not None and measure is None:
        said += f"; the reference {reference} is not eligible for this request"
    elif measure is not None and best is not measure:
        said += f"; nothing is known of how good the reference {reference} is"
    return said + _price_caveat(chosen) + "."


def _best_under(weighed: list[_Choice], goal: Goal, _reference: str | None) -> tuple[list[_Choice], list[_Choice], str]:
    limit = float("inf") if goal.max_cost_usd is None else goal.max_cost_usd
    under = [choice for choice in weighed if _is_under(choice, limit)]
    over = [choice for choice in weighed if not _is_under(choice, limit)]
    if under:
        # the best goes first; should it fail, the next best under the limit follows
        meeting = sorted(under, key=_by_quality)
        said = f"{meeting[0].deployment} has the best expected quality under {limit:.6g} USD a request"
        return meeting, sorted(over, key=_by_cost), f"{said} (P(correct) {meeting[0].p_correct:.3f})."
    meeting = sorted(over, key=_by_cost)
    said = (
        f"no candidate is expected to cost at most {limit:.6g} USD, so {meeting[0].deployment} is taken as the cheapest"
    )
    return meeting, [], said + _price_caveat(meeting[0]) + "."


def _saving(cost: float | None, measure: float | None) -> str:
    if cost is None or measure is None:
        return ""
    return f", {cost:.6f} USD against {measure:.6f}"


def _price_caveat(chosen: _Choice) -> str:
    return "" if chosen.cost_usd is not None else ", though its price is unknown"


def _shown(choice: _Choice, propensity: float) -> Weighed:
    return Weighed(
        deployment=choice.deployment,
        model=choice.model,
        p_correct=choice.p_correct,
        p_error=choice.p_error,
        output_tokens=choice.output_tokens,
        cost_usd=choice.cost_usd,
        basis=choice.basis,
        propensity=propensity,
    )
