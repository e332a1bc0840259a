"""From estimates to a choice: prices as they are now, the operator's goal, and a decision that explains itself.

Rules of this file: deterministic: what is drawn by lot is drawn with the lot that is given. How each goal orders candidates
is in `goals.py`; what stands behind a goal over all requests in `worth.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from entrepot.catalog.pricing import Tariff
from entrepot.catalog.schema import Deployment
from entrepot.errors import Defect
from entrepot.routing.base import Basis, Estimates, Prompt
from entrepot.routing.continuity import Continuity
from entrepot.routing.goals import (
    Option,
    Ranked,
    best_under,
    bounded,
    by_quality,
    by_share,
    by_worth,
    is_under,
    told_points,
    within_bar,
)
from entrepot.routing.worth import Knob

NO_LATENCIES: Mapping[str, float] = {}
GoalKind = Literal["cheapest_within", "weighted", "best_under", "shares"]


class Goal(msgspec.Struct, frozen=True):
    """What a route is to do with its candidates.

    `cheapest_within`: the least expensive choices that stay within `max_loss` (points of quality, 0.02 = two) of the
    reference on average; with `confidence`, only so far as that can be promised. With `each_request`, no average: the least
    expensive candidate predicted to stay within it for this request by itself.
    `weighted`: the best of P(correct) times `worth_usd`, what a right answer is worth in dollars, less expected cost.
    `best_under`: the best candidate whose expected cost stays under `max_cost_usd`.
    `shares`: by lot, each deployment its share.

    `max_cost_usd` bounds the other goals too, where it is given: if what they choose is expected to cost more, the best under
    the bound is taken. A candidate of unknown price is over every bound.
    """

    kind: GoalKind = "cheapest_within"
    max_loss: float = 0.02
    max_cost_usd: float | None = None
    confidence: float | None = None
    each_request: bool = False
    worth_usd: float | None = None
    shares: tuple[tuple[str, float], ...] = ()


class Weighed(msgspec.Struct, frozen=True, gc=False):
    """One candidate as the decision saw it. Expected cost in dollars, None if its price is unknown.

    `rejected` is the reason for which it was not eligible, None if it was. `propensity` is the probability with which this
    candidate was chosen under the rule in force (1 or 0 where nothing is drawn by lot). `latency_s` is how long a whole answer is
    expected to take, None where nothing is known of its pace. `unhealthy` is the reason for which it was put last.
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
    `promise` says what is promised of the choice, why nothing is, or is None where nobody asked for a promise.
    `worth_usd` is what a right answer was taken to be worth, where that settled the choice. `displaced` is the deployment that
    was chosen before the holdout's draw gave the exchange to the baseline instead, `explored` the one that the goal chose
    before the exchange was drawn to explore. `session` is what the conversation made of it, None for a first turn.
    """

    order: tuple[str, ...]
    candidates: tuple[Weighed, ...]
    reason: str
    goal: Goal | None = None
    reference: str | None = None
    router: str | None = None
    promise: str | None = None
    displaced: str | None = None
    worth_usd: float | None = None
    explored: str | None = None
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
    knob: Knob | None = None,
    *,
    max_output_tokens: int | None = None,
    answers: int = 1,
    at_s: float = 0.0,
    lot: float = 0.0,
    latencies: Mapping[str, float] = NO_LATENCIES,
) -> Decision:
    """Choose among `candidates` (all eligible, at least one) by `goal`, and order the others for failover.

    `tariffs` by deployment id; one that is missing is a price unknown. `estimates` must cover every candidate's model.
    `reference` is a deployment id. `knob` is what the goal comes to over all requests (see `worth.py`); without one, a loss is
    allowed request by request: a reference that is no candidate for this request, or of which nothing is known (`basis`
    "prior"), then sets no bar: the best eligible candidate does, and the reason says so. Where nothing is known of any, the
    reference is taken, unless any loss is allowed. The order: the chosen, then those that meet the goal, then the rest by
    quality; what costs more than the goal allows comes last. `max_output_tokens` is what the request allows each of its
    `answers`. `at_s` is the moment (Unix seconds), since prices change with the hour and the day. `lot`, uniform in [0, 1),
    draws where the goal is `shares`. `latencies` are shown (see `Weighed`).
    """
    if not candidates:
        raise Defect("a decision needs at least one candidate")
    options = _weigh(candidates, estimates, tariffs, prompt.input_tokens, max_output_tokens, answers, at_s)
    limit = goal.max_cost_usd
    aimed: Option | None = None
    if goal.kind == "shares":
        under = options if limit is None else [option for option in options if is_under(option, limit)]
        ranked, parts = by_share(under or options, dict(goal.shares), lot)
        ranked.rest.extend(option for option in options if under and option not in under)
    else:
        ranked = _rank(options, goal, reference, knob, answers)
        aimed = ranked.first
        if limit is not None and goal.kind != "best_under":
            ranked = bounded(ranked, limit, _aim(goal, reference))
        parts = {ranked.first.deployment: 1.0}
    shown = (*ranked.meeting, *ranked.rest)
    return Decision(
        order=tuple([option.deployment for option in shown]),
        candidates=(*[_shown(option, parts, latencies) for option in shown], *rejected),
        reason=f"{ranked.reason}.",
        goal=goal,
        reference=reference,
        router=router_version,
        promise=None if knob is None else _promised(knob, goal, options, kept=ranked.first is aimed),
        worth_usd=ranked.worth_usd,
    )


def first_choice(options: list[Option], goal: Goal, reference: str | None, knob: Knob | None, answers: int = 1) -> str:
    """Whom a goal without lots asks first: as `decide`, of options that were weighed before."""
    ranked = _rank(options, goal, reference, knob, answers)
    if goal.max_cost_usd is not None and goal.kind != "best_under":
        ranked = bounded(ranked, goal.max_cost_usd, "")
    return ranked.first.deployment


def bound_output(tokens: float, max_output_tokens: int | None, deployment: Deployment, answers: int) -> float:
    """Expected output tokens of `answers` answers, none of which can be longer than the request and the deployment allow."""
    limit = deployment.max_output_tokens
    if max_output_tokens is not None and tokens > max_output_tokens:
        tokens = max_output_tokens
    if limit is not None and tokens > limit:
        tokens = limit
    return tokens * answers


def _weigh(
    candidates: Sequence[Deployment],
    estimates: Estimates,
    tariffs: Mapping[str, Tariff],
    input_tokens: int,
    max_output_tokens: int | None,
    answers: int,
    at_s: float,
) -> list[Option]:
    places = {model: place for place, model in enumerate(estimates.models)}
    p_correct, p_error = estimates.p_correct.tolist(), estimates.p_error.tolist()
    output_tokens, basis = estimates.output_tokens.tolist(), estimates.basis
    weighed = []
    for deployment in candidates:
        place, id_ = places[deployment.model], deployment.id
        tokens = bound_output(output_tokens[place], max_output_tokens, deployment, answers)
        tariff = tariffs.get(id_)
        cost = None
        if tariff is not None:
            per_input, per_output = tariff.usd_per_token(input_tokens, at_s)
            cost = input_tokens * per_input + tokens * per_output
        weighed.append(Option(id_, deployment.model, p_correct[place], p_error[place], tokens, cost, basis[place]))
    return weighed


def _rank(options: list[Option], goal: Goal, reference: str | None, knob: Knob | None, answers: int) -> Ranked:
    if goal.kind == "best_under":
        return best_under(options, float("inf") if goal.max_cost_usd is None else goal.max_cost_usd)
    if goal.kind == "weighted":
        return by_worth(options, (goal.worth_usd or 0.0) * answers, None)
    if knob is not None and knob.refused and not goal.each_request:
        return _safest(options, reference)
    guessed = any(option.deployment == reference and option.basis == "prior" for option in options)
    if knob is None or goal.each_request or guessed:
        return within_bar(options, goal.max_loss, reference)
    ranked = by_worth(options, knob.worth_usd * answers, reference, knob.among)
    return ranked if len(options) == 1 else ranked._replace(reason=f"{ranked.reason}; {_stands_behind(knob)}")


def _stands_behind(knob: Knob) -> str:
    """Where the worth comes from; of a promise, the decision says so by itself."""
    return str(knob) if knob.promise is None else f"with it {knob.came_to}"


def _safest(options: list[Option], reference: str | None) -> Ranked:
    """What is done where a promise was asked for and cannot be made."""
    order = sorted(options, key=lambda option: (option.deployment != reference, *by_quality(option)))
    if order[0].deployment == reference:
        said = f"{reference}, the reference, is taken because nothing can be promised of the others"
    else:
        said = f"{order[0].deployment} has the best expected quality; the reference {reference} is not eligible"
    return Ranked(order[:1], order[1:], said)


def _aim(goal: Goal, reference: str | None) -> str:
    if goal.kind == "cheapest_within":
        return f"{told_points(goal.max_loss)} of {reference or 'the best candidate'}"
    return f"a right answer's worth of {goal.worth_usd:g} USD"


def _promised(knob: Knob, goal: Goal, options: Sequence[Option], *, kept: bool) -> str | None:
    """What is promised of this choice, or why nothing is. `kept`: no bound on cost set the route's choice aside."""
    if knob.promise is None:
        return None
    if goal.each_request:
        return "nothing: this request allows a loss of its own, and the route's promise is about the average of all"
    if not knob.refused:
        missing = sorted(set(knob.among or ()) - {option.deployment for option in options})
        if missing:
            return f"nothing: the route's promise is about candidates that are not eligible here ({', '.join(missing)})"
        if not kept:
            return "nothing: the bound on cost sets aside what the route's promise is about"
    return str(knob.promise)


def _shown(option: Option, parts: Mapping[str, float], latencies: Mapping[str, float]) -> Weighed:
    """An option is the first half of a `Weighed`, field by field."""
    name = option.deployment
    return Weighed(*option, parts.get(name, 0.0), None, latencies.get(name))
