"""Bedrock's answer, whole or streamed, to canonical events.

Rules of this file: a whole answer is one JSON object; a stream is binary frames, whose first byte is the high byte of a length that
no JSON begins with. `messageStop` ends the message and `metadata`, which follows, ends the answer. An exception inside the stream
is a failure, and so is an answer without a message, which Bedrock can give with status 200.
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
from entrepot.dialects import failure
from entrepot.dialects.base import Target
from entrepot.dialects.bedrock_converse.content import Blocks, part_of_block
from entrepot.dialects.bedrock_converse.eventstream import EventFrame, EventFrameSplitter
from entrepot.dialects.bedrock_converse.failure import failure_in_stream
from entrepot.dialects.bedrock_converse.models import model_of
from entrepot.dialects.bedrock_converse.turns import MAX_NAME
from entrepot.dialects.bedrock_converse.usage import finish_reason_of, notes_of, stop_sequence_of, usage_of
from entrepot.dialects.bedrock_converse.wire import DIALECT, decode_any, object_of, text_of
from entrepot.dialects.names import tool_names
from entrepot.errors import ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_HIGHEST_FIRST_BYTE = 0x08


class ConverseParser:
    """One answer. `target` names the model, which the answer does not."""

    def __init__(self, request: Request, target: Target, id: str = "") -> None:
        self._names = tool_names(request, MAX_NAME)
        self._claude = model_of(target).claude
        self._head = Started(id, target.upstream_name, dialect=DIALECT)
        self._splitter = EventFrameSplitter()
        self._blocks = Blocks(self._names, claude=self._claude)
        self._body = bytearray()
        self._streams: bool | None = None
        self._began = False
        self._finished = False
        self._over = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        if self._over or not data:
            return []
        if self._streams is None:
            self._streams = data[0] <= _HIGHEST_FIRST_BYTE
        if not self._streams:
            self._body += data
            return self._fail("protocol", "the answer is too long") if len(self._body) > MAX_ANSWER_BYTES else []
        events: list[StreamEvent] = []
        try:
            for frame in self._splitter.feed(data):
                events.extend(self._take(frame))
        except ProviderError as error:
            events.extend(self._fail("protocol", error.message))
        return events

    def close(self) -> list[StreamEvent]:
        """The body is over. A stream that finished without its metadata is complete; one that did not was cut off."""
        if self._over:
            return []
        if not self._streams:
            return self._whole()
        if self._finished and not self._splitter.pending_bytes:
            return self._end()
        return self._fail("cut_off", "the stream ended before its message did")

    def _take(self, frame: EventFrame) -> list[StreamEvent]:
        if self._over:
            return []
        headers = frame.headers
        try:
            event = decode_any(frame.payload) if frame.payload else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "an event of the provider's stream is not JSON")
        match headers.get(":message-type"):
            case "exception":
                return self._report(failure_in_stream(str(headers.get(":exception-type", "")), event))
            case "error":
                said = {"message": str(headers.get(":error-message", ""))}
                return self._report(failure_in_stream(str(headers.get(":error-code", "")), said))
            case _:
                return self._event(headers.get(":event-type"), object_of(event))

    def _event(self, kind: object, event: dict[str, Any]) -> list[StreamEvent]:
        match kind:
            case "messageStart":
                return self._start()
            case "contentBlockStart":
                return [*self._start(), *self._blocks.start(_index(event), object_of(event.get("start")))]
            case "contentBlockDelta":
                return [*self._start(), *self._blocks.delta(_index(event), object_of(event.get("delta")))]
            case "contentBlockStop":
                return self._blocks.stop(_index(event))
            case "messageStop":
                return self._finish(event)
            case "metadata":
                return self._metadata(event)
            case _:
                return [Pinged()]  # an event of a kind not known shows only that the provider is alive

    def _start(self) -> list[StreamEvent]:
        if self._began:
            return []
        self._began = True
        return [self._head]

    def _finish(self, event: dict[str, Any]) -> list[StreamEvent]:
        if self._finished:
            return []
        self._finished = True
        events = [*self._start(), *self._blocks.stop_all()]
        if noted := stop_sequence_of(event):
            events.append(Noted(noted, 0))
        return [*events, Finished(finish_reason_of(event.get("stopReason"), calls=bool(self._blocks.calls)))]

    def _metadata(self, event: dict[str, Any]) -> list[StreamEvent]:
        events: list[StreamEvent] = self._start()
        if notes := notes_of(event):
            events.append(Noted(notes))
        if (usage := usage_of(event.get("usage"))) is not None:
            events.append(UsageReported(usage))
        return [*events, *self._end()] if self._finished else events

    def _end(self) -> list[StreamEvent]:
        self._over = True
        return [Ended()]

    def _whole(self) -> list[StreamEvent]:
        try:
            answer = decode_any(bytes(self._body)) if self._body else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "the provider's answer is not JSON")
        message = object_of(object_of(object_of(answer).get("output")).get("message"))
        content = message.get("content")
        if not isinstance(content, list):
            return self._report(_failure_of_no_output(answer))
        blocks = [block for block in content if isinstance(block, dict)]
        parts = [part_of_block(block, self._names, claude=self._claude) for block in blocks]
        said = tuple(part for part in parts if part is not None)
        calls = any(isinstance(part, ToolCall) for part in said)
        reason = finish_reason_of(answer.get("stopReason"), calls=calls)
        self._over = True
        head = self._head
        choice = Choice(0, said, reason, stop_sequence_of(answer))
        usage = usage_of(answer.get("usage"))
        return unfold(Response(head.id, head.model, 0, (choice,), usage, notes_of(answer), DIALECT))

    def _fail(self, kind: FailureKind, message: str) -> list[StreamEvent]:
        return self._report(Failure(kind, message))

    def _report(self, failed: Failure) -> list[StreamEvent]:
        self._over = True
        return [Failed(failed)]


def _failure_of_no_output(answer: object) -> Failure:
    """Status 200 without an answer: an error in an answer's place, or nothing at all."""
    given = object_of(answer)
    reported = object_of(given.get("Output")) or given
    if text_of(reported.get("__type")) or "message" in reported or "error" in reported:
        return failure_in_stream(text_of(reported.get("__type")).rpartition("#")[2], reported)
    said = failure.encode_text(given)[:200] if given else "nothing"
    return Failure("protocol", f"the provider's answer has no output: it says {said}")


def _index(event: dict[str, Any]) -> int:
    index = event.get("contentBlockIndex")
    return index if isinstance(index, int) else 0
