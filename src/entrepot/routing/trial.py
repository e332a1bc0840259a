"""A deployment on trial: what a route knows of it, what a decision becomes in the new arm, and what is written down.

Two arms differ by one thing. Where a deployment is tried (`in`), the new arm asks it first and the running arm is the router's
own choice without it. Where one is to be taken out (`out`), the new arm is the router's choice without it, and the running arm
is what would be anyway. Others follow in either arm, so that nobody is worse off for an answer that failed.

Rules of this file: pure. Who is given to which arm is in `exchange/trying.py`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from entrepot.routing.utility import Decision, Weighed

Direction = Literal["in", "out"]
Arm = Literal["new", "running"]
Standing = Literal["running", "full", "rolled back"]
FULL = "full"


class OnTrial(msgspec.Struct, frozen=True):
    """A trial as a route meets it: the stages with their shares, of which `number` is under way, and how it stands.

    Of the sessions that begin in a stage its share is given to the new arm by `salt`. In shadow none is, the share is 0, and the
    route knows nothing of the trial.
    `added`: the route has the deployment only for the trial's sake.
    """

    name: str
    deployment: str
    direction: Direction
    stages: tuple[tuple[str, float], ...]
    number: int
    salt: str
    standing: Standing = "running"
    added: bool = False

    def share_of(self, number: int) -> float:
        """The share of sessions that were given to the new arm when they began in this stage."""
        if number < len(self.stages):
            return self.stages[number][1]
        return 1.0

    def stage_of(self, number: int) -> str:
        """What a stage is called."""
        return self.stages[number][0] if number < len(self.stages) else FULL


class Trying(msgspec.Struct, frozen=True, gc=False):
    """What an entry says of a trial: the stage in which its session was given to an arm, which, and how likely the new one was.

    What has the same `unit` (a session, or an exchange by itself) was given together.
    """

    name: str
    stage: str
    number: int
    arm: Arm
    propensity: float
    unit: int


def ask_first(decision: Decision, trial: OnTrial) -> Decision:
    """The decision with the deployment on trial first, where it is well and within the cost allowed.

    That a deployment's turn came and it could not take it is told by the entry, which names the arm.
    """
    tried = trial.deployment
    if tried not in decision.order or decision.chosen == tried or not _may_go_first(decision, tried):
        return decision
    return msgspec.structs.replace(
        decision,
        order=(tried, *(id_ for id_ in decision.order if id_ != tried)),
        reason=f"{tried} is on trial (trial '{trial.name}'); otherwise: {decision.reason}",
        promise=None if decision.promise is None else f"nothing: {tried} is on trial",
    )


def tell_propensities(decision: Decision, trial: OnTrial, trying: Trying) -> Decision:
    """The decision with the probabilities that the trial's lot makes of those it had within its arm.

    What the other arm would choose is not worked out: it counts for the deployment on trial where that arm asks it for
    certain, and for nobody else.
    """
    chance = trying.propensity if trying.arm == "new" else 1.0 - trying.propensity
    tried_in = trial.direction == "in"

    def again(each: Weighed) -> Weighed:
        if each.deployment == trial.deployment and tried_in:
            return msgspec.structs.replace(each, propensity=trying.propensity)
        kept = 0.0 if tried_in and trying.arm == "new" else each.propensity * chance
        return each if each.propensity == kept else msgspec.structs.replace(each, propensity=kept)

    return msgspec.structs.replace(decision, candidates=tuple(again(each) for each in decision.candidates))


def _may_go_first(decision: Decision, deployment: str) -> bool:
    (weighed,) = (one for one in decision.candidates if one.deployment == deployment)
    if weighed.unhealthy is not None:
        return False
    limit = None if decision.goal is None else decision.goal.max_cost_usd
    return limit is None or (weighed.cost_usd is not None and weighed.cost_usd <= limit)
