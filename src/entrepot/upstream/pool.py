"""Connections kept between calls.

Rules of this file: the connection used last is used first, so that those not needed grow old and are closed. One timer
serves all idle connections, and there is none while nothing is idle. How many connections are busy is not bounded here:
admission is decided before a call.
"""

from __future__ import annotations

import asyncio

from entrepot.upstream.connection import Connection
from entrepot.upstream.dial import Destination
from entrepot.upstream.limits import Limits


class Pool:
    """The open connections of a client: all of them, and by destination those that are idle, oldest first."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._open: set[Connection] = set()
        self._idle: dict[Destination, list[Connection]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._emptied: asyncio.Future[None] | None = None

    @property
    def open_count(self) -> int:
        """How many connections are open, busy ones included."""
        return len(self._open)

    @property
    def idle_count(self) -> int:
        """How many connections wait for a call."""
        return sum(map(len, self._idle.values()))

    def take(self, destination: Destination) -> Connection | None:
        """An idle connection that is still good, or None."""
        idle = self._idle.get(destination)
        now = asyncio.get_running_loop().time()
        while idle:
            connection = idle.pop()
            if connection.usable and not self._expired(connection, now):
                return connection
            connection.abort()
        return None

    def opened(self, connection: Connection) -> None:
        """Called by a connection that can be written to."""
        self._open.add(connection)

    def freed(self, connection: Connection) -> None:
        """Called by a connection whose answer is read to its end."""
        loop = asyncio.get_running_loop()
        idle = self._idle.setdefault(connection.destination, [])
        connection.idle_since = now = loop.time()
        if self._emptied is not None or len(idle) >= self._limits.max_idle_per_origin or self._expired(connection, now):
            connection.abort()
            return
        idle.append(connection)
        if self._timer is None:
            self._timer = loop.call_later(self._limits.idle_s, self._sweep)

    def lost(self, connection: Connection) -> None:
        """Called by a connection that is gone."""
        self._open.discard(connection)
        idle = self._idle.get(connection.destination)
        if idle is not None:
            if connection in idle:
                idle.remove(connection)
            if not idle:
                del self._idle[connection.destination]
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)

    async def close(self, reason: str) -> None:
        """Close every connection; calls under way end with `reason`. Returns when the last one is gone."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._emptied is None:
            self._emptied = asyncio.get_running_loop().create_future()
        for connection in tuple(self._open):
            connection.fail(reason)
        if self._open:
            await self._emptied

    def _expired(self, connection: Connection, now: float) -> bool:
        limits = self._limits
        return now - connection.idle_since > limits.idle_s or now - connection.opened_at > limits.max_age_s

    def _sweep(self) -> None:
        self._timer = None
        loop = asyncio.get_running_loop()
        now = loop.time()
        waiting = [connection for idle in self._idle.values() for connection in idle]
        expired = [connection for connection in waiting if self._expired(connection, now)]
        for connection in expired:
            self._idle[connection.destination].remove(connection)
            connection.abort()
        if len(waiting) > len(expired):
            self._timer = loop.call_later(self._limits.idle_s / 2, self._sweep)
