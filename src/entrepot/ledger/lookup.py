"""One entry by its id, as soon as it was written down: in the ledger, or still in a spool."""

from __future__ import annotations

from pathlib import Path

import msgspec

from entrepot.errors import LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.place import LedgerPlace
from entrepot.ledger.spool import list_spools, read_payloads
from entrepot.ledger.store import LedgerReader, SpoolProgress


def find_entry(where: LedgerPlace | str | Path, entry_id: str) -> Entry | None:
    """The entry of an exchange, or None; `where` is the ledger's place, or the directory that holds it.

    Raises LedgerError if the ledger cannot be read.
    """
    place = where if isinstance(where, LedgerPlace) else LedgerPlace(where)
    if not place.exists():
        return _find_in_spools(place.directory, entry_id, {})
    try:
        with place.open_reader() as reader:
            return find_entry_through(reader, place.directory, entry_id)
    except LedgerError:
        found = _find_in_spools(place.directory, entry_id, {})  # a database may be away; what is fresh is still here
        if found is None:
            raise
        return found


def find_entry_through(reader: LedgerReader, directory: str | Path, entry_id: str) -> Entry | None:
    """As `find_entry`, with a reader that is open already."""
    return (
        reader.find(entry_id)
        or _find_in_spools(directory, entry_id, reader.spool_progress())
        or reader.find(entry_id)  # it may have been ingested, and its spool deleted, between the two
    )


def _find_in_spools(directory: str | Path, entry_id: str, progress: dict[str, SpoolProgress]) -> Entry | None:
    needle = entry_id.encode()
    for path in list_spools(directory):
        start = progress[path.name].offset if path.name in progress else 0
        try:
            for payload, _ in read_payloads(path, start):
                if isinstance(payload, bytes) and needle in payload:
                    entry = _decode(payload)
                    if entry is not None and entry.id == entry_id:
                        return entry
        except FileNotFoundError:
            continue  # ingested meanwhile
        except OSError as error:
            raise LedgerError(f"cannot read the spool {path}: {error.strerror}") from error
    return None


def _decode(payload: bytes) -> Entry | None:
    try:
        return msgspec.msgpack.decode(payload, type=Entry)
    except msgspec.MsgspecError:
        return None  # the ingester reports it
