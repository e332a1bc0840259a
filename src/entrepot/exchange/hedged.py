"""The course of an exchange that asks a second candidate where the first lets it wait. Beside `course.py`, with the same
delivery.

Rules of this file: at most one is asked beside the first, and only while no byte of an answer has left; whoever has content
first answers, and the other is cancelled at once. What it may be billed for what it has read is in its attempt: the input,
as an estimate (J. Dean and L. Barroso, "The Tail at Scale", 2013). Each attempt passes the gate of rules, limits and
budgets by itself. Once nobody is under way, those who failed are asked again where that is safe, the latest first, or the next
candidate is, as without a hedge; a pause that would last until the hedge's moment is not begun.
"""

from __future__ import annotations

import math
from collections.abc import Generator

from entrepot.dialects.base import Relayed
from entrepot.exchange.asking_again import again_at_s
from entrepot.exchange.attempt import Clock, Progress, perform
from entrepot.exchange.commands import CancelUpstream, Command, Wait
from entrepot.exchange.delivery import Delivery
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.resting import rest
from entrepot.exchange.together import Together


class Hedged:
    """One exchange under way."""

    def __init__(self, plan: Plan, after_s: float, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._after_s = after_s
        self._delivery = Delivery(plan, clock)
        self._together = Together()
        self._progresses: list[Progress] = []
        self._settled: set[int] = set()
        self._failed: list[Progress] = []  # that may yet be asked again
        self._place = 0  # of the candidate that comes next
        self._hedge_s = math.inf
        self._winner: Progress | None = None

    def run(self) -> Generator[Command, Event, None]:
        """Ask until one has answered, the client has gone, or none is left."""
        yield from self._ask_next()
        self._hedge_s = self._clock() + self._after_s
        while True:
            yield from self._settle()
            if self._winner is not None and not self._together.running:
                yield from self._end(self._winner)
                return
            if self._together.running:
                gone = yield from self._wait()
            elif (until_s := self._again_at_s()) is not None:
                gone = yield from self._again(until_s)
            elif self._may_follow:
                gone = False
                yield from self._ask_next()
            else:
                yield from self._delivery.give_up()
                return
            if gone:
                yield from self._client_gone()
                return

    def _ask_next(self) -> Generator[Command, Event, None]:
        candidate = self._plan.candidates[self._place]
        self._place += 1
        yield from self._start(candidate)

    def _start(self, candidate: Candidate, retried: int = 0) -> Generator[Command, Event, None]:
        number = len(self._progresses)
        progress = self._delivery.begin(number, candidate, retried=retried)
        self._progresses.append(progress)
        quiet = KeepAlive(b"", 0, progress.started_s)  # of both attempts together the silence is kept here
        performing = perform(
            self._plan,
            progress,
            self._clock,
            self._forward,
            quiet,
            self._delivery.keep_alive,
            tuple(self._delivery.attempts),
        )
        yield from self._together.start(number, performing)

    def _again_at_s(self) -> float | None:
        """Everybody asked so far has failed: when one of them is asked again, which is then the last of `_failed`."""
        if not self._delivery.may_ask_another:
            return None
        follower = next(iter(self._plan.candidates[self._place :]), None)
        hedge_s = self._hedge_s if self._is_another else math.inf
        made, now_s = len(self._progresses), self._clock()
        while self._failed:
            until_s = again_at_s(self._plan, self._failed[-1], made, now_s, follower=follower, until_s=hedge_s)
            if until_s is not None:
                return until_s
            self._failed.pop()
        return None

    def _again(self, until_s: float) -> Generator[Command, Event, bool]:
        """Ask the last that failed again, after a pause. True if the client has gone meanwhile."""
        failed, delivery = self._failed.pop(), self._delivery
        if (yield from rest(until_s, self._clock, delivery.silence, delivery.keep_alive)):
            return True
        yield from self._start(failed.candidate, failed.retried + 1)
        return False

    @property
    def _may_follow(self) -> bool:
        return self._is_another and not self._delivery.out_of_time and self._delivery.may_ask_another

    @property
    def _is_another(self) -> bool:
        return self._place < len(self._plan.candidates)

    def _wait(self) -> Generator[Command, Event, bool]:
        """One event, or the hedge's moment. True if the client has gone."""
        silence, until_s = self._delivery.silence, self._together.until_s
        due_s = math.inf if self._winner is not None else self._hedge_s
        event = yield Wait(min(until_s, silence.due_s if self._winner is None else math.inf, due_s))
        now_s = self._clock()
        if isinstance(event, DeadlinePassed) and now_s < until_s:
            if now_s >= due_s:
                self._hedge_s = math.inf
                yield from self._hedge()
            elif now_s >= silence.due_s:
                yield from self._delivery.keep_alive()
            return False
        yield from self._together.happens(event)
        return isinstance(event, ClientGone)

    def _hedge(self) -> Generator[Command, Event, None]:
        allowances = self._plan.allowances
        if self._is_another and allowances is not None and allowances.hedges.take():
            yield from self._ask_next()

    def _forward(self, progress: Progress, relayed: Relayed) -> Generator[Command, Event, None]:
        if self._winner is None:
            self._winner = progress
            yield from self._cancel_others(progress)
        yield from self._delivery.forward(progress, relayed, progress.content_s)

    def _cancel_others(self, winner: Progress) -> Generator[Command, Event, None]:
        for number, progress in enumerate(self._progresses):
            if progress is not winner and number not in self._settled and number not in self._together.endings:
                self._settled.add(number)
                yield CancelUpstream(number)
                progress.ended_s = self._clock()
                self._together.drop(number)
                self._delivery.note(progress, "abandoned")

    def _settle(self) -> Generator[Command, Event, None]:
        """Note what has ended by itself since last time."""
        for number, ending in self._together.endings.items():
            if number not in self._settled and ending != "client_gone":
                self._settled.add(number)
                if ending != "answered":  # that one was noted as it was sent
                    self._delivery.note(self._progresses[number], ending)
                    yield from self._delivery.teach()
                if ending == "failed":
                    self._failed.append(self._progresses[number])

    def _end(self, winner: Progress) -> Generator[Command, Event, None]:
        """The answer that was sent is over: whole, or broken off."""
        if self._together.endings[winner.number] == "broken":
            yield from self._delivery.break_off(winner)

    def _client_gone(self) -> Generator[Command, Event, None]:
        yield from self._settle()
        for number, ending in self._together.endings.items():
            if ending == "client_gone" and number not in self._settled:
                self._delivery.note(self._progresses[number], ending)
        if self._winner is not None and self._together.endings.get(self._winner.number) == "answered":
            return  # it had its answer, and only the provider's message was still to end
        yield from self._delivery.client_gone(None if self._winner is None else self._winner.content_s)
