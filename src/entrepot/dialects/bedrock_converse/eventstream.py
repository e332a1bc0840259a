"""The binary frames of `application/vnd.amazon.eventstream`, from bytes that may be cut anywhere.

A frame is a prelude of three big-endian 32-bit numbers (the frame's length, its headers' length, the CRC-32 of the eight bytes
before), headers, a payload, and the CRC-32 of everything before it. A header is a name with one byte of length, one byte of
type, and a value (Smithy 2.0, "Event stream specification"; the limits are the AWS client libraries' own).

Rules of this file: nothing of a frame is believed before both its checksums hold; any split of the bytes gives the same frames;
what breaks these rules raises ProviderError.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

from entrepot.errors import ProviderError

MAX_HEADERS_BYTES = 128 * 1024
MAX_PAYLOAD_BYTES = 24 * 1024 * 1024
PRELUDE_BYTES = 12
_CHECKSUM_BYTES = 4
_LEAST_BYTES = PRELUDE_BYTES + _CHECKSUM_BYTES

HeaderValue = bool | int | bytes | str


class EventFrame(NamedTuple):
    """A frame whose checksums hold. A timestamp is in milliseconds since 1970, a UUID is its sixteen bytes."""

    headers: dict[str, HeaderValue]
    payload: bytes


class EventFrameSplitter:
    """Takes bytes as they come, gives the frames that are complete."""

    __slots__ = ("_kept", "_length")

    def __init__(self) -> None:
        self._kept = bytearray()
        self._length = 0  # of the frame under way, known once its prelude is here

    def feed(self, data: bytes) -> Iterator[EventFrame]:
        """The frames that `data` completes, to be taken to the end. Raises ProviderError where one is damaged or too large."""
        self._kept += data
        while len(self._kept) >= PRELUDE_BYTES:
            if not self._length:
                self._length = _frame_length(self._kept)
            if len(self._kept) < self._length:
                return
            frame = bytes(self._kept[: self._length])
            del self._kept[: self._length]
            self._length = 0
            yield _parse_frame(frame)

    @property
    def pending_bytes(self) -> int:
        """How much of a frame that is not complete has come."""
        return len(self._kept)


def _frame_length(buffer: bytearray) -> int:
    total, headers, checksum = struct.unpack_from(">III", buffer)
    if zlib.crc32(bytes(buffer[:8])) != checksum:
        raise ProviderError("a frame of the provider's stream is damaged: its prelude's checksum does not hold")
    if headers > MAX_HEADERS_BYTES or total > _LEAST_BYTES + headers + MAX_PAYLOAD_BYTES:
        raise ProviderError(f"a frame of the provider's stream is too large: {total} bytes")
    if total < _LEAST_BYTES + headers:
        raise ProviderError("a frame of the provider's stream is shorter than its own headers")
    return int(total)


def _parse_frame(frame: bytes) -> EventFrame:
    (checksum,) = struct.unpack_from(">I", frame, len(frame) - _CHECKSUM_BYTES)
    if zlib.crc32(memoryview(frame)[:-_CHECKSUM_BYTES]) != checksum:
        raise ProviderError("a frame of the provider's stream is damaged: its checksum does not hold")
    (headers_bytes,) = struct.unpack_from(">I", frame, 4)
    end = PRELUDE_BYTES + headers_bytes
    return EventFrame(_parse_headers(frame[PRELUDE_BYTES:end]), frame[end:-_CHECKSUM_BYTES])


def _parse_headers(data: bytes) -> dict[str, HeaderValue]:
    headers: dict[str, HeaderValue] = {}
    position = 0
    try:
        while position < len(data):
            length = data[position]
            name = _exactly(data, position + 1, length).decode()
            position += 1 + length
            value, position = _parse_value(data, position)
            headers[name] = value
    except (IndexError, struct.error, UnicodeDecodeError):
        raise ProviderError("a frame of the provider's stream has headers that cannot be read") from None
    return headers


def _parse_value(data: bytes, at: int) -> tuple[HeaderValue, int]:
    kind, at = data[at], at + 1
    if kind in _FLAGS:
        return _FLAGS[kind], at
    if kind in _NUMBERS:
        number = _NUMBERS[kind]
        return int(number.unpack_from(data, at)[0]), at + number.size
    if kind == _UUID:
        return _exactly(data, at, 16), at + 16
    if kind in _SIZED:
        (length,) = struct.unpack_from(">H", data, at)
        return _SIZED[kind](_exactly(data, at + 2, length)), at + 2 + length
    raise ProviderError(f"a frame of the provider's stream has a header of the unknown type {kind}")


def _exactly(data: bytes, at: int, length: int) -> bytes:
    if at + length > len(data):
        raise IndexError
    return data[at : at + length]


_FLAGS = {0: True, 1: False}
_NUMBERS = {kind: struct.Struct(f">{form}") for kind, form in ((2, "b"), (3, "h"), (4, "i"), (5, "q"), (8, "q"))}
_SIZED: dict[int, Callable[[bytes], HeaderValue]] = {6: bytes, 7: bytes.decode}
_UUID = 9
