"""What is remembered of sessions, in a small file beside the ledger that all gateway processes of a machine share.

Rules of this file: a fixed number of slots of fixed size, found by key, read and written in one system call each, without
locks. A slot that was half written, or is older than this layout, does not match its checksum and counts as empty. Where a
bucket is full the oldest slot gives way: what is lost is a preference. It holds digests, numbers and times, and nothing that
anybody said. The file is readable by its owner alone.
"""

from __future__ import annotations

import os
import struct
import zlib
from pathlib import Path

from entrepot.errors import LedgerError
from entrepot.routing.session import Remembered

FILE = "sessions.table"
_LAYOUT = 2
_SLOT = struct.Struct("<16sQIQQIHIBBBBH16s")
_CHECKSUM = struct.Struct("<I")
SLOT_BYTES = _SLOT.size + _CHECKSUM.size
_SLOTS_PER_BUCKET = 4
_BUCKET_BYTES = _SLOTS_PER_BUCKET * SLOT_BYTES
BUCKETS = 32_768
"""Room for 131,072 turns in 10 MiB."""


class SessionTable:
    """The table in `directory`, made if it is not there. Raises LedgerError if it cannot be opened."""

    def __init__(self, directory: str | Path, buckets: int = BUCKETS) -> None:
        path = Path(directory) / FILE
        self._buckets = buckets
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerError(f"cannot open {path}: {error.strerror}") from error

    def find(self, key: bytes) -> Remembered | None:
        """What was kept under these 16 bytes, None where it is not there any more."""
        bucket = self._read(self._offset(key))
        at = self._slot(bucket, key)
        if at is None:
            return None
        fields = _SLOT.unpack_from(bucket, at)
        _, deployment, prefix, asked, at_ms, cached, lifetime_s, seed, repeats, forgiven, flags, failed = fields[:12]
        trial, exchange = fields[12:]
        return Remembered(
            deployment,
            prefix,
            asked,
            at_ms / 1000,
            cached,
            lifetime_s,
            seed,
            repeats,
            forgiven,
            bool(flags),
            failed,
            exchange if any(exchange) else b"",
            trial,
        )

    def keep(self, key: bytes, remembered: Remembered) -> None:
        """Keep it. A disk that takes nothing costs a preference, and no answer."""
        offset = self._offset(key)
        bucket = self._read(offset)
        at = self._slot(bucket, key)
        if at is None:
            at = min(range(0, _BUCKET_BYTES, SLOT_BYTES), key=lambda slot: _age(bucket, slot))
        slot = _SLOT.pack(
            key,
            remembered.deployment,
            remembered.prefix,
            remembered.asked,
            max(0, round(remembered.at_s * 1000)),
            min(remembered.cached_tokens, 0xFFFF_FFFF),
            min(remembered.lifetime_s, 0xFFFF),
            remembered.seed,
            min(remembered.repeats, 0xFF),
            min(remembered.forgiven, 0xFF),
            remembered.escalated,
            min(remembered.failed, 0xFF),
            remembered.trial & 0xFFFF,
            remembered.exchange,
        )
        try:
            os.pwrite(self._file, slot + _CHECKSUM.pack(_checksum(slot)), offset + at)
        except OSError:
            return

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)

    def _offset(self, key: bytes) -> int:
        return int.from_bytes(key[:8], "little") % self._buckets * _BUCKET_BYTES

    def _read(self, offset: int) -> bytes:
        """The bucket there; empty slots where the file is not so long yet, or cannot be read."""
        try:
            read = os.pread(self._file, _BUCKET_BYTES, offset)
        except OSError:
            read = b""
        return read.ljust(_BUCKET_BYTES, b"\0")

    def _slot(self, bucket: bytes, key: bytes) -> int | None:
        for at in range(0, _BUCKET_BYTES, SLOT_BYTES):
            if bucket.startswith(key, at) and _is_whole(bucket, at):
                return at
        return None


def _is_whole(bucket: bytes, at: int) -> bool:
    (checksum,) = _CHECKSUM.unpack_from(bucket, at + _SLOT.size)
    return bool(checksum == _checksum(bucket[at : at + _SLOT.size]))


def _age(bucket: bytes, at: int) -> int:
    """When the slot was written; 0 where it holds nothing."""
    return int(_SLOT.unpack_from(bucket, at)[4]) if _is_whole(bucket, at) else 0


def _checksum(slot: bytes) -> int:
    return zlib.crc32(slot, _LAYOUT)
