"""Spools: each gateway process appends its entries to a file of its own, which the control process ingests.

Rules of this file: one record is one `write`, so what `append` returned for survives the death of the process (kill -9);
with `durability="fsync"` it survives the machine's as well. A spool file has one writer, which holds its advisory lock
(flock) as long as it may append. A file that nobody holds the lock of is finished: its writer rotated, closed or died.
Names are never used twice. A writer is opened in the process that uses it, after any fork, and used by one thread.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

import msgspec

from entrepot.errors import LedgerError
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.ledger.frames import Damage, frame, scan
from entrepot.ledger.reserve import reserve

SPOOL_FOLDER = "spool"
SUFFIX = ".spool"
Durability = Literal["process", "fsync"]

_ROTATE_BYTES = 16 * 1024 * 1024  # one file is read into memory as a whole when it is ingested
_ENTRY_DECODER = msgspec.msgpack.Decoder(Entry)
_log = logging.getLogger(__name__)
_SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def spool_folder(directory: str | Path) -> Path:
    """Where the spools of the ledger in `directory` lie."""
    return Path(directory) / SPOOL_FOLDER


def list_spools(directory: str | Path, folder: str = SPOOL_FOLDER) -> list[Path]:
    """The spool files of the ledger in `directory`, by name."""
    return sorted((Path(directory) / folder).glob(f"*{SUFFIX}"))


class SpoolWriter:
    """Appends entries to the spool of one process. `name` says whose it is, e.g. `gateway-0`.

    Of the disk, `reserve_bytes` more than a file may grow to are set aside for each file: when the disk is full, and there is no
    room for another file, at least so much can still be written to this one.
    That somebody deleted its file is noticed within `look_every_s`. `folder` is where in `directory` its files lie, `mode` who
    may read them.

    Raises LedgerError where a file cannot be made, written or locked.
    """

    def __init__(
        self,
        directory: str | Path,
        name: str,
        *,
        durability: Durability = "process",
        rotate_bytes: int = _ROTATE_BYTES,
        reserve_bytes: int = 0,
        look_every_s: float = 0.25,
        folder: str = SPOOL_FOLDER,
        mode: int = 0o640,
    ) -> None:
        if not _SAFE_NAME.fullmatch(name):
            raise LedgerError(f"spool name {name!r}: use letters, digits, dots, dashes and underscores")
        self._folder = Path(directory) / folder
        self._mode = mode
        self.name = name
        self._fsync = durability == "fsync"
        self._rotate_bytes = rotate_bytes
        self._reserve_bytes = reserve_bytes
        self._encoder = msgspec.msgpack.Encoder()
        self._size = 0
        self._look_every_s = look_every_s
        self._look_s = 0.0
        try:
            self._fd, self.path = self._open(must_reserve=False)
        except OSError as error:
            raise LedgerError(
                f"cannot open a spool in {self._folder}: {error.strerror}; "
                "check that the folder's disk has room and its owner may write there"
            ) from error

    def append(self, entry: Entry | Outcome) -> None:
        """Write `entry` down, or what somebody says of one. Raises LedgerError.

        Once this returns, the death of this process cannot lose it.
        """
        self.append_record(entry.id, entry)

    def append_record(self, id_: str, value: msgspec.Struct) -> None:
        """As `append`, for whatever has an id."""
        try:
            record = frame(self._encoder.encode(value))
        except (ValueError, OverflowError) as error:  # an integer beyond 64 bits, a lone surrogate, or far too long
            raise LedgerError(f"record {id_} cannot be written to the spool: {error}") from error
        try:
            now_s = time.monotonic()
            deleted = now_s >= self._look_s and not self._is_there(now_s)
            if deleted or (self._size and self._size + len(record) > self._rotate_bytes):
                self._rotate()
            written = os.write(self._fd, record)
            self._size += written
            if written < len(record):
                self._take_back(written)
            if self._fsync:
                os.fdatasync(self._fd)
        except OSError as error:
            raise LedgerError(
                f"cannot append to the spool {self.path}: {error.strerror}; make room on its disk"
            ) from error

    def close(self) -> None:
        """Finish the file; the ingester deletes it once its entries are in the ledger."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self, *, must_reserve: bool) -> tuple[int, Path]:
        self._folder.mkdir(parents=True, exist_ok=True)
        while True:
            path = self._folder / f"{self.name}.{secrets.token_hex(8)}{SUFFIX}"
            fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, self._mode)
            fcntl.flock(fd, fcntl.LOCK_EX)
            if os.fstat(fd).st_nlink:
                break
            os.close(fd)  # between its creation and its lock an ingester saw an empty file of nobody and deleted it
        try:
            if self._reserve_bytes:
                reserve(fd, self._rotate_bytes + self._reserve_bytes)
        except OSError as error:
            if must_reserve:
                path.unlink(missing_ok=True)
                os.close(fd)
                raise
            _log.error("no room on the disk is set aside for the spool %s: %s; make room", path, error.strerror)
        if self._fsync:
            _sync_folder(self._folder)
        return fd, path

    def _is_there(self, now_s: float) -> bool:
        """Whether the file still has its name. To ask takes longer than to write an entry."""
        self._look_s = now_s + self._look_every_s
        return os.fstat(self._fd).st_nlink > 0

    def _rotate(self) -> None:
        """Go on in a new file: this one is full, or somebody deleted it while we had it open."""
        linked = bool(os.fstat(self._fd).st_nlink)
        try:
            fd, path = self._open(must_reserve=linked)
        except OSError:
            if linked:
                return  # a file that grows over its size is better than a lost entry; the next append tries again
            raise
        os.close(self._fd)
        self._fd, self.path = fd, path
        self._size = 0

    def _take_back(self, written: int) -> None:
        """The disk is full: leave no half record behind."""
        self._size -= written
        os.ftruncate(self._fd, self._size)
        raise LedgerError(
            f"cannot append to the spool {self.path}: only {written} bytes of a record fitted; make room on its disk"
        )


def read_spool(path: Path, offset: int = 0, *, ended: bool = False) -> Iterator[tuple[Entry | Damage, int]]:
    """The entries of a spool file from `offset` on, in order, each with the offset at which the next one begins.

    Ends at the end of the file, or before a record that is still being written; call again with the last offset to
    follow a growing file. `ended` says that the file is finished (`claim_finished`). Damage is yielded in its place.
    Raises OSError if the file cannot be read, FileNotFoundError where it was ingested and deleted meanwhile.
    """
    for payload, following in read_payloads(path, offset, ended=ended):
        if isinstance(payload, Damage):
            yield payload, following
            continue
        try:
            entry: Entry | Damage = _ENTRY_DECODER.decode(payload)
        except msgspec.MsgspecError:
            entry = Damage("undecodable", following - len(payload), len(payload))
        yield entry, following


def read_payloads(path: Path, offset: int = 0, *, ended: bool = False) -> Iterator[tuple[bytes | Damage, int]]:
    """As `read_spool`, with the encoded entries as they lie there."""
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    for record, following in scan(data, ended=ended):
        if isinstance(record, Damage):
            record = msgspec.structs.replace(record, offset=record.offset + offset)
        yield record, following + offset


def claim_finished(path: Path) -> int | None:
    """A file descriptor that holds the lock of a finished spool file, or None while its writer lives.

    Nobody can append to the file any more; the caller closes the descriptor when it is done with the file.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        return None
    except OSError:
        os.close(fd)
        raise
    return fd


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
