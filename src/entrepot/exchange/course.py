"""The course of an exchange, from the first call to the last byte. Read from top to bottom.

Each candidate is asked in the order of the decision until one answers. Until the first byte of an answer has left, a
failure lets the next one try; after it, only the same attempt's bytes follow, and a failure ends the answer in the client
dialect's own error. A client that waits for a stream in silence is sent signs of life, which commit to nothing. What
happened is recorded before the chunk with the end marker leaves, because clients stop reading at the marker; a client that
goes away is recorded too. The course does no I/O: it yields commands and is sent events.
"""

from __future__ import annotations

from collections.abc import Generator
from functools import lru_cache, partial

from entrepot.canonical.stream import Failure
from entrepot.dialects.base import AnswerRenderer, Relayed
from entrepot.dialects.registry import open_relay
from entrepot.errors import AllCandidatesFailed, EntrepotError, ProviderError
from entrepot.exchange.attempt import Clock, Ending, Progress, perform
from entrepot.exchange.commands import Command, Headers, Learn, Record, Remember, SendHead, SendToClient
from entrepot.exchange.entries import entry_of
from entrepot.exchange.events import Event
from entrepot.exchange.failover import describe, final_error, may_continue
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Entry, State
from entrepot.exchange.sessions import remember


class Course:
    """One exchange under way. `run` is the generator; the attempts made so far are kept for the entry."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._attempts: list[AttemptRecord] = []
        self._failures: list[tuple[str, str, Failure]] = []
        self._silence = KeepAlive(plan.client.keep_alive(plan.asked), plan.deadlines.keep_alive_s, plan.started_s)
        self._head_sent = False

    def run(self) -> Generator[Command, Event, None]:
        """Ask candidate after candidate until one has answered, the client has gone, or none is left."""
        plan = self._plan
        for number, candidate in enumerate(plan.candidates):
            if number and self._clock() >= plan.started_s + plan.deadlines.total_s:
                break
            progress = Progress(
                number=number,
                candidate=candidate,
                open_relay=partial(
                    open_relay,
                    plan.client,
                    candidate.dialect,
                    plan.asked,
                    candidate.target,
                    plan.started_ns // 1_000_000_000,
                ),
                stream=plan.asked.request.stream,
                started_s=self._clock(),
            )
            ending = yield from perform(plan, progress, self._clock, self._forward, self._silence, self._keep_alive)
            if ending == "answered":
                return
            self._note(progress, ending)
            yield Learn(self._attempts[-1])
            if ending == "client_gone":
                yield Record(self._entry("client_gone", 499, progress))
                yield from self._remember(progress, completed=False)
                return
            if ending == "broken":
                yield from self._break_off(progress)
                return
            if not may_continue(self._failures):
                break
        yield from self._give_up()

    def _forward(self, progress: Progress, relayed: Relayed) -> Generator[Command, Event, None]:
        """Send on what the attempt answered: the head first, and the entry before the end."""
        whole = relayed.ended and not self._plan.asked.request.stream
        entry = None
        if relayed.ended:
            self._note(progress, "answered")
            yield Learn(self._attempts[-1])
            entry = self._entry("completed", 200, progress)
            yield Record(entry)
            yield from self._remember(progress, completed=True)
        if whole or (relayed.data and not self._head_sent):
            self._head_sent = True
            yield SendHead(
                200, self._head(progress.candidate, progress.relay.content_type, entry if whole else None, relayed)
            )
        self._silence.heard(self._clock())
        yield SendToClient(relayed.data, end=relayed.ended)

    def _keep_alive(self) -> Generator[Command, Event, None]:
        """A sign of life. Before the first content its head cannot name a model: another one may still answer."""
        if not self._head_sent:
            self._head_sent = True
            yield SendHead(200, self._head(None, self._renderer().content_type, None, Relayed()))
        self._silence.heard(self._clock())
        yield SendToClient(self._silence.data)

    def _renderer(self) -> AnswerRenderer:
        return self._plan.client.open_renderer(self._plan.asked, self._plan.started_ns // 1_000_000_000)

    def _break_off(self, progress: Progress) -> Generator[Command, Event, None]:
        """The answer began and cannot be completed: say so in the client's dialect, and end."""
        failure = progress.failure or Failure("cut_off", "")
        error = ProviderError(f"the answer broke off: {describe(failure)}", code=failure.kind)
        yield Record(self._entry("broken", 200, progress, error))
        yield from self._remember(progress, completed=False)
        yield SendToClient(progress.relay.break_off(error), end=True)

    def _give_up(self) -> Generator[Command, Event, None]:
        """No candidate answered: an error answer that says why."""
        plan = self._plan
        error = (
            final_error(self._failures)
            if self._failures
            else AllCandidatesFailed(
                "the time for the exchange ran out before a candidate answered", status=504, code="timeout"
            )
        )
        yield Record(entry_of(plan, self._attempts, "failed", error.status, self._clock(), error_code=error.code))
        if self._head_sent:
            yield SendToClient(self._renderer().break_off(error), end=True)
            return
        answer = plan.client.render_error(error)
        length = (b"content-length", str(len(answer.body)).encode())
        yield SendHead(answer.status, (*answer.headers, *self._names(None), length))
        yield SendToClient(answer.body, end=True)

    def _note(self, progress: Progress, ending: Ending) -> None:
        record, _ = progress.record(self._plan, ending)
        self._attempts.append(record)
        if progress.failure is not None:
            deployment = progress.candidate.deployment
            self._failures.append((deployment.id, deployment.provider, progress.failure))

    def _remember(self, progress: Progress, *, completed: bool) -> Generator[Command, Event, None]:
        """Who this conversation is with from now on, if anything of an answer came."""
        session = self._plan.session
        if session is None or progress.content_s is None:
            return
        at_s = self._plan.started_ns / 1_000_000_000 + self._clock() - self._plan.started_s
        tariff, told = progress.candidate.tariff, self._plan.decision.session
        yield Remember(session.keys, remember(session, self._attempts[-1], told, tariff, at_s, completed=completed))

    def _entry(self, state: State, status: int, progress: Progress, error: EntrepotError | None = None) -> Entry:
        return entry_of(
            self._plan,
            self._attempts,
            state,
            status,
            self._clock(),
            content_s=progress.content_s,
            error_code=None if error is None else error.code,
        )

    def _names(self, candidate: Candidate | None) -> Headers:
        names = [(b"x-entrepot-exchange", self._plan.id.encode())]
        if self._plan.route is not None:
            names.append((b"x-entrepot-route", _header(self._plan.route)))
        if candidate is not None:
            names.append((b"x-entrepot-model", _header(candidate.deployment.model)))
            names.append((b"x-entrepot-deployment", _header(candidate.deployment.id)))
        return tuple(names)

    def _head(self, candidate: Candidate | None, content_type: bytes, entry: Entry | None, relayed: Relayed) -> Headers:
        headers: Headers = ((b"content-type", content_type), *self._names(candidate))
        if entry is None:
            return (*headers, (b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
        headers = (*headers, (b"content-length", str(len(relayed.data)).encode()))
        if entry.cost_nano_usd is not None:
            headers = (*headers, (b"x-entrepot-cost-usd", _usd(entry.cost_nano_usd)))
        if entry.baseline is not None:
            headers = (*headers, (b"x-entrepot-baseline-usd", _usd(entry.baseline.cost_nano_usd)))
        return headers


def _usd(nano_usd: int) -> bytes:
    return f"{nano_usd // 1_000_000_000}.{nano_usd % 1_000_000_000:09d}".encode()


@lru_cache(maxsize=4096)
def _header(text: str) -> bytes:
    """A name as a header value: bytes outside printable ASCII are percent-encoded (RFC 8187's way for values)."""
    return "".join(
        c if " " <= c <= "~" and c != "%" else "".join(f"%{b:02X}" for b in c.encode()) for c in text
    ).encode()
