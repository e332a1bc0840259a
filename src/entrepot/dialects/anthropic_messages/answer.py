"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: blocks are told apart by their `index` and may interleave; text and thinking of a later block wait until the
earlier one is closed, because canonical deltas continue the latest part. `message_delta.usage` is cumulative and may leave out
what `message_start` said: it overwrites, it is never added. Blocks that the canonical form does not know are given whole.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Request, ToolCall
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    FailureKind,
    Finished,
    Noted,
    Pinged,
    Started,
    StreamEvent,
    UsageReported,
)
from entrepot.dialects.anthropic_messages.answer_blocks import Blocks
from entrepot.dialects.anthropic_messages.blocks import part_of_block
from entrepot.dialects.anthropic_messages.errors import failure_of_error
from entrepot.dialects.anthropic_messages.names import Names, tool_names
from entrepot.dialects.anthropic_messages.usage import STOP_REASONS, finish_reason_of, usage_of
from entrepot.dialects.anthropic_messages.wire import DIALECT, decode_object
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.errors import InvalidRequest, ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_TOP = frozenset({"id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence"})


class MessageParser:
    """One answer."""

    def __init__(self, request: Request) -> None:
        self._names = tool_names(request)
        self._splitter = FrameSplitter()
        self._body = bytearray()
        self._streams: bool | None = None
        self._blocks = Blocks(self._names)
        self._usage: dict[str, Any] = {}
        self._finished = False
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        if self._over:
            return []
        if self._streams is None:
            self._body += data
            opening = self._body.lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if not opening:
                return []
            self._streams = opening not in b"{["
            data, self._body = bytes(self._body), bytearray()
        if not self._streams:
            self._body += data
            return self._fail("protocol", "the answer is too long") if len(self._body) > MAX_ANSWER_BYTES else []
        try:
            frames = self._splitter.feed(data)
        except ProviderError as error:
            return self._fail("protocol", error.message)
        events: list[StreamEvent] = []
        for frame in frames:
            events.extend(self._take(frame))
        return events

    def close(self) -> list[StreamEvent]:
        """The body is over. A stream that finished without `message_stop` is complete; one that did not was cut off."""
        if self._over:
            return []
        if not self._streams:
            return self._whole()
        last = self._splitter.close()
        events = [] if last is None else self._take(last)
        return [*events, *self._end()]

    def _take(self, frame: Frame) -> list[StreamEvent]:
        if self._over:
            return []
        if frame.data is None:
            return [Pinged()]
        try:
            event = decode_object(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "an event of the provider's stream is not a JSON object")
        match event.get("type"):
            case "message_start":
                return self._start(event.get("message"))
            case "content_block_start":
                return self._blocks.start(_index(event), _object(event.get("content_block")))
            case "content_block_delta":
                return self._blocks.delta(_index(event), _object(event.get("delta")))
            case "content_block_stop":
                return self._blocks.stop(_index(event))
            case "message_delta":
                return self._finish(event)
            case "message_stop":
                return self._end()
            case "ping":
                return [Pinged()]
            case "error":
                self._over = True
                return [Failed(failure_of_error(event))]
            case _:
                return []  # the dialect's own rule: an event of a kind not known is passed over

    def _start(self, message: object) -> list[StreamEvent]:
        given = _object(message)
        self._usage = _object(given.get("usage"))
        events: list[StreamEvent] = [_started(given)]
        if extra := {name: value for name, value in given.items() if name not in _TOP and value is not None}:
            events.append(Noted(extra))
        return [*events, UsageReported(usage_of(self._usage))] if self._usage else events

    def _finish(self, event: dict[str, Any]) -> list[StreamEvent]:
        events = self._blocks.stop_all()
        delta = _object(event.get("delta"))
        word = delta.get("stop_reason")
        if isinstance(word, str) and not self._finished:
            self._finished = True
            known = ("stop_reason", "stop_sequence")
            rest = {name: value for name, value in delta.items() if name not in known and value is not None}
            if noted := {**_noted(word, delta.get("stop_sequence")), **rest}:
                events.append(Noted(noted, 0))
            events.append(Finished(finish_reason_of(word), 0))
        usage = {name: value for name, value in _object(event.get("usage")).items() if value is not None}
        if usage:
            self._usage = {**self._usage, **usage}
            events.append(UsageReported(usage_of(self._usage)))
        return events

    def _end(self) -> list[StreamEvent]:
        if self._over:
            return []
        self._over = True
        if self._finished:
            return [Ended()]
        return [Failed(Failure("cut_off", "the provider ended the stream before the answer was finished"))]

    def _whole(self) -> list[StreamEvent]:
        try:
            message = decode_object(bytes(self._body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "the provider's answer is not the JSON of a message")
        self._over = True
        if message.get("type") == "error" or "error" in message:
            return [Failed(failure_of_error(message))]
        if not isinstance(message.get("content"), list):
            return self._fail("protocol", "the provider's answer holds no content")
        try:
            return unfold(response_of(message, self._names))
        except InvalidRequest as error:  # a block that breaks the dialect's rules is the provider's fault here
            return self._fail("protocol", f"the provider's answer is malformed: {error.message}")

    def _fail(self, kind: FailureKind, message: str) -> list[StreamEvent]:
        self._over = True
        return [Failed(Failure(kind, message))]


def response_of(message: dict[str, Any], names: Names) -> Response:
    """A whole answer. Raises InvalidRequest where a block is malformed."""
    started = _started(message)
    parts = []
    for i, block in enumerate(message["content"]):
        part = part_of_block(_object(block), f"content[{i}]")
        if isinstance(part, ToolCall):
            part = msgspec.structs.replace(part, name=names.back(part.name))
        parts.append(part)
    word = message.get("stop_reason")
    choice = Choice(
        0,
        tuple(parts),
        finish_reason_of(word if isinstance(word, str) else None),
        _noted(str(word or ""), message.get("stop_sequence")),
    )
    usage = _object(message.get("usage"))
    return Response(
        id=started.id,
        model=started.model,
        created=0,
        choices=(choice,),
        usage=usage_of(usage) if usage else None,
        extra={name: value for name, value in message.items() if name not in _TOP},
        dialect=DIALECT,
    )


def _started(message: dict[str, Any]) -> Started:
    return Started(str(message.get("id") or ""), str(message.get("model") or ""), 0, DIALECT)


def _noted(word: str, stop_sequence: object) -> dict[str, Any]:
    """What the canonical reason alone does not say."""
    noted: dict[str, Any] = {}
    if isinstance(stop_sequence, str):
        noted["stop_sequence"] = stop_sequence
    if word and word != STOP_REASONS[finish_reason_of(word)]:
        noted["stop_reason"] = word
    return noted


def _index(event: dict[str, Any]) -> int:
    index = event.get("index")
    return index if isinstance(index, int) else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
