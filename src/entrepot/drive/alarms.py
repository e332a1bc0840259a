"""Deadlines of many exchanges on one timer of the event loop.

Rules of this file: a deadline moves with every byte of an answer, and nearly none of them ever passes. So one that moves later
costs nothing: whoever sleeps is looked at when the moment comes that was noted first, and noted anew if it is not due. Moments
more than FINE_S away are rounded up to 1/GRAIN seconds, so that thousands share one. Times are those of `time.monotonic`,
which both of the loops in use count from the same origin; uvloop's own clock has whole milliseconds.
"""

from __future__ import annotations

import asyncio
import heapq
import math
import time
from typing import Protocol

FINE_S = 1.0
GRAIN = 8
_EARLY_S = 0.002  # by so much a loop may call before its time


class Sleeper(Protocol):
    """Who has a deadline."""

    def ring(self, now_s: float) -> None:
        """The moment that was noted has come."""


class Alarms:
    """Of one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._sleepers: dict[float, set[Sleeper]] = {}
        self._moments: list[float] = []
        self._timer: asyncio.TimerHandle | None = None

    def note(self, sleeper: Sleeper, due_s: float, now_s: float) -> float:
        """Have the sleeper rung at `due_s`, or a little later; returns the moment, to `forget` it by."""
        moment = due_s if due_s - now_s < FINE_S else math.ceil(due_s * GRAIN) / GRAIN
        sleepers = self._sleepers.get(moment)
        if sleepers is None:
            self._sleepers[moment] = {sleeper}
            heapq.heappush(self._moments, moment)
            if self._moments[0] == moment:
                self._arm()
        else:
            sleepers.add(sleeper)
        return moment

    def forget(self, sleeper: Sleeper, moment: float) -> None:
        """It need not be rung."""
        sleepers = self._sleepers.get(moment)
        if sleepers is not None:
            sleepers.discard(sleeper)

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_at(self._moments[0], self._ring)

    def _ring(self) -> None:
        self._timer = None
        now_s = time.monotonic() + _EARLY_S
        while self._moments and self._moments[0] <= now_s:
            for sleeper in self._sleepers.pop(heapq.heappop(self._moments)):
                sleeper.ring(now_s)
        if self._moments and self._timer is None:
            self._arm()
