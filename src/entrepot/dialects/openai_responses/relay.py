"""Answers on their way from a provider to a client of the same dialect: passed through, and understood beside that.

Rules of this file: only complete events are passed on, as the bytes they were, so that an event of ours never lands inside one
of the provider's and nothing is lost of what we do not know; until the answer's first content nothing leaves. Where the gateway
has something of its own to say of the answer (`Asked.echo`), the response object in those events says it. A provider that
answers in one piece where a stream was asked for, or the other way round, is translated.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failed, Started, StreamEvent
from entrepot.dialects.base import AnswerRenderer, Asked, Relayed, Summary
from entrepot.dialects.openai_responses.answer import ResponseParser
from entrepot.dialects.openai_responses.head import Head
from entrepot.dialects.openai_responses.render_stream import failure_events
from entrepot.dialects.openai_responses.wire import decode_fields, encode
from entrepot.dialects.sse import Frame, FrameSplitter, render_frame
from entrepot.dialects.translation import Translation
from entrepot.errors import EntrepotError, ProviderError

_RESPONSE = b'"response":'


class PassThrough:
    """A Relay of one answer; `translator` is what renders it where it is not of the kind that was asked for."""

    def __init__(self, asked: Asked, translator: AnswerRenderer) -> None:
        self.content_type = translator.content_type
        self._asked = asked
        self._translator = translator
        self._opening = bytearray()
        self._splitter: FrameSplitter | None = None
        self._copy: _Copy | None = None
        self._inner: Translation | None = None

    def feed(self, data: bytes) -> Relayed:
        """Pass on what is complete."""
        if self._inner is None:
            self._opening += data
            opening = self._opening.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if not opening:
                return Relayed()
            self._open(streams=opening not in b"{[<")
            data, self._opening = bytes(self._opening), bytearray()
        if self._splitter is None:
            return self._pass(data)
        try:
            frames = self._splitter.feed(data)
        except ProviderError:
            return self._pass(data)  # the parser finds the same, and says so
        return self._pass_frames(frames)

    def close(self) -> Relayed:
        """The body is over."""
        if self._inner is None:
            self._open(streams=False)
        relayed = Relayed()
        last = None if self._splitter is None else self._splitter.close()
        if last is not None:
            relayed = self._pass_frames([last._replace(raw=last.raw.rstrip(b"\r\n") + b"\n\n")])
        if self._inner is not None and not (relayed.ended or relayed.failure):
            _add(relayed, self._inner.close())
        return relayed

    def break_off(self, error: EntrepotError) -> bytes:
        """The dialect's own words."""
        return (self._copy or self._translator).break_off(error)

    def summary(self, input_tokens: int) -> Summary:
        """What it came to."""
        if self._inner is None:
            return Summary(Usage(input_tokens=input_tokens, estimated=True), finished=False)
        return self._inner.summary(input_tokens)

    def _open(self, *, streams: bool) -> None:
        if streams != self._asked.request.stream:
            self._inner = Translation(ResponseParser(), self._translator)
            return
        self._splitter = FrameSplitter() if streams else None
        self._copy = _Copy(self._asked, self.content_type)
        self._inner = Translation(ResponseParser(), self._copy)

    def _pass_frames(self, frames: Sequence[Frame]) -> Relayed:
        relayed = Relayed()
        for frame in frames:
            if relayed.ended or relayed.failure:
                break
            _add(relayed, self._pass(frame.raw, frame))
        return relayed

    def _pass(self, data: bytes, frame: Frame | None = None) -> Relayed:
        if self._copy is not None:
            self._copy.take(data, frame)
        return Relayed() if self._inner is None else self._inner.feed(data)


class _Copy:
    """An AnswerRenderer that says what the provider said."""

    def __init__(self, asked: Asked, content_type: bytes) -> None:
        self.content_type = content_type
        self._asked = asked
        self._head = Head(asked, 0)
        self._raw = bytearray()
        self._events = 0

    def take(self, data: bytes, frame: Frame | None) -> None:
        """The bytes that the next events are about."""
        self._events += frame is not None and frame.data is not None
        self._raw += data if frame is None else _echoed_frame(frame, self._asked)

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """Those bytes, unless they say that the answer failed: that is told by us."""
        for event in events:
            if isinstance(event, Started):
                self._head.start(event)
        said, self._raw = bytes(self._raw), bytearray()
        if any(isinstance(event, Failed) for event in events):
            return b""
        return said if self._asked.request.stream else _echoed(said, self._asked)

    def break_off(self, error: EntrepotError) -> bytes:
        """The same words as a translated answer's."""
        return b"".join(
            render_frame(encode({"type": kind, "sequence_number": self._events + number, **fields}), kind.encode())
            for number, (kind, fields) in enumerate(failure_events(self._head, error))
        )


def _echoed_frame(frame: Frame, asked: Asked) -> bytes:
    """An event, its response object saying what the gateway says of it."""
    if not asked.echo or frame.data is None or _RESPONSE not in frame.data:
        return frame.raw
    try:
        event = decode_fields(frame.data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return frame.raw  # the parser finds the same, and says so
    if "response" not in event:
        return frame.raw
    event["response"] = msgspec.Raw(_echoed(bytes(event["response"]), asked))
    return render_frame(encode(event), frame.event)


def _echoed(response: bytes, asked: Asked) -> bytes:
    if not asked.echo:
        return response
    try:
        fields = decode_fields(response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return response
    return encode({**fields, **asked.echo})


def _add(relayed: Relayed, more: Relayed) -> None:
    relayed.data += more.data
    relayed.content = relayed.content or more.content
    relayed.ended = relayed.ended or more.ended
    relayed.failure = relayed.failure or more.failure
