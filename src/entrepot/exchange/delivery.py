"""What the client of an exchange gets and what is written down of it, whichever course it takes.

Rules of this file: the entry is recorded before the chunk with the end marker leaves, because clients stop reading at the
marker. A head is sent once only. Signs of life commit to nothing, so a head that goes before them names no model.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from functools import lru_cache, partial

from entrepot.canonical.stream import Failure
from entrepot.dialects.base import AnswerRenderer, Relay, Relayed
from entrepot.dialects.registry import open_relay
from entrepot.errors import AllCandidatesFailed, EntrepotError, ProviderError
from entrepot.exchange.attempt import Clock, Ending, Progress
from entrepot.exchange.commands import Command, Headers, Learn, Record, Remember, SendHead, SendToClient
from entrepot.exchange.entries import entry_of
from entrepot.exchange.events import Event
from entrepot.exchange.failover import describe, final_error, may_continue
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.records import AttemptRecord, Deliberation, Entry, State, Vote
from entrepot.exchange.sessions import remember

Opening = Callable[[Mapping[bytes, bytes]], Relay]
_NANO = 1_000_000_000


class Delivery:
    """One exchange's client and entry. `attempts` are those that are over, in the order in which they began."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self.attempts: list[AttemptRecord] = []
        self.deliberation: Deliberation | None = None
        self.silence = KeepAlive(plan.client.keep_alive(plan.asked), plan.deadlines.keep_alive_s, plan.started_s)
        self._failures: list[tuple[str, str, Failure]] = []
        self._spans: list[tuple[float, float]] = []
        self._taught: set[int] = set()
        self._head_sent = False

    def begin(
        self, number: int, candidate: Candidate, open_answer: Opening | None = None, retried: int = 0
    ) -> Progress:
        """An attempt about to start. `open_answer` is given in place of the relay that goes straight to the client."""
        plan = self._plan
        straight = partial(open_relay, plan.client, candidate.dialect, plan.asked, candidate.target, self.created_s)
        return Progress(
            number=number,
            candidate=candidate,
            open_relay=open_answer or straight,
            stream=plan.asked.request.stream,
            started_s=self._clock(),
            retried=retried,
        )

    @property
    def created_s(self) -> int:
        """Unix seconds at which the exchange began."""
        return self._plan.started_ns // _NANO

    @property
    def out_of_time(self) -> bool:
        """Whether the time for the exchange as a whole has run out."""
        return self._clock() >= self._plan.started_s + self._plan.deadlines.total_s

    @property
    def may_ask_another(self) -> bool:
        """Whether, after the failures so far, another candidate may be asked."""
        return not self._failures or may_continue(self._failures)

    def note(self, progress: Progress, ending: Ending, vote: Vote | None = None) -> None:
        """An attempt is over."""
        record, _ = progress.record(self._plan, ending, vote)
        self.attempts.append(record)
        self.attempts.sort(key=lambda attempt: attempt.number)
        self._spans.append((progress.started_s, progress.ended_s))
        if progress.failure is not None:
            deployment = progress.candidate.deployment
            self._failures.append((deployment.id, deployment.provider, progress.failure))

    def teach(self) -> Generator[Command, Event, None]:
        """What the attempts that are over say of their deployments, each once."""
        for attempt in self.attempts:
            if attempt.number not in self._taught:
                self._taught.add(attempt.number)
                yield Learn(attempt)

    def _remember(self, state: State, content_s: float | None) -> Generator[Command, Event, None]:
        """Who this conversation is with from now on, if anything of an answer came."""
        session, plan = self._plan.session, self._plan
        if session is None or content_s is None:
            return
        answering = next((attempt for attempt in self.attempts if attempt.answered), self.attempts[-1])
        asked = next(each for each in plan.candidates if each.deployment.id == answering.deployment)
        at_s = plan.started_ns / _NANO + self._clock() - plan.started_s
        told, cache = plan.decision.session, asked.deployment.prefix_cache
        check = None if self.deliberation is None else self.deliberation.check
        completed = state == "completed"
        kept = remember(
            session, answering, told, asked.tariff, at_s, cache, check, completed=completed, exchange=plan.id
        )
        yield Remember(session.keys, kept)

    def forward(
        self, progress: Progress, relayed: Relayed, content_s: float | None, vote: Vote | None = None
    ) -> Generator[Command, Event, None]:
        """Send on what an attempt answered: the head first, and the entry before the end.

        `content_s` is when the client got the first content of the answer.
        """
        whole = relayed.ended and not self._plan.asked.request.stream
        entry = None
        if relayed.ended:
            self.note(progress, "answered", vote)
            yield from self.teach()
            entry = self._entry("completed", 200, content_s)
            yield Record(entry)
            yield from self._remember("completed", content_s)
        if whole or (relayed.data and not self._head_sent):
            self._head_sent = True
            yield SendHead(
                200, self._head(progress.candidate, progress.relay.content_type, entry if whole else None, relayed)
            )
        self.silence.heard(self._clock())
        yield SendToClient(relayed.data, end=relayed.ended)

    def keep_alive(self) -> Generator[Command, Event, None]:
        """A sign of life. Before the first content its head cannot name a model: another one may still answer."""
        if not self._head_sent:
            self._head_sent = True
            yield SendHead(200, self._head(None, self._renderer().content_type, None, Relayed()))
        self.silence.heard(self._clock())
        yield SendToClient(self.silence.data)

    def client_gone(self, content_s: float | None) -> Generator[Command, Event, None]:
        """There is nobody to answer any more."""
        yield from self.teach()
        yield Record(self._entry("client_gone", 499, content_s))
        yield from self._remember("client_gone", content_s)

    def break_off(self, progress: Progress) -> Generator[Command, Event, None]:
        """The answer began and cannot be completed: say so in the client's dialect, and end."""
        failure = progress.failure or Failure("cut_off", "")
        error = ProviderError(f"the answer broke off: {describe(failure)}", code=failure.kind)
        yield from self.teach()
        yield Record(self._entry("broken", 200, progress.content_s, error))
        yield from self._remember("broken", progress.content_s)
        yield SendToClient(progress.relay.break_off(error), end=True)

    def give_up(self) -> Generator[Command, Event, None]:
        """No candidate answered: an error answer that says why."""
        error = (
            final_error(self._failures)
            if self._failures
            else AllCandidatesFailed(
                "the time for the exchange ran out before a candidate answered", status=504, code="timeout"
            )
        )
        yield from self.teach()
        yield Record(self._entry("failed", error.status, None, error))
        if self._head_sent:
            yield SendToClient(self._renderer().break_off(error), end=True)
            return
        answer = self._plan.client.render_error(error)
        length = (b"content-length", str(len(answer.body)).encode())
        yield SendHead(answer.status, (*answer.headers, *self._names(None), length))
        yield SendToClient(answer.body, end=True)

    def _renderer(self) -> AnswerRenderer:
        return self._plan.client.open_renderer(self._plan.asked, self.created_s)

    def _entry(self, state: State, status: int, content_s: float | None, error: EntrepotError | None = None) -> Entry:
        return entry_of(
            self._plan,
            self.attempts,
            state,
            status,
            self._clock(),
            content_s=content_s,
            error_code=None if error is None else error.code,
            called_s=_length(self._spans),
            deliberation=self.deliberation,
        )

    def _names(self, candidate: Candidate | None) -> Headers:
        names = [(b"x-entrepot-exchange", self._plan.id.encode())]
        if self._plan.route is not None:
            names.append((b"x-entrepot-route", _header(self._plan.route)))
        if candidate is not None:
            names.append((b"x-entrepot-model", _header(candidate.deployment.model)))
            names.append((b"x-entrepot-deployment", _header(candidate.deployment.id)))
            if self.deliberation is not None and self.deliberation.check is not None:
                names.append((b"x-entrepot-check", self.deliberation.check.encode()))
        return (*names, *self._plan.announced)

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


def _length(spans: list[tuple[float, float]]) -> float:
    """Seconds that any of the spans covers; they may overlap."""
    if len(spans) == 1:
        start_s, end_s = spans[0]
        return max(0.0, end_s - start_s)
    covered, until_s = 0.0, 0.0
    for start_s, end_s in sorted(spans):
        covered += max(0.0, end_s - max(start_s, until_s))
        until_s = max(until_s, end_s)
    return covered


def _usd(nano_usd: int) -> bytes:
    return f"{nano_usd // _NANO}.{nano_usd % _NANO:09d}".encode()


@lru_cache(maxsize=4096)
def _header(text: str) -> bytes:
    """A name as a header value: bytes outside printable ASCII are percent-encoded (RFC 8187's way for values)."""
    return "".join(
        c if " " <= c <= "~" and c != "%" else "".join(f"%{b:02X}" for b in c.encode()) for c in text
    ).encode()
