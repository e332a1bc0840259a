"""Content codings, decoded as they arrive. No I/O.

Rules of this file: a piece never exceeds `PIECE_BYTES`, so that whoever counts them can stop a decompression bomb before
it is in memory. `deflate` is the zlib format (RFC 9110 section 8.4.1.2); gzip may have several members (RFC 1952
section 2.2).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator

PIECE_BYTES = 1024 * 1024

_WINDOW_BITS = {b"gzip": 31, b"x-gzip": 31, b"deflate": 15}


class Inflater:
    """A decoder of one body. `finished` says that the compressed stream has reached its own end."""

    def __init__(self, coding: bytes) -> None:
        self.coding = coding.decode("ascii")
        self._window_bits = _WINDOW_BITS[coding]
        self._stream = zlib.decompressobj(self._window_bits)
        self._started = False

    @property
    def finished(self) -> bool:
        """True at the end of a member, and for a body of no bytes at all."""
        return self._stream.eof or not self._started

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what `data` decodes to; raises `zlib.error` where it is malformed."""
        self._started = self._started or bool(data)
        while data:
            if self._stream.eof:
                self._open_next_member()
            piece = self._stream.decompress(data, PIECE_BYTES)
            while piece:
                yield piece
                # zlib may hold output back although it has consumed all input; a full piece is the sign of it
                full = len(piece) == PIECE_BYTES
                piece = self._stream.decompress(self._stream.unconsumed_tail, PIECE_BYTES) if full else b""
            data = self._stream.unused_data

    def _open_next_member(self) -> None:
        if self._window_bits == _WINDOW_BITS[b"deflate"]:
            raise zlib.error("bytes after the end of the compressed stream")
        self._stream = zlib.decompressobj(self._window_bits)


def build_inflater(coding: bytes) -> Inflater | None:
    """A decoder for a `content-encoding` value in lower case, None if nothing needs decoding.

    Raises `ValueError`: the coding is none that this client reads.
    """
    if coding in (b"", b"identity"):
        return None
    if coding not in _WINDOW_BITS:
        raise ValueError(f"content coding {coding.decode('latin-1')!r} was not asked for")
    return Inflater(coding)
