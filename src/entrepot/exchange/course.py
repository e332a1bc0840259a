"""The course of an exchange, from the first call to the last byte. Read from top to bottom.

Each candidate is asked in the order of the decision until one answers. Until the first byte of an answer has left, a
failure lets the next one try; after it, only the same attempt's bytes follow, and a failure ends the answer in the client
dialect's own error. A client that waits for a stream in silence is sent signs of life, which commit to nothing. What
happened is recorded before the chunk with the end marker leaves, because clients stop reading at the marker; a client that
goes away is recorded too. The course does no I/O: it yields commands and is sent events.

A route that may ask several models for one answer takes another course (`cascade.py`), to the same delivery.
"""

from __future__ import annotations

from collections.abc import Generator

from entrepot.dialects.base import Relayed
from entrepot.exchange.attempt import Clock, Progress, perform
from entrepot.exchange.cascade import Cascade
from entrepot.exchange.commands import Command
from entrepot.exchange.delivery import Delivery
from entrepot.exchange.events import Event
from entrepot.exchange.plan import Plan


def course_of(plan: Plan, clock: Clock) -> Generator[Command, Event, None]:
    """The course that the plan asks for."""
    return Course(plan, clock).run() if plan.cascade is None else Cascade(plan, plan.cascade, clock).run()


class Course:
    """One exchange under way. `run` is the generator; the delivery keeps what is needed for the entry."""

    def __init__(self, plan: Plan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._delivery = Delivery(plan, clock)

    def run(self) -> Generator[Command, Event, None]:
        """Ask candidate after candidate until one has answered, the client has gone, or none is left."""
        plan, delivery = self._plan, self._delivery
        for number, candidate in enumerate(plan.candidates):
            if number and delivery.out_of_time:
                break
            progress = delivery.begin(number, candidate)
            ending = yield from perform(
                plan, progress, self._clock, self._forward, delivery.silence, delivery.keep_alive, delivery.attempts
            )
            if ending == "answered":
                return
            delivery.note(progress, ending)
            yield from delivery.teach()
            if ending == "client_gone":
                yield from delivery.client_gone(progress.content_s)
                return
            if ending == "broken":
                yield from delivery.break_off(progress)
                return
            if not delivery.may_ask_another:
                break
        yield from delivery.give_up()

    def _forward(self, progress: Progress, relayed: Relayed) -> Generator[Command, Event, None]:
        return self._delivery.forward(progress, relayed, progress.content_s)
