"""Ids and clocks for exchanges: the pure code is handed them, this is where they are made.

Ids are UUIDs of version 7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random bits, so that they sort by time.
"""

from __future__ import annotations

import os

_ID_BYTES = 10
_AT_ONCE = 400
_drawn: list[bytes] = []
os.register_at_fork(after_in_child=_drawn.clear)


def new_exchange_id(now_ns: int) -> str:
    """A fresh UUIDv7 for this Unix time in nanoseconds, as its usual 36 characters."""
    random = int.from_bytes(_draw(), "big")
    milliseconds = (now_ns // 1_000_000) & 0xFFFF_FFFF_FFFF
    value = milliseconds << 80 | 0x7 << 76 | (random >> 62 & 0xFFF) << 64 | 0b10 << 62 | random & 0x3FFF_FFFF_FFFF_FFFF
    digits = f"{value:032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _draw() -> bytes:
    """Random bytes for one id, drawn for many at once: a system call for each would cost more than the rest of it."""
    if not _drawn:
        drawn = os.urandom(_ID_BYTES * _AT_ONCE)
        _drawn.extend(drawn[start : start + _ID_BYTES] for start in range(0, len(drawn), _ID_BYTES))
    return _drawn.pop()
