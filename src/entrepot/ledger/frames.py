"""Records in a spool file: how one is framed, and how whole ones are found again in bytes that may be damaged.

A frame is: magic (4 bytes) · payload length (u32, little-endian) · CRC-32 (u32) · payload.

Rules of this file: the magic begins with 0xC1, a byte that is neither a MessagePack type nor part of any UTF-8 text, so it
hardly ever occurs inside a payload; and it is believed only where the checksum agrees. The checksum is seeded with the
length, so a damaged length is found too. Damage is reported, never passed over in silence.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Literal

import msgspec

MAGIC = b"\xc1EN\x01"
MAX_PAYLOAD_BYTES = 16 * 1024 * 1024
_HEADER = struct.Struct("<4sII")
HEADER_BYTES = _HEADER.size


class Damage(msgspec.Struct, frozen=True):
    """Bytes of a spool that hold no readable record.

    `torn`: the file ends inside a record, whose append therefore never returned. `corrupt`: bytes that fail their
    checksum. `undecodable`: whole, but not an entry that this version can read.
    """

    kind: Literal["torn", "corrupt", "undecodable"]
    offset: int
    length: int


def frame(payload: bytes) -> bytes:
    """`payload` as one record. Raises ValueError if it is longer than MAX_PAYLOAD_BYTES."""
    length = len(payload)
    if length > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a record of {length} bytes; the limit is {MAX_PAYLOAD_BYTES}")
    return _HEADER.pack(MAGIC, length, zlib.crc32(payload, length)) + payload


def scan(data: bytes, *, ended: bool) -> Iterator[tuple[bytes | Damage, int]]:
    """The payloads and the damage in `data`, each with the offset at which the next begins.

    A record is known to be damaged once a whole one follows it, or once the file has `ended` (nobody will append to it
    any more). Until then it may be on its way, and the scan stops before it.
    """
    position = 0
    while position < len(data):
        end = _whole_record(data, position)
        if end:
            yield data[position + HEADER_BYTES : end], end
            position = end
            continue
        following = _next_whole_record(data, position + 1)
        if following is None:
            if ended:
                yield Damage(_kind_of_tail(data, position), position, len(data) - position), len(data)
            return
        yield Damage("corrupt", position, following - position), following
        position = following


def _whole_record(data: bytes, position: int) -> int:
    """Where the record at `position` ends; 0 if no whole and sound one begins there."""
    if len(data) - position < HEADER_BYTES:
        return 0
    magic, length, checksum = _HEADER.unpack_from(data, position)
    end = position + HEADER_BYTES + int(length)
    if magic != MAGIC or length > MAX_PAYLOAD_BYTES or end > len(data):
        return 0
    payload = memoryview(data)[position + HEADER_BYTES : end]
    return end if zlib.crc32(payload, length) == checksum else 0


def _next_whole_record(data: bytes, position: int) -> int | None:
    while True:
        position = data.find(MAGIC, position)
        if position < 0:
            return None
        if _whole_record(data, position):
            return position
        position += 1


def _kind_of_tail(data: bytes, position: int) -> Literal["torn", "corrupt"]:
    """Torn if what is there could be the beginning of a sound record, corrupt if not."""
    head = data[position : position + HEADER_BYTES]
    if not head.startswith(MAGIC) and not MAGIC.startswith(head):
        return "corrupt"
    if len(head) < HEADER_BYTES:
        return "torn"
    length = int(_HEADER.unpack(head)[1])
    ends_inside = len(data) - position - HEADER_BYTES < length <= MAX_PAYLOAD_BYTES
    return "torn" if ends_inside else "corrupt"
