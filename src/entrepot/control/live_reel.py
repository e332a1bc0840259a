"""What the ledger has of outcomes and the exchanges that they are about, read on from where it was read to.

Only entries of which somebody said something are read: most never are, and a ledger takes thousands a second.
"""

from __future__ import annotations

import contextlib

import msgspec

from entrepot.learning.live_outcomes import DECODER, LiveEntry, LiveOutcomes
from entrepot.ledger.reading import RelationalReader

_PAGE = 2000
_AT_ONCE = 400
_OVERLAP = 2000
"""So many rows are read once more: with several writers a lower number may be seen after a higher one."""


_DOCUMENTS = """
    SELECT documents.document FROM entries JOIN documents ON documents.seq = entries.seq WHERE entries.id IN ({})
"""


class LiveReel:
    """The outcomes of a ledger from `since_ns` on, with their entries."""

    def __init__(self, reader: RelationalReader, since_ns: int) -> None:
        self._reader = reader
        self._since_ns = since_ns
        self._at: int | None = None
        self.outcomes = LiveOutcomes()

    def wind(self) -> None:
        """Read what is new. Raises LedgerError."""
        if self._at is None:
            self._at = self._first()
        at = max(0, self._at - _OVERLAP)
        while said := self._reader.outcomes_after(at, _PAGE):
            self.outcomes.hear(outcome for _, outcome in said if outcome.given_ns >= self._since_ns)
            at = said[-1][0]
        self._at = max(self._at, at)
        wanted = self.outcomes.wanted()
        for start in range(0, len(wanted), _AT_ONCE):
            self.outcomes.know(self._entries(wanted[start : start + _AT_ONCE]))

    def _entries(self, ids: list[str]) -> list[LiveEntry]:
        rows = self._reader.ask(_DOCUMENTS.format(", ".join("?" * len(ids))), ids)
        found = []
        for (document,) in rows:
            with contextlib.suppress(msgspec.MsgspecError):  # of another version: nothing is learned from it
                found.append(DECODER.decode(document))
        return found

    def _first(self) -> int:
        ((first,),) = self._reader.ask("SELECT min(seq) FROM outcomes WHERE given_ns >= ?", (self._since_ns,))
        if first is not None:
            return max(0, int(first) - 1)
        ((last,),) = self._reader.ask("SELECT coalesce(max(seq), 0) FROM outcomes", ())
        return int(last)
