"""One attempt: a call to one candidate, from its start until it has answered, failed, or the client has gone.

Rules of this file: nothing of an answer leaves before its first content is here; until then a failure lets the next
candidate try. After the first byte only this attempt's bytes follow.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Literal

import msgspec

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failure
from entrepot.catalog.pricing import Money
from entrepot.dialects.base import Relay, Relayed, Summary
from entrepot.dialects.retry_after import used_up
from entrepot.errors import Defect, InvalidRequest
from entrepot.exchange.claim import is_another_model
from entrepot.exchange.commands import AskLeave, CallUpstream, CancelUpstream, Command, Wait
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    LeaveGiven,
    LeaveRefused,
    UpstreamAnswer,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Vote

Clock = Callable[[], float]
Ending = Literal["answered", "passed_over", "failed", "broken", "abandoned", "client_gone"]
"""`passed_over`: it answered in full, and another's answer was sent. `abandoned`: we cancelled it, needing it no more."""

MAX_ERROR_BYTES = 64 * 1024
_BYTES = frozenset({UpstreamChunk, UpstreamAnswer})
_NANO = 1_000_000_000
LINGER_S = 1.0
"""After the end marker the provider still owes the end of its HTTP message; its connection can be kept only once that came."""


class Progress(msgspec.Struct):
    """What has happened in an attempt so far. Times are monotonic seconds. `open_relay` is given the answer's headers.

    `retried`: how often its deployment was asked again in this exchange before.
    """

    number: int
    candidate: Candidate
    open_relay: Callable[[Mapping[bytes, bytes]], Relay]
    stream: bool
    started_s: float
    ended_s: float = 0.0
    status: int = 0
    headers: dict[bytes, bytes] = {}
    head_s: float | None = None
    content_s: float | None = None
    last_byte_s: float = 0.0
    error_body: bytes = b""
    failure: Failure | None = None
    open: bool = True
    called: bool = False
    begun: bool = False
    opened: Relay | None = None
    retried: int = 0

    @property
    def relay(self) -> Relay:
        """Opened at the first use, when the answer's headers are known."""
        if self.opened is None:
            self.opened = self.open_relay(self.headers)
        return self.opened

    def next_deadline_s(self, plan: Plan) -> float:
        """When to give up waiting: the first byte, the next byte, or the whole, whichever comes first."""
        if not self.begun:
            return self.last_moment_s(plan)
        deadlines = plan.deadlines
        idle_s, whole_s = self.last_byte_s + deadlines.idle_s, plan.started_s + deadlines.total_s
        return idle_s if idle_s < whole_s else whole_s

    def last_moment_s(self, plan: Plan) -> float:
        """The deadline that no byte moves: for the exchange as a whole, and before the answer has begun for that."""
        whole = plan.started_s + plan.deadlines.total_s
        return whole if self.begun else min(self.started_s + plan.deadlines.first_byte_s, whole)

    def take(self, event: Event, now_s: float, now_ns: int) -> Relayed | None:
        """Note what happened; what the provider's bytes became, if they became anything. Sets `failure` where it failed."""
        if type(event) is UpstreamChunk:
            self.last_byte_s = now_s
            if self._is_answer:
                # A stream begins with its first content; a whole answer has nothing to show before its end, but runs.
                # White space is what hosts send to keep a connection open while they still think.
                self.begun = self.begun or (not self.stream and not event.data.isspace())
                return self._noting(self.relay.feed(event.data))
            self.error_body = (self.error_body + event.data)[:MAX_ERROR_BYTES]
        elif isinstance(event, UpstreamAnswer):
            return self._take_answer(event, now_s, now_ns)
        elif isinstance(event, UpstreamHead):
            self.status, self.headers, self.head_s = event.status, dict(event.headers), now_s
        elif isinstance(event, UpstreamEnded):
            self.open = False
            if self._is_answer:
                return self._noting(self.relay.close())
            self._read_failure(now_ns)
        elif isinstance(event, UpstreamFailed):
            self.open = False
            self.failure = Failure(event.kind, event.message, self.status)
        elif isinstance(event, DeadlinePassed):
            self.failure = Failure("timeout", "the deadline passed", self.status)
        return None

    def _take_answer(self, event: UpstreamAnswer, now_s: float, now_ns: int) -> Relayed | None:
        """As head, chunk and end one after the other."""
        self.status, self.headers, self.head_s = event.status, dict(event.headers), now_s
        self.last_byte_s = now_s
        self.open = False
        if not self._is_answer:
            self.error_body = event.data[:MAX_ERROR_BYTES]
            self._read_failure(now_ns)
            return None
        self.begun = True
        fed = self.relay.feed(event.data)
        if fed.failure is not None or fed.ended:
            return self._noting(fed)
        rest = self.relay.close()
        return self._noting(
            Relayed(fed.data + rest.data, fed.content or rest.content, ended=rest.ended, failure=rest.failure)
        )

    def _read_failure(self, now_ns: int) -> None:
        at_s = now_ns / 1_000_000_000
        self.failure = self.candidate.dialect.parse_failure(self.status, self.headers, self.error_body, at_s)

    @property
    def _is_answer(self) -> bool:
        return 200 <= self.status < 300

    def _noting(self, relayed: Relayed) -> Relayed:
        self.failure = relayed.failure
        return relayed

    @property
    def cost_is_unknowable(self) -> bool:
        """Whether the provider may have charged for something it did not report: the request was sent, no answer ended it."""
        failure = self.failure
        return failure is not None and failure.kind in ("timeout", "cut_off", "protocol") and self.content_s is None

    def record(self, plan: Plan, ending: Ending, vote: Vote | None = None) -> tuple[AttemptRecord, Summary | None]:
        """The attempt as the ledger keeps it, with the summary of its answer if there was any."""
        summary: Summary | None = None
        usage: Usage | None = None
        if self.content_s is not None or ending in ("answered", "passed_over"):
            summary = self.relay.summary(plan.input_tokens)
            usage = summary.usage
        elif not self.called:  # it waited for leave, or could not be put into the provider's dialect
            usage = Usage()
        elif ending in ("client_gone", "abandoned") and self.failure is None:
            # The provider had the request; what it read is billed, what it wrote we did not see.
            usage = Usage(input_tokens=plan.input_tokens, estimated=True)
        elif self.failure is not None and not self.cost_is_unknowable:
            usage = Usage()
        money = self._cost(usage, plan.started_ns / 1_000_000_000)
        deployment = self.candidate.deployment
        failed = self.failure
        return AttemptRecord(
            number=self.number,
            deployment=deployment.id,
            model=deployment.model,
            provider=deployment.provider,
            status=self.status,
            duration_ms=(self.ended_s - self.started_s) * 1000,
            first_byte_ms=None if self.content_s is None else (self.content_s - self.started_s) * 1000,
            failure=None if failed is None else failed.kind,
            failure_code=None if failed is None else failed.code,
            retry_after_s=used_up(self.headers, plan.started_ns / _NANO) if failed is None else failed.retry_after_s,
            usage=usage,
            cost_nano_usd=None if money is None else money.nano_usd,
            cost_nano=None if money is None else money.nano,
            currency=None if money is None else money.currency,
            claimed_model=None if summary is None else summary.claimed_model,
            answered=ending == "answered",
            model_mismatch=summary is not None
            and is_another_model(summary.claimed_model, deployment.upstream_name)
            and is_another_model(summary.claimed_model, deployment.model),
            vote=vote,
            started_ms=(self.started_s - plan.started_s) * 1000,
        ), summary

    def _cost(self, usage: Usage | None, at_s: float) -> Money | None:
        """Unknown without a price or without tokens, except that nothing is what a free deployment charges for any number."""
        tariff = self.candidate.tariff
        if tariff is None or (usage is None and not tariff.is_free):
            return None
        return tariff.cost(usage or Usage(), at_s)


def perform(
    plan: Plan,
    progress: Progress,
    clock: Clock,
    forward: Callable[[Progress, Relayed], Generator[Command, Event, None]],
    silence: KeepAlive,
    keep_alive: Callable[[], Generator[Command, Event, None]],
    before: Sequence[AttemptRecord] = (),
) -> Generator[Command, Event, Ending]:
    """Call the candidate and relay what it answers.

    `forward` says how bytes and the end reach the client, `keep_alive` how a sign of life does when `silence` lasts too long.
    `before` are the attempts of this exchange so far. Every attempt passes here, and asks for leave where that is needed.
    """
    deployment = progress.candidate.deployment
    if deployment.id not in plan.eligible:  # the gate's last word, whoever asks: a retry, a fallback, a second opinion
        raise Defect(f"{deployment.id} did not pass the gate")
    try:
        request = progress.candidate.dialect.render_request(
            plan.asked, progress.candidate.target, plan.max_output_tokens
        )
    except InvalidRequest as error:  # this provider's dialect cannot say what is asked; another's may
        progress.ended_s = clock()
        progress.failure = Failure("bad_request", error.message, code=error.param)
        return "failed"
    if plan.metered:
        kept_back = yield from _ask_leave(plan, progress, clock, len(request.body), before, silence, keep_alive)
        if kept_back is not None:
            return kept_back
    progress.called = True
    told = () if plan.tracing is None else plan.tracing.headers(plan.id, progress.number, deployment)
    yield CallUpstream(progress.number, deployment, request, plan.deadlines.connect_s, told)
    while True:
        deadline_s = progress.next_deadline_s(plan)
        event = yield Wait(min(deadline_s, silence.due_s))
        now_s = progress.ended_s = clock()
        if type(event) in _BYTES:
            if now_s >= progress.last_moment_s(plan):
                event = DeadlinePassed()  # bytes that never cease would keep it from coming by itself
        elif isinstance(event, DeadlinePassed) and silence.due_s < deadline_s and now_s < deadline_s:
            yield from keep_alive()
            continue
        elif isinstance(event, ClientGone):
            yield CancelUpstream(progress.number)
            return "client_gone"
        relayed = progress.take(event, now_s, plan.started_ns + int((now_s - plan.started_s) * 1_000_000_000))
        if relayed is not None and relayed.content and progress.content_s is None:
            progress.content_s = progress.last_byte_s = now_s
            progress.begun = True
        if relayed is not None and (relayed.data or relayed.ended):
            yield from forward(progress, relayed)
        if progress.failure is not None:
            if progress.open:
                yield CancelUpstream(progress.number)
            return "failed" if progress.content_s is None else "broken"
        if relayed is not None and relayed.ended:
            yield from _linger(progress, clock, now_s + LINGER_S)
            return "answered"


def _ask_leave(
    plan: Plan,
    progress: Progress,
    clock: Clock,
    body_bytes: int,
    before: Sequence[AttemptRecord],
    silence: KeepAlive,
    keep_alive: Callable[[], Generator[Command, Event, None]],
) -> Generator[Command, Event, Ending | None]:
    """Whether limits and budgets let the attempt be made: None, or how it ended before it began."""
    yield AskLeave(progress.number, progress.candidate, body_bytes, tuple(before))
    last_s = plan.started_s + plan.deadlines.total_s
    while True:
        event = yield Wait(min(last_s, silence.due_s))
        now_s = progress.ended_s = clock()
        if isinstance(event, LeaveGiven):
            progress.started_s = now_s
            return None
        if isinstance(event, ClientGone):
            yield CancelUpstream(progress.number)
            progress.failure = Failure("our_limit", "the client left while it waited")
            return "client_gone"
        if isinstance(event, LeaveRefused):
            progress.failure = event.failure
            return "failed"
        if isinstance(event, DeadlinePassed) and now_s >= last_s:
            yield CancelUpstream(progress.number)
            progress.failure = Failure("our_limit", "the time for the exchange ran out while it waited")
            return "failed"
        if isinstance(event, DeadlinePassed):
            yield from keep_alive()


def _linger(progress: Progress, clock: Clock, until_s: float) -> Generator[Command, Event, None]:
    while progress.open:
        event = yield Wait(until_s)
        if isinstance(event, UpstreamEnded | UpstreamFailed):
            progress.open = False
        elif isinstance(event, DeadlinePassed) or clock() >= until_s:
            yield CancelUpstream(progress.number)
            return
