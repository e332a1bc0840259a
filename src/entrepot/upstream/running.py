"""A call under way, as whoever started it sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from entrepot.exchange.events import Event

Sink = Callable[[Event], None]


class RunningCall(Protocol):
    """A call under way."""

    def cancel(self) -> None:
        """Drop it now: no event follows, and the connection is closed unless the answer had been complete."""

    def pause(self) -> None:
        """Stop reading from the provider; what has been read is still delivered."""

    def resume(self) -> None:
        """Read on."""
