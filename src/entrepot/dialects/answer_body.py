"""What every parser of answers begins with: a body that is a stream of frames or one whole document, told apart by how it opens.

Rules of this file: a whole document answered to a request for a stream is taken as what it is, because some servers do that; a
web page is a failure at once. After `Ended` or `Failed` nothing follows. A dialect says what a frame, a whole document and the
end of a stream mean (`_take_data`, `_take_whole`, `_take_end`), and which frames its streams are made of (`_open_splitter`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Protocol

import msgspec

from entrepot.canonical.stream import Ended, Failed, Failure, FailureKind, Pinged, StreamEvent
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.errors import ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_decode = msgspec.json.Decoder().decode


class Splitter(Protocol):
    """Takes bytes as they come, gives the frames that are complete. Any split of the same bytes gives the same frames."""

    def feed(self, data: bytes, /) -> list[Frame]:
        """Raises ProviderError where the bytes are no frames, or a frame is too long."""
        ...

    def close(self) -> Frame | None:
        """What is left at the end of the body. Raises ProviderError as `feed` does."""
        ...


class BodyParser(ABC):
    """An AnswerParser but for what its dialect says."""

    def __init__(self) -> None:
        self._body = bytearray()
        self._splitter: Splitter | None = None
        self._streams: bool | None = None
        self._framed = False
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        if self._over:
            return []
        events: list[StreamEvent] = []
        if self._streams is None:
            self._body += data
            opening = self._body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if not opening:
                return []
            if opening == b"<":
                self._fail("protocol", "the provider answered with a web page", events)
                return events
            self._splitter = self._open_splitter(bytes(opening))
            self._streams = self._splitter is not None
            data, self._body = bytes(self._body), bytearray()
        if self._splitter is None:
            self._body += data
            if len(self._body) > MAX_ANSWER_BYTES:
                self._fail("protocol", f"the answer is longer than {MAX_ANSWER_BYTES} bytes", events)
            return events
        try:
            frames = self._splitter.feed(data)
        except ProviderError as error:
            self._fail("protocol", error.message, events)
            return events
        for frame in frames:
            self._take_frame(frame, events)
        return events

    def close(self) -> list[StreamEvent]:
        """The body is over."""
        events: list[StreamEvent] = []
        if self._over:
            return events
        if self._splitter is None:
            self._take_whole(bytes(self._body), events)
            return events
        try:
            last = self._splitter.close()
        except ProviderError as error:
            self._fail("protocol", error.message, events)
            return events
        if last is not None and last.data is None and not self._framed and not last.raw.startswith(b":"):
            self._fail("protocol", "the provider's answer is neither a stream nor JSON", events)
        elif last is not None:
            self._take_frame(last, events)
        if not self._over:
            self._take_end(events)
        return events

    def _open_splitter(self, opening: bytes) -> Splitter | None:
        """How to take a body that opens with this byte apart; None for a whole document."""
        return None if opening in b"{[" else FrameSplitter()

    def _take_frame(self, frame: Frame, events: list[StreamEvent]) -> None:
        if self._over:
            return
        if frame.data is None:
            events.append(Pinged())
            return
        self._framed = True
        self._take_data(frame.data, frame.event, events)

    def _take_data(self, data: bytes, name: bytes | None, events: list[StreamEvent]) -> None:  # noqa: ARG002 - for others
        """One frame of a stream: its data, and the event's name where it has one. A dialect without streams takes none."""
        self._fail("protocol", "the provider answered with a stream where none was asked for", events)

    @abstractmethod
    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        """A whole document, which may be empty."""

    def _take_end(self, events: list[StreamEvent]) -> None:
        """The body of a stream is over, and nothing has ended it."""
        self._cut_off(events)

    def _end(self, events: list[StreamEvent]) -> None:
        """The answer is complete."""
        self._over = True
        events.append(Ended())

    def _fail(self, kind: FailureKind, message: str, events: list[StreamEvent]) -> None:
        """The answer cannot be completed."""
        self._fail_with(Failure(kind, message), events)

    def _fail_with(self, failure: Failure, events: list[StreamEvent]) -> None:
        self._over = True
        events.append(Failed(failure))

    def _cut_off(self, events: list[StreamEvent]) -> None:
        self._fail("cut_off", "the provider ended the stream before the answer was finished", events)


def decode_or_none(data: bytes) -> object:
    """The JSON value, None where it is none: what that means is for the dialect to say."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def object_or_empty(value: object) -> dict[str, Any]:
    """A JSON object as it is, anything else as an empty one."""
    return value if isinstance(value, dict) else {}
