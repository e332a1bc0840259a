"""What a spool file holds, by the batch: entries and outcomes, and how far the file is read once they are in the ledger.

Rules of this file: what cannot be read is counted, told and passed over; nothing is passed over in silence.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator

import msgspec

from entrepot.exchange.outcome import Outcome
from entrepot.ledger.documents import Document, read_record
from entrepot.ledger.frames import Damage
from entrepot.ledger.store import SpoolProgress

_BATCH = 8000  # more than a spool file holds: one transaction a file, however full
_log = logging.getLogger(__name__)


def batches(
    records: Iterable[tuple[bytes | Damage, int]], progress: SpoolProgress
) -> Iterator[tuple[list[Document], list[Outcome], SpoolProgress]]:
    """Entries and outcomes by the batch, each with the progress once the batch is in the ledger."""
    documents: list[Document] = []
    outcomes: list[Outcome] = []
    start = progress.offset
    for payload, following in records:
        record = _read(payload, following) if isinstance(payload, bytes) else payload
        if isinstance(record, Damage):
            progress = _past(record, following, progress)
        elif isinstance(record, Outcome):
            outcomes.append(record)
            progress = msgspec.structs.replace(progress, offset=following)
        else:
            documents.append(record)
            progress = msgspec.structs.replace(progress, offset=following, entries=progress.entries + 1)
        if len(documents) + len(outcomes) >= _BATCH:
            yield documents, outcomes, progress
            documents, outcomes, start = [], [], progress.offset
    if progress.offset > start:
        yield documents, outcomes, progress


def _read(payload: bytes, following: int) -> Document | Outcome | Damage:
    try:
        return read_record(payload)
    except msgspec.MsgspecError:
        return Damage("undecodable", following - len(payload), len(payload))


def _past(damage: Damage, following: int, progress: SpoolProgress) -> SpoolProgress:
    """Damage is counted and told; a torn end is not damage: its append never returned, so nobody was promised it."""
    if damage.kind == "torn":
        _log.info("spool %s ends inside a record (%d bytes)", progress.name, damage.length)
        return msgspec.structs.replace(progress, offset=following)
    _log.error("spool %s: %s bytes %d to %d are skipped", progress.name, damage.kind, damage.offset, following)
    return msgspec.structs.replace(
        progress,
        offset=following,
        damaged=progress.damaged + 1,
        damaged_bytes=progress.damaged_bytes + damage.length,
    )
