"""Bedrock's answer, whole or streamed, to canonical events.

Rules of this file: a whole answer is one JSON object; a stream is binary frames, whose first byte is the high byte of a length
that no JSON begins with. `messageStop` ends the message and `metadata`, which follows, ends the answer. An exception inside the
stream is a failure, and so is an answer without a message, which Bedrock can give with status 200.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Request, ToolCall
from entrepot.canonical.response import Choice, Response
from entrepot.canonical.stream import (
    Failure,
    Finished,
    Noted,
    Pinged,
    Started,
    StreamEvent,
    UsageReported,
)
from entrepot.dialects import failure
from entrepot.dialects.answer_body import BodyParser, Splitter, decode_or_none, object_or_empty
from entrepot.dialects.base import Target
from entrepot.dialects.bedrock_converse.content import Blocks, part_of_block
from entrepot.dialects.bedrock_converse.eventstream import EventFrame, EventFrameSplitter
from entrepot.dialects.bedrock_converse.failure import failure_in_stream
from entrepot.dialects.bedrock_converse.models import model_of
from entrepot.dialects.bedrock_converse.turns import MAX_NAME
from entrepot.dialects.bedrock_converse.usage import finish_reason_of, notes_of, stop_sequence_of, usage_of
from entrepot.dialects.bedrock_converse.wire import DIALECT
from entrepot.dialects.names import tool_names
from entrepot.errors import ProviderError

_HIGHEST_FIRST_BYTE = 0x08
_MAX_ID = 200
_EVENTS = frozenset(
    ("messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata")
)


class ConverseParser(BodyParser):
    """One answer. `target` names the model, which the answer does not; `id` is the request's at Bedrock."""

    def __init__(self, request: Request, target: Target, id: str = "") -> None:
        super().__init__()
        self._names = tool_names(request, MAX_NAME)
        self._claude = model_of(target).claude
        # Of an ARN its last part only: what stands before it is the operator's account.
        self._head = Started(id[:_MAX_ID], target.upstream_name.rpartition("/")[2], dialect=DIALECT)
        self._event_frames: EventFrameSplitter | None = None
        self._blocks = Blocks(self._names, claude=self._claude)
        self._opened = False
        self._began = False
        self._finished = False

    def feed(self, data: bytes) -> list[StreamEvent]:
        """The events that `data` completes."""
        if self._over or not data:
            return []
        if not self._opened:
            self._opened = True
            self._event_frames = EventFrameSplitter() if data[0] <= _HIGHEST_FIRST_BYTE else None
        if self._event_frames is None:
            return super().feed(data)
        events: list[StreamEvent] = []
        try:
            for frame in self._event_frames.feed(data):
                self._take_event_frame(frame, events)
        except ProviderError as error:
            self._fail("protocol", error.message, events)
        return events

    def close(self) -> list[StreamEvent]:
        """The body is over. A stream that finished without its metadata is complete; one that did not was cut off."""
        if self._over or self._event_frames is None:
            return super().close()
        events: list[StreamEvent] = []
        if self._finished and not self._event_frames.pending_bytes:
            self._end(events)
        else:
            self._cut_off(events)
        return events

    def _open_splitter(self, opening: bytes) -> Splitter | None:  # noqa: ARG002 - what is not binary is one document
        return None

    def _take_event_frame(self, frame: EventFrame, events: list[StreamEvent]) -> None:
        if self._over:
            return
        headers = frame.headers
        event = decode_or_none(frame.payload) if frame.payload else {}
        match headers.get(":message-type"):
            case "exception":
                self._fail_with(failure_in_stream(str(headers.get(":exception-type", "")), event), events)
            case "error":
                said = {"message": str(headers.get(":error-message", ""))}
                self._fail_with(failure_in_stream(str(headers.get(":error-code", "")), said), events)
            case _ if not isinstance(event, dict):
                self._fail("protocol", "an event of the provider's stream is not a JSON object", events)
            case _:
                self._take_event(headers.get(":event-type"), event, events)

    def _take_event(self, kind: object, event: dict[str, Any], events: list[StreamEvent]) -> None:
        if kind in _EVENTS:
            self._begin(events)
        match kind:
            case "contentBlockStart":
                events.extend(self._blocks.start(_index(event), object_or_empty(event.get("start"))))
            case "contentBlockDelta":
                events.extend(self._blocks.delta(_index(event), object_or_empty(event.get("delta"))))
            case "contentBlockStop":
                events.extend(self._blocks.stop(_index(event)))
            case "messageStop":
                self._finish(event, events)
            case "metadata":
                self._take_metadata(event, events)
            case _ if kind not in _EVENTS:
                events.append(Pinged())  # an event of a kind not known shows only that the provider is alive

    def _begin(self, events: list[StreamEvent]) -> None:
        if not self._began:
            self._began = True
            events.append(self._head)

    def _finish(self, event: dict[str, Any], events: list[StreamEvent]) -> None:
        if self._finished:
            return
        self._finished = True
        events.extend(self._blocks.stop_all())
        if noted := stop_sequence_of(event):
            events.append(Noted(noted, 0))
        events.append(Finished(finish_reason_of(event.get("stopReason"), calls=bool(self._blocks.calls))))

    def _take_metadata(self, event: dict[str, Any], events: list[StreamEvent]) -> None:
        if notes := notes_of(event):
            events.append(Noted(notes))
        if (usage := usage_of(event.get("usage"), event.get("serviceTier"))) is not None:
            events.append(UsageReported(usage))
        if self._finished:
            self._end(events)

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        answer = decode_or_none(body)
        given = object_or_empty(answer)
        content = object_or_empty(object_or_empty(given.get("output")).get("message")).get("content")
        if not isinstance(content, list):
            self._fail_with(_failure_of_no_output(answer), events)
            return
        blocks = [block for block in content if isinstance(block, dict)]
        parts = [part_of_block(block, self._names, claude=self._claude) for block in blocks]
        said = tuple(part for part in parts if part is not None)
        reason = finish_reason_of(given.get("stopReason"), calls=any(isinstance(part, ToolCall) for part in said))
        choice = Choice(0, said, reason, stop_sequence_of(given))
        head = self._head
        usage = usage_of(given.get("usage"), given.get("serviceTier"))
        response = Response(head.id, head.model, 0, (choice,), usage, notes_of(given), DIALECT)
        events.extend(unfold(response))
        self._over = True


def _failure_of_no_output(answer: object) -> Failure:
    """Status 200 without an answer: an error in an answer's place, or nothing at all."""
    if not isinstance(answer, dict):
        return Failure("protocol", "the provider's answer is not a JSON object")
    reported = object_or_empty(answer.get("Output")) or answer
    named = reported.get("__type")
    if isinstance(named, str) or "message" in reported or "error" in reported:
        return failure_in_stream(str(named or "").rpartition("#")[2], reported)
    return Failure("protocol", f"the provider's answer has no output: {failure.encode_text(answer)[:200]}")


def _index(event: dict[str, Any]) -> int:
    index = event.get("contentBlockIndex")
    return index if isinstance(index, int) else 0
