"""Answers on their way from a provider to a client of the same dialect: passed through, tapped for what the ledger needs.

Rules of this file: nothing is held back once the answer has begun, and only complete frames are passed on, so that an error event
of ours never lands inside half a frame. Until the answer's first content nothing leaves: an opening without content commits us
to nothing, and another candidate can still answer. A body that is not what was asked for (a whole answer to a request for a
stream, or the other way round) is translated, which every dialect knows how to do.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import msgspec

from entrepot.canonical.stream import Failure
from entrepot.dialects.answer_body import MAX_ANSWER_BYTES
from entrepot.dialects.base import Relay, Relayed, Summary
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.dialects.tally import EMPTY, LOOPED, MAX_OPENING_BYTES, Tally
from entrepot.errors import EntrepotError, ProviderError

CUT_OFF = Failure("cut_off", "the provider ended the stream before the answer was finished")
_encode = msgspec.json.Encoder().encode


class Passage(ABC):
    """What both passages share: the tally, and the translation that takes over where the body is another than was asked for."""

    content_type = b""

    def __init__(self, open_translation: Callable[[], Relay]) -> None:
        self._tally = Tally()
        self._open_translation = open_translation
        self._translation: Relay | None = None
        self._kept = bytearray()
        self._known = False

    def feed(self, data: bytes) -> Relayed:
        """Take more of the body."""
        if self._translation is not None:
            return self._translation.feed(data)
        if self._known:
            return self._feed(data)
        self._kept += data
        opening = bytes(self._kept.lstrip(b"\xef\xbb\xbf \t\r\n")[:1])
        if not opening:
            return Relayed()
        self._known = True
        data, self._kept = bytes(self._kept), bytearray()
        if not self._is_expected(opening):
            self._translation = self._open_translation()
            return self._translation.feed(data)
        return self._feed(data)

    def close(self) -> Relayed:
        """The body is complete."""
        return self._close() if self._translation is None else self._translation.close()

    def summary(self, input_tokens: int) -> Summary:
        """The provider's own count, or ours."""
        return (
            self._tally.summary(input_tokens) if self._translation is None else self._translation.summary(input_tokens)
        )

    @abstractmethod
    def _is_expected(self, opening: bytes) -> bool:
        """Whether a body that opens with this byte is of the kind that can be passed on."""

    @abstractmethod
    def _feed(self, data: bytes) -> Relayed:
        """Take more of a body of that kind."""

    @abstractmethod
    def _close(self) -> Relayed:
        """A body of that kind is complete."""


class WholePassage(Passage):
    """An answer in one piece: kept until it is complete, then passed on as it came."""

    content_type = b"application/json"

    def __init__(self, open_translation: Callable[[], Relay]) -> None:
        super().__init__(open_translation)
        self._size = 0

    def break_off(self, error: EntrepotError) -> bytes:
        """A whole answer is never broken off, because nothing of it has left: the error alone."""
        return _encode(self._error_body(error))

    def _is_expected(self, opening: bytes) -> bool:
        return opening in b"{["

    def _feed(self, data: bytes) -> Relayed:
        self._kept += data
        if len(self._kept) > MAX_ANSWER_BYTES:
            return Relayed(failure=Failure("protocol", f"the answer is longer than {MAX_ANSWER_BYTES} bytes"))
        return Relayed()

    def _close(self) -> Relayed:
        said = self._look(bytes(self._kept))
        if isinstance(said, Failure):
            return Relayed(failure=said)
        self._tally.finished = True
        return Relayed(data=said, content=True, ended=True)

    @abstractmethod
    def _look(self, body: bytes) -> bytes | Failure:
        """What to pass on of a whole answer, or what is wrong with it; fills the tally."""

    @abstractmethod
    def _error_body(self, error: EntrepotError) -> dict[str, Any]:
        """An error in the dialect's shape."""


class StreamPassage(Passage):
    """An answer as a stream of frames. `_comment` is what is passed on for a comment: that itself, where it is empty."""

    content_type = b"text/event-stream; charset=utf-8"
    _comment = b""

    def __init__(self, open_translation: Callable[[], Relay]) -> None:
        super().__init__(open_translation)
        self._splitter = FrameSplitter()
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._framed = False
        self._begun = False
        self._over = False

    @abstractmethod
    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event."""

    def _is_expected(self, opening: bytes) -> bool:
        return opening not in b"{[<"

    def _feed(self, data: bytes) -> Relayed:
        relayed = Relayed()
        try:
            frames = self._splitter.feed(data)
        except ProviderError as error:
            relayed.failure = Failure("protocol", error.message)
            return relayed
        passed: list[bytes] = []
        for frame in frames:
            if self._over:
                break
            self._pass(frame, relayed, passed)
        relayed.data = b"".join(passed)
        return relayed

    def _close(self) -> Relayed:
        relayed = Relayed()
        if self._over:
            return relayed
        passed: list[bytes] = []
        last = self._splitter.close()
        if last is not None and last.data is None and not self._framed and not last.raw.startswith(b":"):
            relayed.failure = Failure("protocol", "the provider's answer is neither a stream nor JSON")
        elif last is not None:
            self._pass(last._replace(raw=last.raw.rstrip(b"\r\n") + b"\n\n"), relayed, passed)
        if relayed.failure is None and not self._over:
            ending = self._ending()
            if ending is None:
                relayed.failure = CUT_OFF
            else:
                relayed.ended = self._over = True
                passed.extend((*self._release(), ending))
        relayed.data = b"".join(passed)
        return relayed

    def _pass(self, frame: Frame, relayed: Relayed, passed: list[bytes]) -> None:
        if frame.data is None:  # comments keep a connection open, once the answer has begun
            if self._begun:
                passed.append(self._comment or frame.raw)
            return
        self._framed = True
        said = self._look(frame, frame.data, relayed)
        if relayed.failure is None and self._tally.loops:
            relayed.failure = LOOPED
        self._over = relayed.ended or relayed.failure is not None
        if relayed.failure is not None or not said:
            return
        if self._begun:
            passed.append(said)
        elif relayed.content or relayed.ended:
            passed.extend((*self._release(), said))
        else:
            self._held.append(said)
            self._held_bytes += len(said)
            if self._held_bytes > MAX_OPENING_BYTES:
                relayed.failure = EMPTY
                self._over = True

    def _release(self) -> list[bytes]:
        self._begun = True
        held, self._held = self._held, []
        return held

    @abstractmethod
    def _look(self, frame: Frame, data: bytes, relayed: Relayed) -> bytes:
        """What to pass on of a frame; fills the tally and says in `relayed` what was in it (content, an end, a failure)."""

    @abstractmethod
    def _ending(self) -> bytes | None:
        """The body is over without an end marker: the marker where the answer is finished, None where it was cut off."""
