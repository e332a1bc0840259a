"""Whose turn it is among those who wait: start-time fair queueing between parties.

Rules of this file: a party's next request starts, in virtual time, where its last one ends, or now if that is later; whoever
starts earliest is served first. A request takes one over its party's weight of virtual time, so every party that waits is served
as often as its weight says, whatever it has in the queue.
Source: Goyal, Vin, Cheng: Start-time fair queueing, IEEE/ACM Transactions on Networking 5(5), 1997, section 2; every request is
of the same length here.
"""

from __future__ import annotations

Turn = tuple[int, float, int]


class Turns:
    """Hands out turns; the least is served first. Those who come first of all pass everybody, in the order of arrival."""

    def __init__(self) -> None:
        self._now = 0.0
        self._ends: dict[str, float] = {}
        self._count = 0

    def next(self, party: str, *, first: bool = False, weight: float = 1.0) -> Turn:
        """The turn of a request of this party."""
        self._count += 1
        if first:
            return (0, 0.0, self._count)
        start = max(self._now, self._ends.get(party, 0.0))
        self._ends[party] = start + 1.0 / weight
        return (1, start, self._count)

    def served(self, turn: Turn) -> None:
        """Its request was served: virtual time goes on to its start; parties that lie behind are forgotten."""
        self._now = max(self._now, turn[1])
        if len(self._ends) > _REMEMBERED:
            self._ends = {party: end for party, end in self._ends.items() if end > self._now}


_REMEMBERED = 1000
