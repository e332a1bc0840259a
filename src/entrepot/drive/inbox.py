"""The one queue of an exchange: chunks of every attempt, the client's going and deadlines meet here, in order.

Rules of this file: producers call `put` from callbacks and never wait; chunks of one attempt that pile up are joined; when
more than HIGH_BYTES wait, the attempts are told to stop reading until the pile is down to LOW_BYTES.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from entrepot.exchange.events import ClientGone, DeadlinePassed, Event, UpstreamChunk

HIGH_BYTES = 256 * 1024
LOW_BYTES = 64 * 1024

_OF_NO_ATTEMPT = (ClientGone, DeadlinePassed)


class Inbox:
    """Events in order of arrival, for one consumer."""

    def __init__(self, pause: Callable[[], None], resume: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._bytes = 0
        self._paused = False
        self._pause = pause
        self._resume = resume

    def put(self, event: Event) -> None:
        """Add an event and wake the consumer."""
        self._events.append(event)
        if isinstance(event, UpstreamChunk):
            self._bytes += len(event.data)
            if self._bytes > HIGH_BYTES and not self._paused:
                self._paused = True
                self._pause()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    async def get(self, until_s: float) -> Event:
        """The next event, or DeadlinePassed once `time.monotonic` is past `until_s`. Waiting chunks come as one.

        Both of the loops in use count from the same origin as `time.monotonic`; uvloop's own clock has whole milliseconds.
        """
        if not self._events:
            self._waiter = waiter = self._loop.create_future()
            timer = self._loop.call_at(until_s, _wake, waiter)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None
            if not self._events:
                return DeadlinePassed()
        return self._take()

    def drop(self, attempt: int) -> None:
        """Forget what waits of an attempt: it is cancelled, and what it said is not to be taken for another's."""
        kept = [event for event in self._events if isinstance(event, _OF_NO_ATTEMPT) or event.attempt != attempt]
        self._events = deque(kept)
        self._taken(self._bytes - sum(len(event.data) for event in kept if isinstance(event, UpstreamChunk)))

    def _take(self) -> Event:
        event = self._events.popleft()
        if not isinstance(event, UpstreamChunk):
            return event
        if self._events and isinstance(self._events[0], UpstreamChunk):
            event = self._join(event)
        self._taken(len(event.data))
        return event

    def _taken(self, count: int) -> None:
        self._bytes -= count
        if self._paused and self._bytes <= LOW_BYTES:
            self._paused = False
            self._resume()

    def _join(self, first: UpstreamChunk) -> UpstreamChunk:
        pieces = [first.data]
        while self._events:
            following = self._events[0]
            if not isinstance(following, UpstreamChunk) or following.attempt != first.attempt:
                break
            pieces.append(following.data)
            self._events.popleft()
        return UpstreamChunk(first.attempt, b"".join(pieces))


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
