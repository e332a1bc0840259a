"""Server-sent events, split from bytes that may be cut anywhere.

Rules of this file (WHATWG HTML, section 9.2.6): a line ends in LF, CR or CRLF; an empty line ends a frame; a line that
begins with a colon is a comment; one space after a field's colon is dropped; several `data` lines join with LF; a frame
whose data is empty dispatches nothing. Any split of the same bytes gives the same frames. The raw bytes of a frame are
kept, so that they can be passed on unchanged.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from entrepot.errors import ProviderError

MAX_FRAME_BYTES = 32 * 1024 * 1024
"""A single frame longer than this is no answer but a fault; images in base64 stay well below it."""

COMMENT = b": keep-alive\n\n"
"""A frame without data, which every reader of event streams passes over, but for Google's own (gemini_generate)."""

# Two line ends in a row. A CR counts alone only where no LF follows; one that arrives later is skipped as an empty frame.
_FRAME_END = re.compile(rb"(?:\r\n|\n|\r(?!\n))(?:\r\n|\n|\r(?!\n))")
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"


class Frame(NamedTuple):
    """One event: its raw bytes with the blank line, and its `data` (None for comments and empty data) and `event` fields."""

    raw: bytes
    data: bytes | None
    event: bytes | None


class FrameSplitter:
    """Takes bytes as they come, gives the frames that are complete."""

    __slots__ = ("_kept", "_kept_bytes", "_started", "_tail")

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        self._tail = b""
        self._started = False

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes. Raises ProviderError where one grows beyond MAX_FRAME_BYTES."""
        if not self._tail and not self._kept and data.endswith(b"\n\n") and b"\r" not in data:
            return self._whole_frames(data)
        frames: list[Frame] = []
        # A frame's end is at most four bytes long, so three bytes back is far enough to see one that was cut.
        seen = self._tail + data
        found = _FRAME_END.search(seen)
        if found is not None:
            position = self._kept_bytes - len(self._tail) + found.end()
            buffer = b"".join((*self._kept, data)) if self._kept else data
            frames.append(self._frame(buffer[:position]))
            while (found := _FRAME_END.search(buffer, position)) is not None:
                frames.append(self._frame(buffer[position : found.end()]))
                position = found.end()
            data = seen = buffer[position:]
            self._kept, self._kept_bytes = [], 0
        if data:
            self._kept.append(data)  # joined once the frame is whole: a long one comes in many pieces
            self._kept_bytes += len(data)
        self._tail = seen[-3:]
        if self._kept_bytes > MAX_FRAME_BYTES:
            raise ProviderError(f"one event of the stream is longer than {MAX_FRAME_BYTES} bytes")
        return frames

    def _whole_frames(self, data: bytes) -> list[Frame]:
        """As hosts nearly always send them: the end of the bytes is a frame's, and lines end in LF."""
        if data.find(b"\n\n") == len(data) - 2:
            return [self._frame(data)]
        return [self._frame(piece + b"\n\n") for piece in data[:-2].split(b"\n\n")]

    def close(self) -> Frame | None:
        """What is left at the end of the body: a last frame without its blank line, which some servers forget."""
        rest, self._kept = b"".join(self._kept), []
        return self._frame(rest) if rest.strip() else None

    def _frame(self, raw: bytes) -> Frame:
        body = raw
        if not self._started:
            self._started = True
            body = raw.removeprefix(_BOM)
        if body.startswith(b"data: ") and b"\r" not in body and body.find(b"\n") == len(body) - 2:
            return Frame(raw, body[6:-2] or None, None)
        return _parse_frame(raw, body)


def _parse_frame(raw: bytes, body: bytes) -> Frame:
    data: list[bytes] = []
    event: bytes | None = None
    for line in _LINE_END.split(body):
        field, colon, value = line.partition(b":")
        if colon and value.startswith(b" "):
            value = value[1:]
        if field == b"data":
            data.append(value)
        elif field == b"event":
            event = value
    return Frame(raw, b"\n".join(data) or None, event)


def render_frame(data: bytes, event: bytes | None = None) -> bytes:
    """A frame of one line of data, such as JSON is."""
    return b"data: " + data + b"\n\n" if event is None else b"event: " + event + b"\ndata: " + data + b"\n\n"
