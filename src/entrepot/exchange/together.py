"""Attempts that run at the same time, each a generator of its own, driven as one.

Rules of this file: what an attempt yields is passed on as it is, but for `Wait`: the exchange waits for the earliest of all. An
event goes to the attempt whose number it carries, the client's going to every one, a passed deadline to whoever named the
earliest.
"""

from __future__ import annotations

import math
from collections.abc import Generator

from entrepot.exchange.attempt import Ending
from entrepot.exchange.commands import Command, Wait
from entrepot.exchange.events import ClientGone, DeadlinePassed, Event

Performing = Generator[Command, Event, Ending]


class Together:
    """Attempts under way, by number. `endings` are those that are over, with how they ended."""

    def __init__(self) -> None:
        self._running: dict[int, Performing] = {}
        self._until_s: dict[int, float] = {}
        self.endings: dict[int, Ending] = {}

    @property
    def until_s(self) -> float:
        """The earliest moment that any of them waits for; infinity if none runs."""
        return min(self._until_s.values(), default=math.inf)

    @property
    def running(self) -> bool:
        """Whether any is not over yet, be it only that its provider's message still has to end."""
        return bool(self._running)

    def start(self, number: int, performing: Performing) -> Generator[Command, Event, None]:
        """Begin one, up to its first wait."""
        self._running[number] = performing
        yield from self._advance(number, None)

    def drop(self, number: int) -> None:
        """Forget one that was cancelled: it is over without having said how."""
        self._running.pop(number).close()
        self._until_s.pop(number, None)
        self.endings[number] = "abandoned"

    def happens(self, event: Event) -> Generator[Command, Event, None]:
        """Let those whom it concerns go on, up to their next wait."""
        if isinstance(event, ClientGone):
            concerned = [*self._running]
        elif isinstance(event, DeadlinePassed):
            concerned = [number for number, until_s in self._until_s.items() if until_s <= self.until_s]
        else:
            concerned = [event.attempt] if event.attempt in self._running else []
        for number in concerned:
            yield from self._advance(number, event)

    def _advance(self, number: int, event: Event | None) -> Generator[Command, Event, None]:
        performing = self._running[number]
        try:
            command = next(performing) if event is None else performing.send(event)
            while not isinstance(command, Wait):
                yield command
                command = next(performing)
            self._until_s[number] = command.until_s
        except StopIteration as stop:
            del self._running[number]
            self._until_s.pop(number, None)
            self.endings[number] = stop.value
