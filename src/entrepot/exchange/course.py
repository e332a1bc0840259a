"""The course of an exchange, from the first call to the last byte. Read from top to bottom.

Each candidate is asked in the order of the decision until one answers. Until the first byte of an answer has left, a
failure lets the same one try again where that is safe (`asking_again.py`), or the next one; after it, only the same attempt's
bytes follow, and a failure ends the answer in the client dialect's own error. A client that waits for a stream in silence
is sent signs of life, which commit to nothing. What happened is recorded before the chunk with the end marker leaves,
because clients stop reading at the marker; a client that goes away is recorded too. The course does no I/O: it yields
commands and is sent events.

A route that may ask several models for one answer takes another course (`cascade.py`), and so does one that asks a second
candidate where the first is slow (`hedged.py`), to the same delivery.
"""

from __future__ import annotations

from collections.abc import Generator

from entrepot.dialects.base import Relayed
from entrepot.exchange.asking_again import again_at_s
from entrepot.exchange.attempt import Clock, Progress, perform
from entrepot.exchange.cascade import Cascade
from entrepot.exchange.commands import Command
from entrepot.exchange.delivery import Delivery
from entrepot.exchange.events import Event
from entrepot.exchange.hedged import Hedged
from entrepot.exchange.plan import Candidate, Plan
from entrepot.exchange.resting import rest


def course_of(plan: Plan, clock: Clock) -> Generator[Command, Event, None]:
    """The course that the plan asks for."""
    if plan.cascade is not None:
        return Cascade(plan, plan.cascade, clock).run()
    if plan.hedge_after_s is not None and len(plan.candidates) > 1:
        return Hedged(plan, plan.hedge_after_s, clock).run()
    return Course(plan, clock).run()


class Course:
    """One exchange under way. `run` is the generator; the delivery keeps what is needed for the entry."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._delivery = Delivery(plan, clock)

    def run(self) -> Generator[Command, Event, None]:
        """Ask candidate after candidate until one has answered, the client has gone, or none is left."""
        plan, delivery = self._plan, self._delivery
        for place, candidate in enumerate(plan.candidates):
            if place and delivery.out_of_time:
                break
            over = yield from self._ask(candidate, follower=next(iter(plan.candidates[place + 1 :]), None))
            if over:
                return
            if not delivery.may_ask_another:
                break
        yield from delivery.give_up()

    def _ask(self, candidate: Candidate, follower: Candidate | None) -> Generator[Command, Event, bool]:
        """Ask one candidate, and again while that is allowed. True if the exchange is over."""
        plan, delivery = self._plan, self._delivery
        retried = 0
        while True:
            progress = delivery.begin(len(delivery.attempts), candidate, retried=retried)
            ending = yield from perform(
                plan, progress, self._clock, self._forward, delivery.silence, delivery.keep_alive, delivery.attempts
            )
            if ending == "answered":
                return True
            delivery.note(progress, ending)
            yield from delivery.teach()
            if ending == "broken":
                yield from delivery.break_off(progress)
                return True
            until_s = None if ending == "client_gone" else self._again_at_s(progress, follower)
            if until_s is None and ending != "client_gone":
                return False
            if until_s is None or (yield from rest(until_s, self._clock, delivery.silence, delivery.keep_alive)):
                yield from delivery.client_gone(progress.content_s)
                return True
            retried += 1

    def _again_at_s(self, progress: Progress, follower: Candidate | None) -> float | None:
        return again_at_s(self._plan, progress, len(self._delivery.attempts), self._clock(), follower=follower)

    def _forward(self, progress: Progress, relayed: Relayed) -> Generator[Command, Event, None]:
        return self._delivery.forward(progress, relayed, progress.content_s)
