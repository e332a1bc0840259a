"""What health makes of a decision: who is ill goes last, who has just recovered gets a part, who is slow is set apart.

Rules of this file: pure. Nobody is struck out: where all are ill, the order stays. What is drawn is drawn with the lot that is
given, and propensities stay what they say: the probability with which each would have been chosen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from entrepot.catalog.schema import Deployment
from entrepot.routing.utility import Decision, Weighed

SLOW = "its answer is expected to take"
"""How the reason begins for which a candidate is left out that would take longer than its route allows."""


def demote(decision: Decision, unhealthy: Mapping[str, str]) -> Decision:
    """The decision with the unhealthy candidates last, in their order, unless there is nobody else; it says so of each.

    What the goal would have chosen of them goes to the first who is well, and so does its propensity.
    """
    if not unhealthy or not decision.order:
        return decision
    well = tuple(id_ for id_ in decision.order if id_ not in unhealthy)
    order = (*well, *(id_ for id_ in decision.order if id_ in unhealthy)) if well else decision.order
    first = order[0]
    shifted = sum(each.propensity for each in decision.candidates if well and each.deployment in unhealthy)
    candidates = tuple(
        msgspec.structs.replace(
            each,
            unhealthy=unhealthy.get(each.deployment),
            propensity=0.0
            if well and each.deployment in unhealthy
            else each.propensity + (shifted if each.deployment == first else 0.0),
        )
        if each.deployment in unhealthy or (shifted and each.deployment == first)
        else each
        for each in decision.candidates
    )
    reason, promise = decision.reason, decision.promise
    if first != decision.chosen:
        why = f"{decision.chosen} {unhealthy[decision.chosen]}, so {first} goes first"
        reason, promise = f"{why}; otherwise: {reason}", None if promise is None else f"nothing: {why}"
    return msgspec.structs.replace(decision, order=order, candidates=candidates, reason=reason, promise=promise)


def ease_in(decision: Decision, shares: Mapping[str, float], unhealthy: Mapping[str, str], lot: float) -> Decision:
    """The decision where the chosen has just recovered: it keeps its place with the probability of its share.

    Otherwise the first after it goes first who is well and is not returning himself. `lot` is uniform in [0, 1).
    """
    if not decision.order or decision.chosen not in shares:
        return decision
    chosen, share = decision.chosen, shares[decision.chosen]
    next_ = next((id_ for id_ in decision.order[1:] if id_ not in unhealthy and id_ not in shares), None)
    if next_ is None:
        return decision
    given = sum(each.propensity for each in decision.candidates if each.deployment == chosen)
    moved = {chosen: -(1 - share) * given, next_: (1 - share) * given}
    candidates = tuple(
        msgspec.structs.replace(each, propensity=each.propensity + moved[each.deployment])
        if each.deployment in moved
        else each
        for each in decision.candidates
    )
    decision = msgspec.structs.replace(decision, candidates=candidates)
    if lot < share:
        return decision
    why = f"{chosen} has just recovered and is given {share:.0%} of its part for now, so {next_} goes first"
    return msgspec.structs.replace(
        decision,
        order=(next_, *(id_ for id_ in decision.order if id_ != next_)),
        reason=f"{why}; otherwise: {decision.reason}",
        promise=None if decision.promise is None else f"nothing: {why}",
    )


def split_slow(
    candidates: Sequence[Deployment], latencies: Mapping[str, float], max_latency_s: float | None, exempt: str | None
) -> tuple[Sequence[Deployment], tuple[Weighed, ...]]:
    """The candidates without those that are expected to take longer than the route allows, and those, rejected; none, if all are.

    One of which nothing is known may be asked, and so may `exempt`, where an answer is under way.
    """
    if max_latency_s is None:
        return candidates, ()
    slow = {id_ for id_, latency_s in latencies.items() if latency_s > max_latency_s and id_ != exempt}
    quick = [each for each in candidates if each.id not in slow]
    if not quick or not slow:
        return candidates, ()
    told = f"and the route allows {max_latency_s:g} s"
    return quick, tuple(
        Weighed(each.id, each.model, rejected=f"{SLOW} {latencies[each.id]:.1f} s, {told}")
        for each in candidates
        if each.id in slow
    )
