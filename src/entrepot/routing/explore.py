"""A small share of exchanges given to other candidates than the goal's, so that what they can do is learned from real traffic.

Rules of this file: what is drawn is drawn from the propensities that are written down, so that they are true whatever they
were computed with. Only candidates that the rules leave, that are well, of known price and within the bound on cost are explored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from entrepot.routing.goals import draw_from
from entrepot.routing.utility import Decision, Weighed

Doubles = NDArray[np.float64]

_NODES = 65
_REACH = 4.0  # standard deviations
_LEAST_ERROR = 1e-3


class Exploration(msgspec.Struct, frozen=True):
    """How a route explores, and how much.

    A `share` of exchanges is drawn: by `epsilon` evenly among the candidates, by `posterior` each as often as it is the
    goal's best choice within the errors of the estimates (Thompson 1933). Beside that each gets at least `floor`. Candidates
    expected to lose more than `max_loss` against the goal's choice are not explored, so that the average loses at most
    (share + candidates * floor) * max_loss.
    """

    kind: Literal["epsilon", "posterior"] = "epsilon"
    share: float = 0.02
    floor: float = 0.002
    max_loss: float = 1.0


def explore(decision: Decision, how: Exploration, lot: float) -> Decision:
    """Give the exchange to whom `lot`, uniform in [0, 1), falls; the goal's choice comes first, so 0 leaves all as it is."""
    allowed = [weighed for weighed in decision.candidates if _is_allowed(weighed, decision, how.max_loss)]
    allowed.sort(key=lambda weighed: decision.order.index(weighed.deployment))
    if len(allowed) < 2 or allowed[0].deployment != decision.chosen:
        return decision
    floor = min(how.floor, 1 / len(allowed))
    drawn = how.share * (
        _posterior(allowed, decision) if how.kind == "posterior" else np.full(len(allowed), 1 / len(allowed))
    )
    drawn[0] += 1 - how.share
    drawn = floor + (1 - len(allowed) * floor) * drawn
    parts = {weighed.deployment: float(part) for weighed, part in zip(allowed, drawn / drawn.sum(), strict=True)}
    candidates = tuple(
        weighed
        if weighed.rejected is not None
        else msgspec.structs.replace(weighed, propensity=parts.get(weighed.deployment, 0.0))
        for weighed in decision.candidates
    )
    decision = msgspec.structs.replace(decision, candidates=candidates)
    chosen = draw_from(parts, lot)
    if chosen == decision.chosen:
        return decision
    return msgspec.structs.replace(
        decision,
        order=(chosen, *(id_ for id_ in decision.order if id_ != chosen)),
        reason=f"drawn to explore (it is with {parts[chosen]:.2%}); otherwise: {decision.reason}",
        explored=decision.chosen,
        promise=None if decision.promise is None else "nothing: the exchange was drawn to explore",
    )


def _is_allowed(weighed: Weighed, decision: Decision, max_loss: float) -> bool:
    if weighed.rejected is not None or weighed.unhealthy is not None or weighed.p_correct is None:
        return False
    if weighed.deployment == decision.chosen:
        return True
    limit = None if decision.goal is None else decision.goal.max_cost_usd
    if weighed.cost_usd is None or (limit is not None and weighed.cost_usd > limit):
        return False
    best = next(one.p_correct for one in decision.candidates if one.deployment == decision.chosen)
    return best is None or best - weighed.p_correct <= max_loss


def _posterior(allowed: Sequence[Weighed], decision: Decision) -> Doubles:
    """How likely each is the goal's choice, were P(correct) normal around its estimate: shape (allowed,), sums to 1."""
    p_correct = np.array([weighed.p_correct for weighed in allowed], np.float64)
    error = np.maximum([weighed.p_error or 0.0 for weighed in allowed], _LEAST_ERROR)
    cost = np.array([weighed.cost_usd or 0.0 for weighed in allowed], np.float64)
    goal = decision.goal
    if decision.worth_usd is None and goal is not None and goal.kind == "cheapest_within":
        at = [number for number, weighed in enumerate(allowed) if weighed.deployment == decision.reference]
        return _within_bar(p_correct, error, cost, at[0] if at else int(p_correct.argmax()), goal.max_loss)
    worth = decision.worth_usd
    if worth is None:
        return _best(p_correct, error)
    measure = next((one.cost_usd for one in decision.candidates if one.deployment == decision.reference), None)
    barred = np.zeros(len(cost), bool) if measure is None or decision.reference is None else cost > measure
    found = np.zeros(len(cost))
    found[~barred] = _best(worth * p_correct[~barred] - cost[~barred], worth * error[~barred])
    return found


def _best(mean: Doubles, error: Doubles) -> Doubles:
    """P(each is the greatest) of independent normals: the density of one times the others' distribution, summed over a grid."""
    grid = np.linspace((mean - _REACH * error).max(), (mean + _REACH * error).max(), 4 * _NODES)
    standard = (grid[:, None] - mean) / error
    below = np.log(np.maximum(_normal_cdf(standard), 1e-300))
    others = np.exp(below.sum(axis=1)[:, None] - below)
    return _normalized((np.exp(-0.5 * standard**2) / error * others).sum(axis=0))


def _within_bar(p_correct: Doubles, error: Doubles, cost: Doubles, reference: int, max_loss: float) -> Doubles:
    """P(each is the cheapest that passes a bar set by the reference), summed over what the reference might be."""
    nodes = np.linspace(-_REACH, _REACH, _NODES)
    weight = np.exp(-0.5 * nodes**2)
    bar = p_correct[reference] + error[reference] * nodes - max_loss
    passing = _normal_cdf((p_correct - bar[:, None]) / error)
    passing[:, reference] = 1.0
    order = np.lexsort((-p_correct, cost))
    failing = np.cumprod(1 - passing[:, order], axis=1)
    before = np.concatenate([np.ones((_NODES, 1)), failing[:, :-1]], axis=1)
    found = np.zeros(len(cost))
    found[order] = (weight[:, None] * before * passing[:, order]).sum(axis=0)
    return _normalized(found)


def _normalized(parts: Doubles) -> Doubles:
    total = parts.sum()
    return parts / total if total > 0 else np.full(len(parts), 1 / len(parts))


def _normal_cdf(z: Doubles) -> Doubles:
    """To 7.5e-8 (Abramowitz and Stegun 1964, 26.2.17): enough, since what is drawn is drawn from what comes of it."""
    t = 1 / (1 + 0.2316419 * np.abs(z))
    poly = t * (0.319381530 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))))
    tail = np.exp(-0.5 * z**2) * poly / 2.5066282746310002
    return np.where(z > 0, 1 - tail, tail)
