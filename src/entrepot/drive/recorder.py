"""Entries on their way to the spool: a failure to write never fails an answer, and never goes unseen."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Protocol

from entrepot.errors import LedgerError, Unavailable
from entrepot.exchange.records import Entry

log = logging.getLogger("entrepot.ledger")

_MOST_TOLD = 1000


class Recorder(Protocol):
    """Where entries go."""

    def append(self, entry: Entry) -> None:
        """Write one down; does not raise, because an answer must not fail for it."""
        ...

    @property
    def trouble(self) -> str | None:
        """What keeps entries from being written, None if nothing does."""
        ...

    def demand(self) -> None:
        """Raises Unavailable where an exchange that may not be written down must not begin."""
        ...


class SpoolRecorder:
    """Appends entries with `write`. An entry that cannot be written is logged whole (it holds no prompt and no secret).

    Each is counted with `count`, one that is lost with `lose` too. With `must_write` no exchange begins while entries cannot be
    written; what is written of its refusal shows whether they can again.
    """

    def __init__(
        self,
        write: Callable[[Entry], None],
        describe: Callable[[Entry], str],
        count: Callable[[Entry], None] = lambda _: None,
        lose: Callable[[], None] = lambda: None,
        *,
        must_write: bool = False,
    ) -> None:
        self._write = write
        self._describe = describe
        self._count = count
        self._lose = lose
        self._must_write = must_write
        self.lost = 0
        self.trouble: str | None = None
        self._told: set[tuple[str, str]] = set()

    def append(self, entry: Entry) -> None:
        """Write one down. A model that was not the one asked for is told once."""
        for attempt in entry.attempts:
            if attempt.model_mismatch and len(self._told) < _MOST_TOLD:
                self._tell_of(attempt.deployment, attempt.claimed_model or "")
        try:
            self._write(entry)
        except LedgerError as error:
            self.lost += 1
            self._lose()
            self.trouble = f"{self.lost} entries could not be written to the spool: {error.message}"
            log.error("%s; the entry: %s", error.message, self._describe(entry))
        else:
            self.trouble = None
        self._count(entry)

    def demand(self) -> None:
        """Raises Unavailable where an exchange that may not be written down must not begin."""
        if self._must_write and self.trouble is not None:
            raise Unavailable(
                "the gateway cannot write down what it does, and may not serve without: try again shortly",
                code="entries_unwritable",
            )

    def _tell_of(self, deployment: str, claimed: str) -> None:
        if (deployment, claimed) not in self._told:
            self._told.add((deployment, claimed))
            log.warning("an answer of %s calls its model %r; it is billed as %s", deployment, claimed, deployment)
