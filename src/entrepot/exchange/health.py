"""How a deployment has fared: how often it failed lately, how fast it answers, and how long it asked to be left alone.

Rules of this file: a health is a frozen value, and each attempt makes the next of it; one process knows what its own attempts
taught it. What the caller did wrong says nothing of a deployment. Times are Unix seconds; a clock that is set back makes
what was learned older by nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from entrepot.canonical.stream import FailureKind
from entrepot.catalog.schema import Deployment
from entrepot.exchange.records import AttemptRecord
from entrepot.routing.utility import Decision, Weighed

HALF_LIFE_S = 60.0
"""After so long a failure, or an answer, counts half."""
FAILING_FROM = 1.5
"""Failures, each counted by its age, from which a deployment may be failing: one alone never is enough, two only for a while."""
FAILING_SHARE = 0.5
MOST_WAIT_S = 3600.0
SLOW = "its answer is expected to take"
"""How the reason begins for which a candidate is left out that would take longer than its route allows."""
_PACE_WEIGHT = 0.2  # of the latest attempt in what is known of the pace
_SPLIT = 0.95  # a stream whose first content came later than in this part of its time tells nothing of its speed

_NOT_ITS_FAULT: frozenset[FailureKind] = frozenset(
    {"bad_request", "context_length", "content_filter", "our_limit", "our_budget"}
)
_WAITS: Mapping[FailureKind, float] = {"rate_limit": 1.0, "overloaded": 0.0, "quota": 60.0}
"""How long to leave alone a deployment that said so without a time, in seconds."""


class Health(msgspec.Struct, frozen=True):
    """`failed` and `answered` count attempts, each by its age at `at_s`. `wait_until_s` is when it asked to be left alone until.

    `first_content_s` is the time to the first content of a stream, `token_s` the time an output token takes after it; None
    where nothing is known.
    """

    failed: float = 0.0
    answered: float = 0.0
    at_s: float = 0.0
    wait_until_s: float = 0.0
    first_content_s: float | None = None
    token_s: float | None = None

    def trouble(self, at_s: float) -> str | None:
        """Why it is better not asked at this moment, as words that follow its name; None where nothing speaks against it."""
        if at_s < self.wait_until_s:
            return "asked to be left alone for a while"
        failed, answered = self._aged(at_s)
        if failed >= FAILING_FROM and failed > FAILING_SHARE * (failed + answered):
            return "failed lately more often than not"
        return None

    @property
    def has_pace(self) -> bool:
        """Whether anything is known of how fast it answers."""
        return self.token_s is not None or self.first_content_s is not None

    def latency_s(self, output_tokens: float) -> float:
        """How long an answer of so many tokens is expected to take, as far as the pace is known."""
        return (self.first_content_s or 0.0) + output_tokens * (self.token_s or 0.0)

    def after(self, attempt: AttemptRecord, at_s: float) -> Health:
        """What is known once `attempt` has ended, at `at_s`."""
        failed, answered = self._aged(at_s)
        at_s = max(at_s, self.at_s)
        kind = attempt.failure
        if kind is None:
            if not attempt.answered and attempt.first_byte_ms is None:
                return self  # it was left before it could show anything
            health = msgspec.structs.replace(self, failed=failed, answered=answered + 1, at_s=at_s, wait_until_s=0.0)
            return health._paced(attempt)
        if kind in _NOT_ITS_FAULT:
            return self
        wait_s = _WAITS.get(kind, 0.0) if attempt.retry_after_s is None else min(attempt.retry_after_s, MOST_WAIT_S)
        until_s = max(self.wait_until_s, at_s + wait_s) if kind in _WAITS else self.wait_until_s
        return msgspec.structs.replace(self, failed=failed + 1, answered=answered, at_s=at_s, wait_until_s=until_s)

    def _aged(self, at_s: float) -> tuple[float, float]:
        decay = 0.5 ** (max(0.0, at_s - self.at_s) / HALF_LIFE_S)
        return self.failed * decay, self.answered * decay

    def _paced(self, attempt: AttemptRecord) -> Health:
        """With the pace of an answer in it. One that came whole tells only how long all of it took."""
        tokens = 0 if attempt.usage is None else attempt.usage.all_output
        whole_s = attempt.duration_ms / 1000
        first_s = self.first_content_s
        started_s = min(first_s or 0.0, whole_s)
        if attempt.first_byte_ms is not None and attempt.first_byte_ms <= _SPLIT * attempt.duration_ms:
            started_s = attempt.first_byte_ms / 1000
            first_s = _blend(first_s, started_s)
        token_s = self.token_s if tokens <= 0 else _blend(self.token_s, (whole_s - started_s) / tokens)
        return msgspec.structs.replace(self, first_content_s=first_s, token_s=token_s)


def _blend(known: float | None, latest: float) -> float:
    return latest if known is None else known + _PACE_WEIGHT * (latest - known)


UNKNOWN = Health()


class Board:
    """The health of every deployment, as this process has come to know it."""

    def __init__(self) -> None:
        self._known: dict[str, Health] = {}

    def of(self, deployment: str) -> Health:
        """What is known of one."""
        return self._known.get(deployment, UNKNOWN)

    def learn(self, attempt: AttemptRecord, at_s: float) -> None:
        """Take in an attempt that ended at `at_s`."""
        self._known[attempt.deployment] = self.of(attempt.deployment).after(attempt, at_s)

    def unhealthy(self, deployments: Iterable[str], at_s: float) -> dict[str, str]:
        """Those that are better not asked at this moment, and why."""
        known = self._known
        troubles = ((id_, known[id_].trouble(at_s)) for id_ in deployments if id_ in known)
        return {id_: trouble for id_, trouble in troubles if trouble is not None}


def demote(decision: Decision, unhealthy: Mapping[str, str]) -> Decision:
    """The decision with the unhealthy candidates last, in their order, unless there is nobody else; it says so of each.

    What the goal would have chosen of them goes to the first who is well, and so does its propensity.
    """
    well = tuple(id_ for id_ in decision.order if id_ not in unhealthy)
    if not unhealthy or not decision.order:
        return decision
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
