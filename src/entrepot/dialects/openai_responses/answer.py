"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: what a stream says of its end (`response.completed`) is what a whole answer says, and both are understood by
the same words. A field of the response that has no canonical name is kept in the answer's `extra`. Events of hosted tools under
way say only that the provider is alive; the finished item says what they did. A stream without its last event was cut off.
"""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.response import FinishReason
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
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_responses.answer_items import Items
from entrepot.dialects.openai_responses.usage import usage_of
from entrepot.dialects.openai_responses.wire import DIALECT, decode_object
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.errors import ProviderError

MAX_ANSWER_BYTES = 256 * 1024 * 1024
_KNOWN = frozenset({"id", "model", "output", "object"})
_OVER = frozenset({"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"})
_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
}


class ResponseParser:
    """One answer."""

    def __init__(self) -> None:
        self._splitter = FrameSplitter()
        self._body = bytearray()
        self._streams: bool | None = None
        self._started = False
        self._items = Items()
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
        return [event for frame in frames for event in self._take(frame)]

    def close(self) -> list[StreamEvent]:
        """The body is over."""
        if self._over:
            return []
        if not self._streams:
            return self._whole()
        last = self._splitter.close()
        events = [] if last is None else self._take(last)
        return events if self._over else [*events, *self._cut_off()]

    def _take(self, frame: Frame) -> list[StreamEvent]:
        if self._over:
            return []
        if frame.data is None:
            return [Pinged()]
        if frame.data.strip() == b"[DONE]":
            return self._cut_off()
        try:
            event = decode_object(frame.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "an event of the provider's stream is not a JSON object")
        kind = str(event.get("type") or (frame.event or b"").decode("utf-8", "replace"))
        if kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self._over = True
            return [Failed(failure_of(event, 0))]
        if kind in _OVER:
            return self._end(_object(event.get("response")))
        return self._item_event(kind, event)

    def _item_event(self, kind: str, event: dict[str, Any]) -> list[StreamEvent]:
        index, delta = _number(event, "output_index"), event.get("delta")
        piece = delta if isinstance(delta, str) else ""
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(_object(event.get("response")))
            case "response.output_item.added":
                return self._items.add(index, _object(event.get("item")))
            case "response.output_item.done":
                return self._items.finish(index, _object(event.get("item")))
            case "response.output_text.delta":
                return self._items.text(index, ("output_text", _number(event, "content_index")), piece)
            case "response.refusal.delta":
                return self._items.text(index, ("refusal", _number(event, "content_index")), piece)
            case "response.reasoning_text.delta":
                return self._items.text(index, ("content", _number(event, "content_index")), piece)
            case "response.reasoning_summary_text.delta":
                return self._items.text(index, ("summary", _number(event, "summary_index")), piece)
            case "response.function_call_arguments.delta":
                return self._items.arguments(index, piece)
            case _:
                return [Pinged()]

    def _start(self, response: dict[str, Any]) -> list[StreamEvent]:
        if self._started or not response:
            return []
        self._started = True
        created = response.get("created_at")
        return [
            Started(
                str(response.get("id") or ""),
                str(response.get("model") or ""),
                int(created) if isinstance(created, int | float) and abs(created) < 1e15 else 0,
                DIALECT,
            )
        ]

    def _whole(self) -> list[StreamEvent]:
        try:
            response = decode_object(bytes(self._body))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._fail("protocol", "the provider's answer is not the JSON of a response")
        if not isinstance(response.get("output"), list) and not response.get("error"):
            return self._fail("protocol", "the provider's answer holds no output")
        return self._end(response)

    def _end(self, response: dict[str, Any]) -> list[StreamEvent]:
        """All that the response says of itself, once it is over."""
        self._over = True
        status = str(response.get("status"))
        if response.get("error") or status in ("failed", "cancelled"):
            return [*self._start(response), Failed(_failure(response, status))]
        events = [*self._start(response), *self._items.finish_all(response.get("output"))]
        if extra := {name: value for name, value in response.items() if name not in _KNOWN}:
            events.append(Noted(extra))
        events.append(Finished(self._reason(response, status), 0))
        usage = response.get("usage")
        if isinstance(usage, dict) and usage:
            events.append(UsageReported(usage_of(usage)))
        return [*events, Ended()]

    def _reason(self, response: dict[str, Any], status: str) -> FinishReason:
        if status == "incomplete":
            word = _object(response.get("incomplete_details")).get("reason")
            return _INCOMPLETE.get(str(word), "unknown")
        if status in ("queued", "in_progress"):
            return "unknown"
        return "tool_calls" if self._items.called else "stop"

    def _cut_off(self) -> list[StreamEvent]:
        return self._fail("cut_off", "the provider ended the stream before the answer was finished")

    def _fail(self, kind: FailureKind, message: str) -> list[StreamEvent]:
        self._over = True
        return [Failed(Failure(kind, message))]


def _failure(response: dict[str, Any], status: str) -> Failure:
    error = response.get("error")
    return failure_of(error, 0) if error else Failure("server_error", f"the provider ended the response as {status}")


def _number(event: dict[str, Any], name: str) -> int:
    number = event.get(name)
    return number if isinstance(number, int) else 0


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
