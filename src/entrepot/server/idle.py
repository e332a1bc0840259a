"""Connections between two requests: closed when no further request comes. One timer serves all of them."""

from __future__ import annotations

import asyncio
from typing import Protocol


class Idler(Protocol):
    """A connection, as far as its idleness goes."""

    def idle_too_long(self) -> None:
        """No further request came in time."""


class Idle:
    """Who is idle, since when: the longest first, because they come and go at the end."""

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._since: dict[Idler, float] = {}
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, idler: Idler) -> None:
        """It waits for its next request from now on."""
        loop = asyncio.get_running_loop()
        self._since[idler] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._limit_s, self._sweep)

    def end(self, idler: Idler) -> None:
        """Its next request has come, or it is gone."""
        self._since.pop(idler, None)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = None
        due_s = loop.time() - self._limit_s
        for idler, since_s in tuple(self._since.items()):
            if since_s > due_s:
                self._timer = loop.call_later(since_s - due_s, self._sweep)
                break
            del self._since[idler]
            idler.idle_too_long()
