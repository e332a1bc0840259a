"""From spools into the ledger, exactly once: what was ingested and how far is written in one transaction.

Rules of this file: a spool file is deleted only when its writer is gone (nobody holds its lock) and the ledger has it to
the end; one with damage inside is kept beside the others as `*.damaged`. Whatever fails, the entries stay in the spool
and the next run tries again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.batches import batches
from entrepot.ledger.documents import read_document
from entrepot.ledger.preparing import Finished, TakesPrepared, prepare_ahead
from entrepot.ledger.spool import claim_finished, list_spools, read_payloads
from entrepot.ledger.store import LedgerStore, SpoolProgress

_LONGEST_PAUSE_S = 5.0
_MUCH, _MOST_PAUSES = 100, 5
_BACKLOG_BYTES = (
    64 * 1024 * 1024
)  # four full spool files: worth a second process, which takes a third of a second to start
_log = logging.getLogger(__name__)


class Ingester:
    """Moves entries from the spools of the ledger in `directory` into `store`. One a ledger is enough; two do no harm.

    Several threads may run one: they take turns. `ingested` counts entries, `failures` runs that failed; `trouble` is what the
    last one failed with, None if it went well. `moved_s` is when (monotonic seconds) the run that goes on at the moment began, or
    brought something in; None between runs. Who is in `heard` is told of entries once they are in the ledger (perhaps
    outlines, see `documents.py`), and of none twice unless this process died meanwhile.
    """

    def __init__(self, store: LedgerStore, directory: str | Path) -> None:
        self._store = store
        self._directory = Path(directory)
        self._progress: dict[str, SpoolProgress] | None = None
        self._turn = threading.Lock()
        self.ingested = 0
        self.failures = 0
        self.trouble: str | None = None
        self.moved_s: float | None = None
        self.heard: list[Callable[[Sequence[Entry]], None]] = []

    def run_once(self) -> int:
        """Ingest what lies in the spools now; returns how many entries were new.

        Raises LedgerError if the store refuses, or after all others if a spool cannot be read.
        """
        with self._turn:
            self.moved_s = time.monotonic()
            try:
                count = self._ingest_all()
            except LedgerError as error:
                self.failures += 1
                self.trouble = error.message
                raise
            finally:
                self.moved_s = None
        self.ingested += count
        self.trouble = None
        return count

    def waiting_bytes(self) -> int:
        """How much of the spools is not in the ledger yet, as far as is known of it."""
        known = dict(self._progress or {})
        total = 0
        for path in list_spools(self._directory):
            with contextlib.suppress(FileNotFoundError):
                total += max(0, path.stat().st_size - known.get(path.name, SpoolProgress(path.name)).offset)
        return total

    def _ingest_all(self) -> int:
        count = 0
        failure: LedgerError | None = None
        if self._progress is None:
            self._progress = self._store.spool_progress()
        turns: list[Callable[[], int]] = [self._ingest_backlog]
        turns += [partial(self._ingest, path) for path in list_spools(self._directory)]
        for ingest in turns:
            try:
                count += ingest()
            except OSError as error:
                failure = LedgerError(f"cannot ingest the spool {error.filename}: {error.strerror or error}")
            except LedgerError:
                self._progress = None  # what is remembered may no longer be so
                raise
        if failure is not None:
            raise failure
        return count

    async def follow(self, stop: asyncio.Event, interval_s: float = 0.2) -> None:
        """Ingest again and again until told to stop, then once more. Failures are logged and retried."""
        pause_s, last_failure, last_run = interval_s, "", False
        while not last_run:
            last_run = stop.is_set()
            try:
                count = await asyncio.to_thread(self.run_once)
                pause_s, last_failure = pause_after(count, interval_s), ""
            except LedgerError as error:
                pause_s = min(2 * pause_s, max(interval_s, _LONGEST_PAUSE_S))
                if error.message != last_failure:
                    _log.error("entries wait in the spool: %s", error.message)
                last_failure = error.message
            if not last_run:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), pause_s)

    def _ingest_backlog(self) -> int:
        """Where much waits: finished files, the next being read by another process while the ledger takes one in.

        What that process could not read well is left to be read here.
        """
        count, store = 0, self._store
        if not isinstance(store, TakesPrepared) or self.waiting_bytes() < _BACKLOG_BYTES:
            return 0
        with contextlib.closing(prepare_ahead(self._finished())) as files:
            for file, prepared in files:
                for batch, outcomes, after in prepared:
                    count += store.insert_batch(batch, outcomes, before=self._known(file.path), after=after)
                    self._took(after)
                    for tell in self.heard:
                        tell([read_document(encoded).entry for encoded in batch.documents])
                _put_away(file.path, self._known(file.path))
        return count

    def _finished(self) -> Iterator[Finished]:
        for path in list_spools(self._directory):
            with contextlib.suppress(FileNotFoundError):  # another ingester was faster
                claim = claim_finished(path)
                if claim is not None:
                    yield Finished(path, self._known(path), claim)

    def _known(self, path: Path) -> SpoolProgress:
        return (self._progress or {}).get(path.name, SpoolProgress(path.name))

    def _took(self, progress: SpoolProgress) -> None:
        self.moved_s = time.monotonic()
        if self._progress is not None:
            self._progress[progress.name] = progress

    def _ingest(self, path: Path) -> int:
        try:
            claim = claim_finished(path)
        except FileNotFoundError:
            return 0  # another ingester was faster
        try:
            count, progress = self._copy(path, ended=claim is not None)
            if claim is not None:
                _put_away(path, progress)
        finally:
            if claim is not None:
                os.close(claim)
        return count

    def _copy(self, path: Path, *, ended: bool) -> tuple[int, SpoolProgress]:
        progress = self._known(path)
        count = 0
        for documents, outcomes, after in batches(read_payloads(path, progress.offset, ended=ended), progress):
            count += self._store.insert_documents(documents, outcomes, before=progress, after=after)
            self._took(after)
            progress = after
            for tell in self.heard:
                tell([document.entry for document in documents])
        return count, progress


def pause_after(count: int, interval_s: float) -> float:
    """How long to wait after a run that brought so many entries: up to five times as long, because one large transaction
    costs less than several small ones.
    """
    return interval_s * min(_MOST_PAUSES, 1 + count // _MUCH)


def _put_away(path: Path, progress: SpoolProgress) -> None:
    if progress.damaged:
        path.rename(path.with_name(f"{path.name}.damaged"))
    else:
        path.unlink()
