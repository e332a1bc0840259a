"""Exchanges given to the baseline by lot, so that what routing saves can be measured and not only predicted."""

from __future__ import annotations

import msgspec

from entrepot.routing.utility import Decision


class Lot(msgspec.Struct, frozen=True, gc=False):
    """What a holdout's lot said of an exchange, whatever came of it: `drawn` for the baseline with probability `share`.

    What has the same `unit` (a session, or an exchange by itself) was drawn together. The expected costs are those before the
    call, of the baseline and of what would be asked without a holdout; None where a price is unknown.
    """

    baseline: str
    share: float
    drawn: bool
    unit: int
    baseline_nano_usd: int | None = None
    routed_nano_usd: int | None = None


def lot_of(decision: Decision, baseline: str, share: float, draw: float, unit: int) -> Lot | None:
    """The lot of an exchange, None where the baseline could not have been given it."""
    if share <= 0 or baseline not in decision.order:
        return None
    costs = {weighed.deployment: weighed.cost_usd for weighed in decision.candidates}
    routed = decision.chosen if decision.displaced is None else decision.displaced
    return Lot(baseline, share, draw < share, unit, _nano(costs.get(baseline)), _nano(costs.get(routed)))


def _nano(usd: float | None) -> int | None:
    return None if usd is None else round(usd * 1_000_000_000)


def hold_out(decision: Decision, baseline: str, share: float, draw: float) -> Decision:
    """Give the exchange to the baseline if `draw`, uniform in [0, 1), falls below `share`; say so in the propensities.

    Exchanges drawn this way are a random sample of all, so what they cost and how good they were can be compared with the
    rest without a model. A baseline that is not eligible for this exchange, or over the cost allowed for it, leaves the
    decision as it is.
    """
    if share <= 0 or baseline not in decision.order or _is_over(decision, baseline):
        return decision
    candidates = tuple(
        msgspec.structs.replace(
            weighed, propensity=(1 - share) * weighed.propensity + (share if weighed.deployment == baseline else 0.0)
        )
        if weighed.rejected is None
        else weighed
        for weighed in decision.candidates
    )
    decision = msgspec.structs.replace(decision, candidates=candidates)
    if draw >= share or decision.chosen == baseline:
        return decision
    return msgspec.structs.replace(
        decision,
        order=(baseline, *(id_ for id_ in decision.order if id_ != baseline)),
        reason=f"drawn for the holdout ({share:.0%} of exchanges go to the baseline, {baseline}); otherwise: {decision.reason}",
        displaced=decision.chosen,
        promise=None if decision.promise is None else "nothing: the exchange was drawn for the holdout",
    )


def _is_over(decision: Decision, deployment: str) -> bool:
    if decision.goal is None or decision.goal.max_cost_usd is None:
        return False
    (cost,) = (weighed.cost_usd for weighed in decision.candidates if weighed.deployment == deployment)
    return cost is None or cost > decision.goal.max_cost_usd
