"""Content from spools into its store, exactly once: what was ingested and how far is written in one transaction.

Rules of this file: those of `ledger/ingest.py`. An answer is read here, not in the gateway, because that takes longer than to
append it; what cannot be decrypted or read is stored as it lies there. A stretch that was ingested is blanked in the spool, and
the file deleted once its writer is gone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from entrepot.errors import LedgerError
from entrepot.ledger.content.answer import settle
from entrepot.ledger.content.record import Kept
from entrepot.ledger.content.seal import Seals
from entrepot.ledger.content.spool import blank, list_content_spools
from entrepot.ledger.content.store import ContentStore
from entrepot.ledger.spool import claim_finished, read_payloads
from entrepot.ledger.store import SpoolProgress

_log = logging.getLogger(__name__)
_DECODER = msgspec.msgpack.Decoder(Kept)
_LONGEST_PAUSE_S = 5.0


class ContentIngester:
    """Moves content from the spools in `directory` into the store that `open_store` opens when there is anything to move.

    Without `seals` answers are not read but stored as they lie there. Several threads may run one. `trouble` is what the last run
    failed with, None if it went well.
    """

    def __init__(self, open_store: Callable[[], ContentStore], directory: str | Path, seals: Seals | None) -> None:
        self._open_store = open_store
        self._directory = Path(directory)
        self._seals = seals
        self._store: ContentStore | None = None
        self._progress: dict[str, SpoolProgress] | None = None
        self._blanked: dict[str, int] = {}
        self._turn = threading.Lock()
        self._told = ""
        self.trouble: str | None = None

    def run_once(self) -> int:
        """Ingest what lies in the spools now; returns how many records were new. Raises LedgerError."""
        with self._turn:
            try:
                count = sum(self._ingest(path) for path in list_content_spools(self._directory))
            except LedgerError as error:
                self._progress = None  # what is remembered may no longer be so
                self.trouble = error.message
                raise
            except OSError as error:
                self.trouble = f"cannot ingest the spools of content in {self._directory}: {error.strerror or error}"
                raise LedgerError(self.trouble) from error
        self.trouble = None
        return count

    async def follow(self, stop: asyncio.Event, interval_s: float = 0.3) -> None:
        """Ingest again and again until told to stop, then once more. Failures are logged and retried."""
        pause_s, last_run = interval_s, False
        while not last_run:
            last_run = stop.is_set()
            try:
                await asyncio.to_thread(self.run_once)
                pause_s = interval_s
            except LedgerError as error:
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
                self._tell(f"content waits in its spool: {error.message}")
            if not last_run:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause_s)

    def close(self) -> None:
        """Let go of the store."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _ingest(self, path: Path) -> int:
        try:
            claim = claim_finished(path)
        except FileNotFoundError:
            return 0  # another ingester was faster
        try:
            if self._store is None:
                self._store = self._open_store()
            if self._progress is None:
                self._progress = self._store.spool_progress()
            count, progress = self._copy(self._store, self._progress, path, ended=claim is not None)
            if claim is not None:
                path.unlink(missing_ok=True)
                self._blanked.pop(path.name, None)
            elif progress.offset > (done := self._blanked.get(path.name, 0)):
                blank(path, done, progress.offset)
                self._blanked[path.name] = progress.offset
        finally:
            if claim is not None:
                os.close(claim)
        return count

    def _copy(
        self, store: ContentStore, known: dict[str, SpoolProgress], path: Path, *, ended: bool
    ) -> tuple[int, SpoolProgress]:
        """One transaction a file, which its length bounds."""
        before = progress = known.get(path.name, SpoolProgress(path.name))
        records: list[Kept] = []
        unreadable: list[tuple[int, int]] = []
        for payload, following in read_payloads(path, before.offset, ended=ended):
            progress = msgspec.structs.replace(progress, offset=following)
            if isinstance(payload, bytes) and (kept := self._read(payload)) is not None:
                records.append(kept)
                progress = msgspec.structs.replace(progress, entries=progress.entries + 1)
            elif isinstance(payload, bytes) or payload.kind != "torn":
                size = len(payload) if isinstance(payload, bytes) else payload.length
                unreadable.append((size, following))
                progress = msgspec.structs.replace(
                    progress, damaged=progress.damaged + 1, damaged_bytes=progress.damaged_bytes + size
                )
        if progress == before:
            return 0, before
        count = store.insert(records, before, progress)
        for size, following in unreadable:  # told now: had another process been faster, these were what it has blanked
            _log.error("spool of content %s: %d unreadable bytes before %d are skipped", path.name, size, following)
        known[path.name] = progress
        return count, progress

    def _read(self, payload: bytes) -> Kept | None:
        try:
            kept = _DECODER.decode(payload)
        except msgspec.MsgspecError:
            return None
        if self._seals is None:
            return kept
        try:
            return settle(kept, self._seals)
        except LedgerError as error:
            self._tell(f"it is kept as it was sent: {error.message}")
        except (msgspec.MsgspecError, RecursionError) as error:
            self._tell(f"the content of {kept.id} is kept as it was sent: it cannot be read: {error}")
        return kept

    def _tell(self, message: str) -> None:
        """Once, not again and again."""
        kind = message.partition(":")[0]
        if kind != self._told:
            _log.error("%s", message)
        self._told = kind
