"""Content on its way to the store: spools of their own, beside those of entries.

Rules of this file: those of `ledger/spool.py`. They are readable by their owner alone. A gateway makes one when it first keeps
anything. What was ingested is overwritten with zeros (`blank`): it stays in the spool no longer than it takes to bring it into
the store, so that what is dropped or forgotten there is nowhere else.
"""

from __future__ import annotations

import os
from pathlib import Path

from entrepot.errors import LedgerError
from entrepot.ledger.content.record import Kept
from entrepot.ledger.spool import Durability, SpoolWriter, list_spools

CONTENT_SPOOL_FOLDER = "content-spool"
_ZEROS = bytes(1 << 20)


def list_content_spools(directory: str | Path) -> list[Path]:
    """The spool files of content in `directory`, by name."""
    return list_spools(directory, CONTENT_SPOOL_FOLDER)


class ContentSpool:
    """Appends records to the spool of one process, which is opened when the first comes."""

    def __init__(self, directory: str | Path, name: str, durability: Durability = "process") -> None:
        self._directory = Path(directory)
        self._name = name
        self._durability: Durability = durability
        self._writer: SpoolWriter | None = None

    def append(self, kept: Kept) -> None:
        """Write it down. Raises LedgerError. Once this returns, the death of this process cannot lose it."""
        if self._writer is None:
            self._writer = self._open()
        self._writer.append_record(kept.id, kept)

    def close(self) -> None:
        """Finish the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> SpoolWriter:
        folder = self._directory / CONTENT_SPOOL_FOLDER
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LedgerError(f"cannot make {folder}: {error.strerror}") from error
        return SpoolWriter(
            self._directory, self._name, durability=self._durability, folder=CONTENT_SPOOL_FOLDER, mode=0o600
        )


def blank(path: Path, start: int, end: int) -> None:
    """Overwrite these bytes of a spool with zeros, whose writer may go on appending. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        at = start
        while at < end:
            at += os.pwrite(fd, _ZEROS[: end - at], at)
    finally:
        os.close(fd)
