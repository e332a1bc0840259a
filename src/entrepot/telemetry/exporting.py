"""Entries on their way to somebody who watches: they wait in memory, and nobody waits for them.

Rules of this file: who hands entries over is never held up and never told of a failure. So many wait at most; those for whom
there is no room are dropped, counted, and told of in the log. The same batch is sent until it is taken, refused, or was tried
too often. What waits when the process dies is not sent.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Literal

from entrepot.exchange.records import Entry

Sent = Literal["taken", "refused", "later"]
Send = Callable[[Sequence[Entry]], Sent]

BATCH = 256
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 30.0
MOST_TRIES = 20
TELL_EVERY_S = 60.0

log = logging.getLogger("entrepot.telemetry")


class Outbox:
    """Sends entries with `send` from a thread of its own; at most `room` wait. `taken` and `dropped` count them."""

    def __init__(self, send: Send, room: int, *, first_pause_s: float = FIRST_PAUSE_S) -> None:
        self._send = send
        self._room = room
        self._first_pause_s = first_pause_s
        self._waiting: deque[Entry] = deque()
        self._under_way = 0
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._told_s = float("-inf")
        self.taken = 0
        self.dropped = 0
        self.failing = False
        self._thread = threading.Thread(target=self._run, name="telemetry", daemon=True)
        self._thread.start()

    def put(self, entries: Sequence[Entry]) -> None:
        """Have them sent some time. Returns at once."""
        with self._changed:
            room = max(0, self._room - len(self._waiting) - self._under_way)
            self._waiting.extend(entries[:room])
            dropped = len(entries) - min(room, len(entries))
            self._changed.notify()
        if dropped:
            self._drop(dropped, f"{self._room} wait already")

    def waiting(self) -> int:
        """How many have neither been sent nor dropped."""
        return len(self._waiting) + self._under_way

    def close(self, within_s: float) -> None:
        """Send what waits, for so long at most; what is left then is dropped."""
        self._closing.set()
        with self._changed:
            self._changed.notify()
        self._thread.join(within_s)
        if left := self.waiting():
            self._drop(left, "the process stops", always=True)

    def _run(self) -> None:
        while batch := self._take():
            outcome = self._deliver(batch)
            with self._changed:
                self._under_way = 0
                if outcome == "taken":
                    self.taken += len(batch)
            if outcome != "taken":
                why = "the collector refuses them" if outcome == "refused" else "the collector takes none"
                self._drop(len(batch), why)

    def _take(self) -> list[Entry]:
        """The next to be sent; none once all are and it closes."""
        with self._changed:
            while not self._waiting:
                if self._closing.is_set():
                    return []
                self._changed.wait()
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            self._under_way = len(batch)
            return batch

    def _deliver(self, batch: list[Entry]) -> Sent:
        pause_s = self._first_pause_s
        for _ in range(MOST_TRIES):
            outcome = self._try(batch)
            self.failing = outcome != "taken"
            if outcome != "later" or self._closing.wait(pause_s):
                return outcome
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
        return "later"

    def _try(self, batch: list[Entry]) -> Sent:
        try:
            return self._send(batch)
        except Exception:  # the border of a thread of its own: what escapes would end it, and all export with it
            log.exception("exchanges could not be sent to the collector by a defect")
            return "refused"

    def _drop(self, count: int, why: str, *, always: bool = False) -> None:
        with self._changed:
            self.dropped += count
        now_s = time.monotonic()
        if always or now_s - self._told_s >= TELL_EVERY_S:
            self._told_s = now_s
            log.error("the spans of %d exchanges are dropped (%d so far): %s", count, self.dropped, why)
