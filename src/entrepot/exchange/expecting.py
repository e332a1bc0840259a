"""How long an answer may become, and what the baseline is expected to write."""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.canonical.request import Request
from entrepot.catalog.schema import Deployment
from entrepot.exchange.board import Board
from entrepot.exchange.choices import Choice
from entrepot.exchange.plan import BaselinePlan, Route
from entrepot.routing.base import Estimates
from entrepot.routing.utility import bound_output


def longest_answer(route: Route | None, request: Request) -> int | None:
    """The limit that is sent, in tokens: the client's, or the route's where the client names none."""
    if request.max_output_tokens is not None or route is None:
        return request.max_output_tokens
    return route.max_output_tokens


def plan_baseline(choice: Choice, estimates: Estimates | None, request: Request) -> BaselinePlan | None:
    """The route's baseline with what it is expected to write; None where there is none, or nothing was estimated."""
    if choice.baseline is None or estimates is None:
        return None
    at = estimates.models.index(choice.baseline.deployment.model)
    limit = longest_answer(choice.route, request)
    tokens = bound_output(float(estimates.output_tokens[at]), limit, choice.baseline.deployment, request.n)
    return BaselinePlan(choice.baseline, tokens, float(estimates.log_error[at]))


def latencies_of(
    board: Board, deployments: Sequence[Deployment], estimates: Estimates, max_output_tokens: int | None, answers: int
) -> dict[str, float]:
    """How long each is expected to take for its whole answer, in seconds, where its pace is known."""
    tokens = dict(zip(estimates.models, estimates.output_tokens.tolist(), strict=True))
    return {
        each.id: health.latency_s(bound_output(tokens[each.model], max_output_tokens, each, answers))
        for each in deployments
        if (health := board.of(each.id)).has_pace
    }
