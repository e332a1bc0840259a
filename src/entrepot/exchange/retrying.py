"""Whether the same deployment is asked again after it failed, and after how long a pause.

Rules of this file: pure. It is asked only while no byte of an answer has left. A retry must be safe: the provider cannot have
taken the request for one that it answers and bills, or said itself that it may be sent again. Whatever waits, waits with full
jitter, so that those who failed together do not come back together (M. Brooker, "Exponential Backoff And Jitter", 2015).
"""

from __future__ import annotations

import msgspec

from entrepot.canonical.stream import Failure, FailureKind

_SAFE: frozenset[FailureKind] = frozenset({"connect", "overloaded", "server_error"})
_SENT_AGAIN = frozenset({408, 409, 425})
"""Statuses that say that the request was not taken up: RFC 9110 15.5.9 and 15.5.10, RFC 8470 5.2."""


class Retries(msgspec.Struct, frozen=True):
    """How often a deployment may be asked again in one exchange, and how that is bounded.

    `share` bounds retries over all exchanges of a gateway process. The n-th pause is drawn between 0 and `first_pause_s`
    times 2^n, at most `longest_pause_s`, which is also the longest Retry-After that is waited for. `each` is `most` for
    some deployments, by id.
    """

    most: int = 1
    share: float = 0.1
    first_pause_s: float = 0.25
    longest_pause_s: float = 4.0
    each: dict[str, int] = {}

    def most_of(self, deployment: str) -> int:
        """How often this one may be asked again."""
        return self.each.get(deployment, self.most)


NEVER = Retries(most=0)


def is_safe(failure: Failure) -> bool:
    """Whether the same request may be sent to the same deployment again.

    A rate limit is waited for only where the provider says for how long; a bill, a key or a request that is refused stays
    so. What timed out or broke off after its head may have been worked on, and billed.
    """
    if failure.status in _SENT_AGAIN or failure.kind in _SAFE:
        return True
    if failure.kind == "cut_off":
        return failure.status == 0
    return failure.kind == "rate_limit" and failure.retry_after_s is not None


def pause_s(retries: Retries, failure: Failure, retried: int, lot: float) -> float | None:
    """How long to wait before it is asked again, having been so `retried` times; None where it has to be left.

    `lot` is uniform in [0, 1).
    """
    if not is_safe(failure):
        return None
    jittered = lot * min(retries.longest_pause_s, retries.first_pause_s * 2.0 ** min(retried, 30))
    if failure.retry_after_s is None:
        return jittered
    if failure.retry_after_s > retries.longest_pause_s:
        return None
    return failure.retry_after_s + min(jittered, retries.first_pause_s)
