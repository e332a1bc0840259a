"""Lines of JSON (`application/x-ndjson`), from bytes that may be cut anywhere.

Rules of this file: a line ends in LF, before which a CR is part of the end; empty lines say nothing. Any split of the same bytes
gives the same lines.
"""

from __future__ import annotations

from entrepot.dialects.sse import MAX_FRAME_BYTES, Frame
from entrepot.errors import ProviderError


class LineSplitter:
    """Takes bytes as they come, gives the lines that are complete, each as a frame whose data it is."""

    __slots__ = ("_kept", "_kept_bytes")

    def __init__(self) -> None:
        self._kept: list[bytes] = []
        self._kept_bytes = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The lines that `data` completes. Raises ProviderError where one grows beyond MAX_FRAME_BYTES."""
        *complete, rest = data.split(b"\n")
        frames = []
        for line in complete:
            whole = b"".join((*self._kept, line)) if self._kept else line
            self._kept, self._kept_bytes = [], 0
            frames.extend(_frame(whole))
        if rest:
            self._kept.append(rest)  # joined once the line is whole: a long one comes in many pieces
            self._kept_bytes += len(rest)
        if self._kept_bytes > MAX_FRAME_BYTES:
            raise ProviderError(f"one line of the stream is longer than {MAX_FRAME_BYTES} bytes")
        return frames

    def close(self) -> Frame | None:
        """A last line without its end."""
        rest, self._kept = b"".join(self._kept), []
        return next(iter(_frame(rest)), None)


def _frame(line: bytes) -> list[Frame]:
    data = line.strip()
    return [Frame(line + b"\n", data, None)] if data else []
