"""The course of an exchange that may ask several models for one answer. Beside `course.py`, with the same delivery.

Answers are held back until one is accepted: the client's bytes as they would have been sent, and the answer's canonical form to
know it by. When to ask another and which answer to send is decided by the route's strategy (`agreeing.py`, `checking.py`,
`trusting.py`). One that failed before it had content is asked again where that is safe (`asking_again.py`), while others run,
and only then does the strategy go on without it. A client of a stream is sent signs of life meanwhile, and then the accepted
answer as its stream. Every attempt is recorded and billed, also those whose answer nobody got. An answer too long to be held is
no longer one of several: if none is in hand it goes to the client as it comes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial

import msgspec

from entrepot.dialects.base import Asked, Relay, Relayed
from entrepot.dialects.logprobs import WithoutLogprobs, asking_for_logprobs
from entrepot.dialects.overhear import Overheard
from entrepot.dialects.registry import open_relay
from entrepot.dialects.translation import Translation
from entrepot.exchange.agreeing import Agreeing
from entrepot.exchange.asking_again import again_at_s
from entrepot.exchange.attempt import Clock, Ending, Progress, perform
from entrepot.exchange.checking import Checking
from entrepot.exchange.commands import CancelUpstream, Command, RunCheck, Wait
from entrepot.exchange.deliberating import Deliberating
from entrepot.exchange.delivery import Delivery
from entrepot.exchange.events import CheckEnded, ClientGone, DeadlinePassed, Event
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Candidate, CascadePlan, Plan
from entrepot.exchange.records import AttemptRecord
from entrepot.exchange.together import Together
from entrepot.exchange.trusting import Trusting
from entrepot.routing.validator import Verdict

MAX_HELD_BYTES = 8 * 1024 * 1024
"""Of one answer. A stream of 30,000 tokens, each in a frame of its own, has about as many."""


_STRATEGIES: dict[str, Callable[[Plan, CascadePlan], Deliberating]] = {
    "agreement": Agreeing,
    "check": Checking,
    "confidence": Trusting,
}


class _Held(msgspec.Struct):
    """An attempt under way or complete, with what its answer has said so far."""

    progress: Progress
    pieces: list[bytes] = []
    size: int = 0
    complete: bool = False
    settled: bool = False
    again_at_s: float = math.inf
    """When its deployment is asked again; infinity if it is not, or was."""


class Cascade:
    """One exchange under way."""

    def __init__(self, plan: Plan, cascade: CascadePlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._delivery = Delivery(plan, clock)
        self._deliberating = _STRATEGIES[cascade.strategy.name](plan, cascade)
        self._strategy = cascade.strategy.name
        self._together = Together()
        self._held: list[_Held] = []
        self._straight: _Held | None = None

    def run(self) -> Generator[Command, Event, None]:
        """Ask until an answer is accepted, the client has gone, or nobody is left."""
        while asked := self._ask():
            for candidate in asked:
                yield from self._start(candidate)
            gone = yield from self._until_settled()
            gone = gone or (yield from self._check())
            if gone:
                yield from self._client_gone()
                return
            if self._straight is not None:
                yield from self._end_straight(self._straight)
                return
        yield from self._conclude()
        yield from self._linger()

    def _ask(self) -> Sequence[Candidate]:
        delivery = self._delivery
        if self._held and (delivery.out_of_time or not delivery.may_ask_another):
            return ()
        return self._deliberating.ask()

    def _start(self, candidate: Candidate, retried: int = 0) -> Generator[Command, Event, None]:
        number = len(self._held)
        hidden = self._asking_more(candidate)
        progress = self._delivery.begin(number, candidate, partial(self._open, candidate, hidden), retried)
        held = _Held(progress)
        self._held.append(held)
        quiet = KeepAlive(b"", 0, progress.started_s)  # of all attempts together the silence is kept here
        plan = self._plan if hidden is None else msgspec.structs.replace(self._plan, asked=hidden)
        performing = perform(
            plan,
            progress,
            self._clock,
            partial(self._hold, held),
            quiet,
            self._delivery.keep_alive,
            [*self._delivery.attempts, *self._in_hand()],
        )
        yield from self._together.start(number, performing)

    def _in_hand(self) -> list[AttemptRecord]:
        """The attempts whose answers are held, as the ledger will have those that are not sent."""
        return [held.progress.record(self._plan, "passed_over")[0] for held in self._held if held.complete]

    def _asking_more(self, candidate: Candidate) -> Asked | None:
        """The request with what is asked for beside what the client wants, None where that is nothing."""
        if self._strategy != "confidence":
            return None
        return asking_for_logprobs(self._plan.asked, candidate.dialect.name, candidate.target)

    def _open(self, candidate: Candidate, hidden: Asked | None, headers: Mapping[bytes, bytes]) -> Relay:
        plan, dialect, target = self._plan, candidate.dialect, candidate.target
        parser = dialect.open_parser(hidden or plan.asked, target, headers)
        if hidden is None:
            return Overheard(
                open_relay(plan.client, dialect, plan.asked, target, self._delivery.created_s, headers), parser
            )
        renderer = plan.client.open_renderer(plan.asked, self._delivery.created_s)
        silent = WithoutLogprobs(dialect.open_parser(hidden, target, headers))
        return Overheard(Translation(silent, renderer), parser)

    def _hold(self, held: _Held, progress: Progress, relayed: Relayed) -> Generator[Command, Event, None]:
        """Keep what came, or send it on where this answer has become the only one."""
        if self._straight is held:
            held.complete = relayed.ended
            self._delivery.deliberation = self._deliberating.conclude_straight(progress.candidate, progress.number)
            yield from self._delivery.forward(progress, relayed, progress.content_s)
            return
        held.pieces.append(relayed.data)
        held.size += len(relayed.data)
        held.complete = relayed.ended
        if held.size > MAX_HELD_BYTES and not relayed.ended and not self._deliberating.heard:
            self._straight = held
            yield from self._delivery.forward(progress, Relayed(b"".join(held.pieces)), self._clock())
            held.pieces.clear()

    def _until_settled(self) -> Generator[Command, Event, bool]:
        """Wait until everybody asked has answered or failed; True if the client has gone instead."""
        while True:
            yield from self._drop_the_overlong()
            self._take_in()
            yield from self._delivery.teach()
            again_s = min((held.again_at_s for held in self._held), default=math.inf)
            if again_s <= self._clock():
                yield from self._ask_again()
            elif again_s == math.inf and all(held.settled for held in self._held):
                return False
            elif isinstance((yield from self._wait(again_s)), ClientGone):
                return True

    def _ask_again(self) -> Generator[Command, Event, None]:
        """Ask those again whose pause is over."""
        for held in [held for held in self._held if held.again_at_s <= self._clock()]:
            held.again_at_s = math.inf
            yield from self._start(held.progress.candidate, held.progress.retried + 1)

    def _check(self) -> Generator[Command, Event, bool]:
        """Hold what has come in to the route's check, if it has one; True if the client has gone meanwhile."""
        deliberating, deadlines = self._deliberating, self._plan.deadlines
        last_s = self._plan.started_s + deadlines.total_s
        while (pending := deliberating.to_check()) is not None:
            attempt, check, answer = pending
            yield RunCheck(attempt, check, answer)
            verdict: Verdict | None = None
            while verdict is None:
                event = yield from self._wait(last_s)
                if isinstance(event, ClientGone):
                    return True
                if isinstance(event, CheckEnded):
                    verdict = event.verdict
                elif self._clock() >= last_s:
                    verdict = Verdict(False, "the time for the exchange ran out", conclusive=False)
            deliberating.checked(attempt, verdict)
        return False

    def _take_in(self) -> None:
        """Put what is complete among the answers in hand, and note what failed."""
        for number, held in enumerate(self._held):
            ending = self._together.endings.get(number)
            if held.settled or not (held.complete or ending):
                continue
            held.settled = True
            if held is self._straight:
                continue
            if held.complete:
                self._hear(number, held)
            elif ending is not None:
                self._note(number, held, ending)
                again_s = self._again_at_s(held) if ending == "failed" else None
                if again_s is None:
                    self._deliberating.miss(held.progress.candidate)
                else:
                    held.again_at_s = again_s

    def _again_at_s(self, held: _Held) -> float | None:
        """When one that failed is asked again: never where the client has an answer already, or a filter has spoken."""
        if self._straight is not None or not self._delivery.may_ask_another:
            return None
        return again_at_s(self._plan, held.progress, len(self._held), self._clock())

    def _hear(self, number: int, held: _Held) -> None:
        progress = held.progress
        relay = progress.relay
        if isinstance(relay, Overheard):
            record, _ = progress.record(self._plan, "passed_over")
            self._deliberating.hear(number, progress.candidate, relay.heard(), record.cost_nano_usd)

    def _wait(self, until_s: float = math.inf) -> Generator[Command, Event, Event]:
        """One event, passed on to whom it concerns. While it waits, a client that hears nothing is sent a sign of life."""
        silence, together = self._delivery.silence, self._together
        until_s = min(until_s, together.until_s)
        event = yield Wait(min(until_s, silence.due_s))
        if isinstance(event, DeadlinePassed) and silence.due_s < until_s:
            yield from self._delivery.keep_alive()
        elif isinstance(event, DeadlinePassed) and self._clock() < together.until_s:
            pass  # it was somebody else's moment
        elif not isinstance(event, CheckEnded):
            yield from together.happens(event)
        return event

    def _drop_the_overlong(self) -> Generator[Command, Event, None]:
        """Give up what is too long to be held while others are in hand, and the others while one goes straight through."""
        for number, held in enumerate(self._held):
            if self._straight is not None:
                held.again_at_s = math.inf  # there is an answer
            over = held.size > MAX_HELD_BYTES if self._straight is None else held is not self._straight
            if over and not held.complete and number not in self._together.endings:
                yield CancelUpstream(number)
                held.progress.ended_s = self._clock()
                self._together.drop(number)

    def _conclude(self) -> Generator[Command, Event, None]:
        """Send the accepted answer, with all that was asked written down before its end; or say that nobody answered."""
        deliberating, delivery = self._deliberating, self._delivery
        accepted = deliberating.accept() if deliberating.heard else None
        delivery.deliberation = deliberating.conclude(accepted)
        for number, held in enumerate(self._held):
            if held.complete and (accepted is None or number != accepted.attempt):
                self._note(number, held, "passed_over")
        if accepted is None:
            yield from delivery.give_up()
            return
        held = self._held[accepted.attempt]
        answer = Relayed(b"".join(held.pieces), content=True, ended=True)
        vote = deliberating.vote(accepted.attempt, accepted.candidate)
        yield from delivery.forward(held.progress, answer, self._clock(), vote)

    def _client_gone(self) -> Generator[Command, Event, None]:
        for number, held in enumerate(self._held):
            if held.complete or not held.settled:
                self._note(number, held, "passed_over" if held.complete else self._together.endings[number])
        straight = self._straight
        self._delivery.deliberation = self._deliberating.conclude(None)
        yield from self._delivery.client_gone(None if straight is None else straight.progress.content_s)

    def _end_straight(self, held: _Held) -> Generator[Command, Event, None]:
        """The answer that was sent as it came is over."""
        if held.complete:
            yield from self._linger()
            return
        self._note(held.progress.number, held, "broken")
        yield from self._delivery.break_off(held.progress)

    def _linger(self) -> Generator[Command, Event, None]:
        """Providers still owe the end of their messages: their connections can be kept only once that came."""
        while self._together.running:
            event = yield Wait(self._together.until_s)
            yield from self._together.happens(event)

    def _note(self, number: int, held: _Held, ending: Ending) -> None:
        self._delivery.note(held.progress, ending, self._deliberating.vote(number, held.progress.candidate))
