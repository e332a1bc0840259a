"""What follows a failure: the next candidate or the end, and what the client is told.

Rules of this file: pure. Nothing here looks at the clock; the course asks only while no byte of an answer has left.
"""

from __future__ import annotations

from collections.abc import Sequence

from entrepot.canonical.stream import Failure, FailureKind
from entrepot.errors import AllCandidatesFailed, EntrepotError, InvalidRequest

_CALLERS_FAULT: frozenset[FailureKind] = frozenset({"bad_request", "context_length", "content_filter"})

_LIMITED: frozenset[FailureKind] = frozenset({"rate_limit", "our_limit"})

_STATUS: dict[FailureKind, int] = {
    "rate_limit": 429,
    "overloaded": 503,
    "timeout": 504,
    "our_limit": 429,
    "our_budget": 402,
}

_WORDS: dict[FailureKind, str] = {
    "rate_limit": "its rate limit was reached",
    "quota": "the operator's account there is out of quota",
    "context_length": "the request is longer than its context",
    "content_filter": "its content filter refused the request",
    "auth": "it refused the operator's credentials",
    "overloaded": "it is overloaded",
    "bad_request": "it refused the request",
    "model_gone": "it does not offer the model any more",
    "region": "it does not serve the operator's region",
    "server_error": "it failed with an error of its own",
    "connect": "it could not be reached",
    "timeout": "it did not answer in time",
    "protocol": "its answer was malformed",
    "cut_off": "it broke off its answer",
    "our_limit": "the limit that its operator set here is reached",
    "our_budget": "a budget has no room for a call there",
}


def may_continue(failures: Sequence[tuple[str, str, Failure]]) -> bool:
    """Whether another candidate should be asked after these failed attempts.

    A content filter's refusal ends it: asking the next maker would be a way round the filter. A request that two providers
    call malformed is malformed; one alone may merely be stricter than the others.
    """
    last = failures[-1][2]
    if last.kind == "content_filter":
        return False
    if last.kind == "bad_request":
        refusing = {provider for _, provider, failure in failures if failure.kind == "bad_request"}
        return len(refusing) < 2
    return True


def describe(failure: Failure) -> str:
    """The failure in words that may be shown: never the provider's own text, which may quote a credential."""
    return _WORDS[failure.kind]


def final_error(failures: Sequence[tuple[str, str, Failure]]) -> EntrepotError:
    """What the client is told when no candidate answered.

    A fault of the caller's own is shown with the provider's words, because only they say what to mend. Otherwise the last
    failure decides the status, except that a rate limit is only said if every candidate said so.
    """
    for deployment, _, failure in failures:
        if failure.kind in _CALLERS_FAULT:
            return InvalidRequest(f"{deployment}: {failure.message}", code=failure.kind)
    last = failures[-1][2].kind
    if last in _LIMITED:
        last = next((failure.kind for _, _, failure in reversed(failures) if failure.kind not in _LIMITED), last)
    waits = [failure.retry_after_s for _, _, failure in failures if failure.retry_after_s is not None]
    latest = {deployment: _WORDS[failure.kind] for deployment, _, failure in failures}
    told = "; ".join(f"{deployment}: {words}" for deployment, words in latest.items())
    return AllCandidatesFailed(
        f"no candidate answered ({told})",
        status=_STATUS.get(last, 502),
        code=last,
        retry_after_s=min(waits) if waits and _STATUS.get(last) in (429, 503) else None,
    )
