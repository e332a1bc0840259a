"""One connection to a provider: writes a request, reads its answer, reports events as they come.

Rules of this file: at most one call at a time, and no pipelining. A byte or an end that comes while no call is under way
closes the connection. Connections are dropped with `abort`: nothing is owed to the peer once an answer is complete, and
the file descriptor is free at once (a graceful TLS close would wait for the peer's).

TLS cannot tell us here whether the peer said that it closes (asyncio hides it), so a body that ends with the connection
is taken as complete, as over plain TCP; sized and chunked ones, which is what providers send, are not affected.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

from entrepot.errors import Defect
from entrepot.exchange.events import Event
from entrepot.upstream.dial import Destination
from entrepot.upstream.limits import Limits
from entrepot.upstream.response import ResponseReader

JOINED_BODY_BYTES = 64 * 1024
"""Bodies up to this size are written with the head, in one segment; longer ones are not copied for it."""


class Caller(Protocol):
    """Whom a connection works for, one call long."""

    attempt: int
    head: bytes
    body: bytes
    paused: bool

    def deliver(self, event: Event) -> None:
        """Take the next event."""

    def start_over(self) -> None:
        """The connection had been closed by the peer before the request came: nothing was answered."""


class Owner(Protocol):
    """Who keeps connections between calls."""

    def opened(self, connection: Connection) -> None:
        """It can be written to."""

    def freed(self, connection: Connection) -> None:
        """Its answer is read and it is clean: keep or drop it."""

    def lost(self, connection: Connection) -> None:
        """It is gone."""


class Connection(asyncio.Protocol):
    """A connection to one destination. `reused` says that it has answered before."""

    def __init__(self, destination: Destination, owner: Owner, limits: Limits) -> None:
        self.destination = destination
        self.opened_at = 0.0
        self.idle_since = 0.0
        self.reused = False
        self._owner = owner
        self._reader = ResponseReader(limits)
        self._transport: asyncio.Transport | None = None
        self._caller: Caller | None = None
        self._paused = False

    @property
    def usable(self) -> bool:
        """Whether a request can be written."""
        return self._transport is not None and self._caller is None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        self.opened_at = asyncio.get_running_loop().time()
        self._owner.opened(self)

    def send(self, caller: Caller) -> None:
        """Write the caller's request. Only while `usable`."""
        transport = self._transport
        if transport is None:
            raise Defect("a request was to be written on a connection that is closed")
        self._caller = caller
        self._reader.begin(caller.attempt)
        if len(caller.body) <= JOINED_BODY_BYTES:
            transport.write(caller.head + caller.body)
        else:
            transport.write(caller.head)
            transport.write(caller.body)
        if caller.paused:
            self.pause(caller)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        caller = self._caller
        if caller is None:
            self.abort()
            return
        events = self._reader.feed(data)
        if self._reader.done:
            self._finish()
        for event in events:
            caller.deliver(event)

    def eof_received(self) -> None:
        """Called by the event loop: the peer sends no more. Not waiting for our own writes, which nobody may read."""
        self._end(clean=True)
        self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._transport = None
        self._owner.lost(self)
        self._end(clean=exc is None)
        self._reader.close()

    def drop(self, caller: Caller) -> None:
        """Close at once if the caller's answer is still under way; nothing more is delivered to it."""
        if self._caller is caller:
            self._caller = None
            self.abort()

    def pause(self, caller: Caller) -> None:
        """Stop reading, so that the provider has to wait."""
        transport = self._transport
        if self._caller is caller and transport is not None and not self._paused and not transport.is_closing():
            self._paused = True
            transport.pause_reading()

    def resume(self, caller: Caller) -> None:
        """Read on."""
        if self._caller is caller:
            self._resume()

    def abort(self) -> None:
        """Close at once."""
        if self._transport is not None:
            self._transport.abort()

    def fail(self, message: str) -> None:
        """Close at once, and tell the caller that its answer is cut off."""
        caller, self._caller = self._caller, None
        self.abort()
        if caller is not None:
            caller.deliver(self._reader.cut_off(message))

    def _resume(self) -> None:
        transport = self._transport
        if self._paused and transport is not None and not transport.is_closing():
            transport.resume_reading()
        self._paused = False

    def _finish(self) -> None:
        """The answer is over: be ready for the next call, or close."""
        self._caller = None
        transport = self._transport
        # a provider may answer before it has read the whole request; the rest would still be on its way
        if transport is None or not self._reader.reusable or transport.get_write_buffer_size() > 0:
            self.abort()
            return
        self._resume()
        self.reused = True
        self._owner.freed(self)

    def _end(self, *, clean: bool) -> None:
        caller, self._caller = self._caller, None
        if caller is None:
            return
        if self.reused and self._reader.untouched:
            caller.start_over()
        else:
            caller.deliver(self._reader.eof(clean=clean))
