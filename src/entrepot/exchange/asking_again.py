"""Whether and when a deployment that failed in an exchange is asked again: the one place, whichever course the exchange takes.

Rules of this file: pure. It is asked only while no byte of an answer has left and the attempt had no content. What it grants
is taken of the allowance that all exchanges of a gateway process share.
"""

from __future__ import annotations

from entrepot.exchange.attempt import Progress
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.retrying import pause_s
from entrepot.exchange.steadying import draw


def again_at_s(
    plan: Plan,
    failed: Progress,
    made: int,
    now_s: float,
    *,
    follower: Candidate | None = None,
    until_s: float = float("inf"),
) -> float | None:
    """When (monotonic seconds) the deployment of the attempt that failed is asked again, None if it is not.

    `made` is how many attempts the exchange has made. `follower` is who would be asked otherwise: another host of the same
    model is asked at once instead, because its answer is as good and nothing is waited for. A pause that would last until
    `until_s`, or until the exchange's deadline, is not begun.
    """
    deployment, failure = failed.candidate.deployment, failed.failure
    if failure is None or failed.retried >= plan.retries.most_of(deployment.id):
        return None
    if follower is not None and follower.deployment.model == deployment.model:
        return None
    pause = pause_s(plan.retries, failure, failed.retried, draw(f"retry {made}\n{plan.id}"))
    if pause is None or now_s + pause >= min(until_s, plan.started_s + plan.deadlines.total_s):
        return None
    if plan.allowances is None or not plan.allowances.retries.take():
        return None
    return now_s + pause
