"""Canonical events to a stream of chunks in this dialect; what is left out, and how seals are kept, is said in `render.py`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.request import Media, Reasoning
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import (
    Ended,
    Finished,
    Noted,
    PartAdded,
    Pinged,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.openai_chat.content import detail_of_reasoning
from entrepot.dialects.openai_chat.errors import error_body, error_type
from entrepot.dialects.openai_chat.render import REASONS, image_of, signature_of, usage_fields
from entrepot.dialects.openai_chat.wire import encode
from entrepot.errors import EntrepotError

_DONE = b"data: [DONE]\n\n"


class StreamRenderer:
    """An answer as a stream of chunks, ended by `[DONE]`."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self, include_usage: bool, created_s: int) -> None:
        self._include_usage = include_usage
        self._started = Started("", "", created_s)
        self._created_s = created_s
        self._opened: set[int] = set()
        self._said: dict[int, int] = {}
        self._details: dict[int, int] = {}
        self._usage: Usage | None = None

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """The chunks that these events add."""
        return b"".join(self._render(event) for event in events)

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last event. No `[DONE]` follows: the answer is not done."""
        return b"data: " + encode(error_body(error, error_type(error.status))) + b"\n\n"

    def _render(self, event: StreamEvent) -> bytes:
        match event:
            case Started():
                self._started = event
                return b""
            case TextDelta():
                return self._text(event)
            case ReasoningDelta():
                return self._reasoning(event)
            case RefusalDelta():
                return self._delta(event.index, {"refusal": event.text})
            case ToolCallStarted():
                function = {"name": event.name, "arguments": ""}
                call = {"index": event.call, "id": event.id, "type": "function", "function": function}
                return self._delta(event.index, {"tool_calls": [{**call, **signature_of(event)}]})
            case ToolCallDelta():
                piece = {"index": event.call, "function": {"arguments": event.arguments}}
                return self._delta(event.index, {"tool_calls": [piece]})
            case PartAdded(Media() as media):
                return self._delta(event.index, {"images": [image_of(media)]}) if media.kind == "image" else b""
            case Noted(extra, int(index)) if "logprobs" in extra:
                return self._chunk(index, {}, None, {"logprobs": extra["logprobs"]})
            case Finished():
                return self._chunk(event.index, self._opening(event.index), REASONS[event.reason])
            case UsageReported():
                self._usage = event.usage
                return b""
            case Pinged():
                return b": ping\n\n"
            case Ended():
                return self._end()
            case _:
                return b""

    def _text(self, event: TextDelta) -> bytes:
        delta: dict[str, Any] = {"content": event.text} if event.text else {}
        start = self._said.get(event.index, 0)
        self._said[event.index] = start + len(event.text)
        cited = [cited for cited in event.extra.get("citations", ()) if cited.get("url")]
        if cited:
            placed = {"start_index": cited[0].get("start") or start, "end_index": self._said[event.index]}
            delta["annotations"] = [
                {"type": "url_citation", "url_citation": {"url": c["url"], "title": c.get("title") or "", **placed}}
                for c in cited
            ]
        return self._delta(event.index, delta) if delta else b""

    def _reasoning(self, event: ReasoningDelta) -> bytes:
        delta: dict[str, Any] = {"reasoning_content": event.text} if event.text else {}
        earlier = self._details.get(event.index)
        position = 0 if earlier is None else earlier + event.begins
        self._details[event.index] = position
        if event.signature is not None:
            part = Reasoning(event.text, event.signature, event.redacted, event.bound_to)
            delta["reasoning_details"] = [detail_of_reasoning(part, position)]
        return self._delta(event.index, delta) if delta else b""

    def _opening(self, index: int) -> dict[str, Any]:
        if index in self._opened:
            return {}
        self._opened.add(index)
        return {"role": "assistant", "content": ""}

    def _delta(self, index: int, delta: dict[str, Any]) -> bytes:
        return self._chunk(index, {**self._opening(index), **delta}, None)

    def _chunk(
        self, index: int, delta: dict[str, Any], reason: str | None, more: dict[str, Any] | None = None
    ) -> bytes:
        choice = {"index": index, "delta": delta, "finish_reason": reason, **(more or {})}
        return self._frame({"choices": [choice]})

    def _frame(self, fields: dict[str, Any]) -> bytes:
        started = self._started
        head = {
            "id": started.id or "chatcmpl",
            "object": "chat.completion.chunk",
            "created": started.created or self._created_s,
            "model": started.model,
        }
        return b"data: " + encode({**head, **fields}) + b"\n\n"

    def _end(self) -> bytes:
        if self._usage is None or not self._include_usage:
            return _DONE
        return self._frame({"choices": [], "usage": usage_fields(self._usage, own=False)}) + _DONE
