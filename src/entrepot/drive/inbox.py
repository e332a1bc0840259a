"""The one queue of an exchange: chunks of every attempt, the client's going and deadlines meet here, in order.

Rules of this file: producers call `put` from callbacks and never wait; chunks of one attempt that pile up are joined; when
more than HIGH_BYTES wait, the attempts are told to stop reading until the pile is down to LOW_BYTES.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import deque
from collections.abc import Mapping
from typing import Protocol

from entrepot.drive.alarms import Alarms
from entrepot.exchange.events import (
    ClientGone,
    DeadlinePassed,
    Event,
    UpstreamAnswer,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamHead,
)

HIGH_BYTES = 256 * 1024
LOW_BYTES = 64 * 1024

_OF_NO_ATTEMPT = (ClientGone, DeadlinePassed)


class Source(Protocol):
    """Where events come from."""

    def pause(self) -> None:
        """Stop reading."""

    def resume(self) -> None:
        """Read on."""


class Inbox:
    """Events in order of arrival, for one consumer. `sources` are whoever is told to pause; they may come and go."""

    __slots__ = ("_alarms", "_bytes", "_due_s", "_events", "_noted_for_s", "_noted_s", "_paused", "_sources", "_waiter")

    def __init__(self, sources: Mapping[int, Source], alarms: Alarms) -> None:
        self._sources = sources
        self._alarms = alarms
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._due_s = math.inf
        self._noted_s = self._noted_for_s = (
            math.inf
        )  # the moment that was noted, and the deadline that it was noted for
        self._bytes = 0
        self._paused = False

    def put(self, event: Event) -> None:
        """Add an event and wake the consumer."""
        self._events.append(event)
        if type(event) is UpstreamChunk:
            self._bytes += len(event.data)
            if self._bytes > HIGH_BYTES and not self._paused:
                self._paused = True
                for source in self._sources.values():
                    source.pause()
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take(self) -> Event | None:
        """The next event, if any waits. Waiting chunks come as one, and so does an answer that is whole."""
        if not self._events:
            return None
        event = self._events.popleft()
        if type(event) is UpstreamHead and len(self._events) >= 2:
            return self._answer(event)
        if type(event) is not UpstreamChunk:
            return event
        if self._events and type(self._events[0]) is UpstreamChunk:
            event = self._join(event)
        self._taken(len(event.data))
        return event

    async def get(self, until_s: float) -> Event:
        """The next event, or DeadlinePassed once `time.monotonic` is past `until_s`."""
        if self._events:
            return self.take() or DeadlinePassed()
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        self._due_s = until_s
        if until_s < self._noted_for_s:  # the moment may be later: what is noted for many is rounded up
            self._note(time.monotonic())
        try:
            await waiter
        finally:
            self._waiter = None
        return self.take() or DeadlinePassed()

    def ring(self, now_s: float) -> None:
        """Called by the alarms: wake the consumer if its deadline has passed, and be called again where it has moved."""
        self._noted_s = self._noted_for_s = math.inf
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._due_s <= now_s:
            waiter.set_result(None)
        else:
            self._note(now_s)

    def close(self) -> None:
        """Nobody waits here any more."""
        if self._noted_s < math.inf:
            self._alarms.forget(self, self._noted_s)

    def drop(self, attempt: int) -> None:
        """Forget what waits of an attempt: it is cancelled, and what it said is not to be taken for another's."""
        kept = [event for event in self._events if isinstance(event, _OF_NO_ATTEMPT) or event.attempt != attempt]
        self._events = deque(kept)
        self._taken(self._bytes - sum(len(event.data) for event in kept if isinstance(event, UpstreamChunk)))

    def _note(self, now_s: float) -> None:
        if self._noted_s < math.inf:
            self._alarms.forget(self, self._noted_s)
        self._noted_s = self._alarms.note(self, self._due_s, now_s)
        self._noted_for_s = self._due_s

    def _taken(self, count: int) -> None:
        self._bytes -= count
        if self._paused and self._bytes <= LOW_BYTES:
            self._paused = False
            for source in self._sources.values():
                source.resume()

    def _answer(self, head: UpstreamHead) -> Event:
        """All of the answer that begins with `head`, if it waits here whole in one piece."""
        body, end = self._events[0], self._events[1]
        if type(body) is not UpstreamChunk or type(end) is not UpstreamEnded:
            return head
        if not head.attempt == body.attempt == end.attempt:
            return head
        self._events.popleft()
        self._events.popleft()
        self._taken(len(body.data))
        return UpstreamAnswer(head.attempt, head.status, head.headers, body.data)

    def _join(self, first: UpstreamChunk) -> UpstreamChunk:
        pieces = [first.data]
        while self._events:
            following = self._events[0]
            if type(following) is not UpstreamChunk or following.attempt != first.attempt:
                break
            pieces.append(following.data)
            self._events.popleft()
        return UpstreamChunk(first.attempt, b"".join(pieces))
