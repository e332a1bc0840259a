"""A pause within an exchange: nothing is under way, the client may leave, and is sent signs of life."""

from __future__ import annotations

from collections.abc import Callable, Generator

from entrepot.exchange.attempt import Clock
from entrepot.exchange.commands import Command, Wait
from entrepot.exchange.events import ClientGone, Event
from entrepot.exchange.keep_alive import KeepAlive


def rest(
    until_s: float, clock: Clock, silence: KeepAlive, keep_alive: Callable[[], Generator[Command, Event, None]]
) -> Generator[Command, Event, bool]:
    """Wait until `until_s` (monotonic seconds). True if the client has gone meanwhile."""
    while clock() < until_s:
        event = yield Wait(min(until_s, silence.due_s))
        if isinstance(event, ClientGone):
            return True
        if silence.due_s <= clock() < until_s:
            yield from keep_alive()
    return False
