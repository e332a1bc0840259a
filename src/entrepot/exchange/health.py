"""How a deployment has fared: how often it failed lately, how fast it answers, and how long it asked to be left alone.

Rules of this file: a health is a frozen value, and each attempt makes the next of it. What the caller did wrong says nothing of a
deployment; that it is busy (a rate limit, a bill) is waited for and opens no circuit. Times are Unix seconds; a clock that is set
back makes what was learned older by nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import msgspec

from entrepot.canonical.stream import FailureKind
from entrepot.exchange.circuit import CLOSED, DEFAULT_CIRCUIT, Circuit, CircuitSettings
from entrepot.exchange.records import AttemptRecord

HALF_LIFE_S = 60.0
"""After so long a failure, or an answer, counts half."""
FAILING_FROM = 1.5
"""Failures, each counted by its age, from which a deployment may be failing: one alone never is enough, two only for a while."""
MOST_WAIT_S = 3600.0
LEAST_TOLD = 3.0
"""Answers, each counted by its age, before a pace is compared with another's."""
TYPICAL_TOKENS = 200.0
"""The answer for whose length hosts are compared by pace."""
PEAK_S = 10.0
"""After so long what a slow answer took beyond the usual counts half (a peak counts at once and fades, as in Finagle's
PeakEwma)."""
_PACE_WEIGHT = 0.2  # of the latest attempt in what is known of the pace
_SPLIT = 0.95  # a stream whose first content came later than in this part of its time tells nothing of its speed
_TAIL, _TAIL_STEP = 0.95, 0.1  # the quantile of the time to the first content that is followed, and how fast

_NOT_ITS_FAULT: frozenset[FailureKind] = frozenset(
    {"bad_request", "context_length", "content_filter", "our_limit", "our_budget"}
)
_BUSY: frozenset[FailureKind] = frozenset({"rate_limit", "quota"})
_WAITS: Mapping[FailureKind, float] = {"rate_limit": 1.0, "overloaded": 0.0, "quota": 60.0}
"""How long to leave alone a deployment that said so without a time, in seconds."""


class Health(msgspec.Struct, frozen=True):
    """`failed` and `answered` count attempts, each by its age at `at_s`. `wait_until_s` is when it asked, at `told_s`, to be left
    alone until.

    `first_content_s` is the time to the first content of a stream, `slowest_first_s` its 95th percentile, `token_s` the time an
    output token takes after it, `peak_s` the time of a typical answer, where a slow one counts at once and fades; None where
    nothing is known.
    """

    failed: float = 0.0
    answered: float = 0.0
    at_s: float = 0.0
    wait_until_s: float = 0.0
    told_s: float = 0.0
    first_content_s: float | None = None
    slowest_first_s: float | None = None
    token_s: float | None = None
    peak_s: float | None = None
    peak_at_s: float = 0.0
    circuit: Circuit = CLOSED

    @property
    def has_pace(self) -> bool:
        """Whether anything is known of how fast it answers."""
        return self.token_s is not None or self.first_content_s is not None

    def latency_s(self, output_tokens: float) -> float:
        """How long an answer of so many tokens is expected to take, as far as the pace is known."""
        return (self.first_content_s or 0.0) + output_tokens * (self.token_s or 0.0)

    def failing_share(self, at_s: float) -> tuple[float, float]:
        """The share of the latest attempts that failed, and how many that are, each counted by its age."""
        failed, answered = self._aged(at_s)
        return (failed / (failed + answered) if failed else 0.0), failed + answered

    def is_pace_told(self, at_s: float) -> bool:
        """Whether enough answers came lately to compare its pace with another's."""
        return self.first_content_s is not None and self._aged(at_s)[1] >= LEAST_TOLD

    def peak_now_s(self, at_s: float) -> float | None:
        """The time of a typical answer at this moment: a slow one fades, so that it is tried again."""
        if self.peak_s is None:
            return None
        usual = self.latency_s(TYPICAL_TOKENS)
        return usual + max(0.0, self.peak_s - usual) * math.exp2(min(0.0, self.peak_at_s - at_s) / PEAK_S)

    def after(self, attempt: AttemptRecord, at_s: float, settings: CircuitSettings = DEFAULT_CIRCUIT) -> Health:
        """What is known once `attempt` has ended, at `at_s`."""
        kind = attempt.failure
        if kind in _NOT_ITS_FAULT:
            return self
        if kind is None and not attempt.answered and attempt.first_byte_ms is None:
            return self._left(attempt)
        at_s = max(at_s, self.at_s)
        began_s = at_s - attempt.duration_ms / 1000
        health = self._waiting(attempt, began_s, at_s)
        if kind in _BUSY:
            return health
        failed, answered = self._aged(at_s)
        slow = kind is None and _is_slow(attempt, settings)
        if kind is None and not slow:
            circuit = self.circuit.answered(settings, began_s, at_s)
            return msgspec.structs.replace(
                health, failed=failed, answered=answered + 1, at_s=at_s, circuit=circuit
            )._paced(attempt, at_s)
        failed += 1
        often = failed >= FAILING_FROM and failed > settings.share * (failed + answered)
        why = "was slow to begin lately" if slow else "failed lately more often than not"
        circuit = self.circuit.failed(settings, began_s, at_s, why, often=often)
        health = msgspec.structs.replace(health, failed=failed, answered=answered, at_s=at_s, circuit=circuit)
        return health._paced(attempt, at_s) if slow else health

    def opened(self, settings: CircuitSettings, at_s: float, why: str) -> Health:
        """With its circuit opened now, as an outlier. Its trials are to be judged by themselves, so its record begins anew."""
        circuit = self.circuit.trip(settings, at_s, why)
        return msgspec.structs.replace(
            self, failed=0.0, answered=0.0, first_content_s=None, peak_s=None, circuit=circuit
        )

    def _left(self, attempt: AttemptRecord) -> Health:
        """It was left before it could show anything, but for how long that was: its first content would have come later still."""
        waited_s, known_s = attempt.duration_ms / 1000, self.slowest_first_s
        if known_s is None or waited_s <= known_s:
            return self
        return msgspec.structs.replace(self, slowest_first_s=_follow(known_s, waited_s))

    def _waiting(self, attempt: AttemptRecord, began_s: float, at_s: float) -> Health:
        """With how long it asked to be left alone: never shorter for what comes later, unless it answered since it was told."""
        kind, wait_s = attempt.failure, attempt.retry_after_s
        if kind is not None:
            if kind not in _WAITS:
                return self
            wait_s = _WAITS[kind] if wait_s is None else wait_s
        elif wait_s is None:
            # Answered, by what was asked after it had said that: it is done with waiting.
            if not self.wait_until_s or began_s < self.told_s:
                return self
            return msgspec.structs.replace(self, wait_until_s=0.0)
        until_s = at_s + min(wait_s, MOST_WAIT_S)
        return (
            self if until_s <= self.wait_until_s else msgspec.structs.replace(self, wait_until_s=until_s, told_s=at_s)
        )

    def _aged(self, at_s: float) -> tuple[float, float]:
        decay = 0.5 ** (max(0.0, at_s - self.at_s) / HALF_LIFE_S)
        return self.failed * decay, self.answered * decay

    def _paced(self, attempt: AttemptRecord, at_s: float) -> Health:
        """With the pace of an answer in it. One that came whole tells only how long all of it took."""
        tokens = 0 if attempt.usage is None else attempt.usage.all_output
        whole_s = attempt.duration_ms / 1000
        first_s, slowest_s = self.first_content_s, self.slowest_first_s
        started_s = min(first_s or 0.0, whole_s)
        if attempt.first_byte_ms is not None and attempt.first_byte_ms <= _SPLIT * attempt.duration_ms:
            started_s = attempt.first_byte_ms / 1000
            first_s, slowest_s = _blend(first_s, started_s), _follow(slowest_s, started_s)
        token_s, peak_s, peak_at_s = self.token_s, self.peak_s, self.peak_at_s
        if tokens > 0:
            each_s = (whole_s - started_s) / tokens
            token_s = _blend(token_s, each_s)
            typical_s = started_s + TYPICAL_TOKENS * each_s
            if typical_s >= (self.peak_now_s(at_s) or 0.0):
                peak_s, peak_at_s = typical_s, at_s
        return msgspec.structs.replace(
            self,
            first_content_s=first_s,
            slowest_first_s=slowest_s,
            token_s=token_s,
            peak_s=peak_s,
            peak_at_s=peak_at_s,
        )


def _is_slow(attempt: AttemptRecord, settings: CircuitSettings) -> bool:
    """Whether the first content of a stream came too late."""
    first_ms, limit_s = attempt.first_byte_ms, settings.slow_first_token_s
    if first_ms is None or limit_s is None or first_ms > _SPLIT * attempt.duration_ms:
        return False
    return first_ms > 1000 * limit_s


def _blend(known: float | None, latest: float) -> float:
    return latest if known is None else known + _PACE_WEIGHT * (latest - known)


def _follow(known: float | None, latest: float) -> float:
    """The quantile moved by one observation (Robbins and Monro 1951, in steps that are shares of it)."""
    if known is None:
        return latest
    return known * (1 + _TAIL_STEP * _TAIL) if latest > known else known * (1 - _TAIL_STEP * (1 - _TAIL))


UNKNOWN = Health()
