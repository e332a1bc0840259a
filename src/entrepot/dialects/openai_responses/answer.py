"""A provider's answer in this dialect, whole or streamed, to canonical events.

Rules of this file: what a stream says of its end (`response.completed`) is what a whole answer says, and both are understood by
the same words. A field of the response that has no canonical name is kept in the answer's `extra`. Events of hosted tools under
way say only that the provider is alive; the finished item says what they did. A stream without its last event was cut off.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.response import FinishReason
from entrepot.canonical.stream import (
    Failure,
    Finished,
    Noted,
    Pinged,
    Started,
    StreamEvent,
    UsageReported,
)
from entrepot.dialects.answer_body import BodyParser, decode_or_none, object_or_empty
from entrepot.dialects.failure import failure_of
from entrepot.dialects.openai_responses.answer_items import Items
from entrepot.dialects.openai_responses.usage import usage_of
from entrepot.dialects.openai_responses.wire import DIALECT

_KNOWN = frozenset({"id", "model", "output", "object"})
_OVER = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.cancelled", "response.done"}
)
_INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "max_tokens": "length",
    "max_messages": "length",
    "content_filter": "content_filter",
}


class ResponseParser(BodyParser):
    """One answer."""

    def __init__(self) -> None:
        super().__init__()
        self._started = False
        self._items = Items()

    def _take_data(self, data: bytes, name: bytes | None, events: list[StreamEvent]) -> None:
        if data.strip() == b"[DONE]":
            self._cut_off(events)
            return
        event = decode_or_none(data)
        if not isinstance(event, dict):
            self._fail("protocol", "an event of the provider's stream is not a JSON object", events)
            return
        kind = str(event.get("type") or (name or b"").decode("utf-8", "replace"))
        if kind == "error" or (event.get("error") and not kind.startswith("response.")):
            self._fail_with(failure_of(event, 0), events)
        elif kind in _OVER:
            self._finish(object_or_empty(event.get("response")), events)
        else:
            events.extend(self._item_event(kind, event))

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        response = decode_or_none(body)
        if not isinstance(response, dict):
            self._fail("protocol", "the provider's answer is not the JSON of a response", events)
        elif not isinstance(response.get("output"), list) and not response.get("error"):
            self._fail("protocol", "the provider's answer holds no output", events)
        else:
            self._finish(response, events)

    def _take_end(self, events: list[StreamEvent]) -> None:
        self._cut_off(events)

    def _item_event(self, kind: str, event: dict[str, Any]) -> list[StreamEvent]:
        index, delta = _number(event, "output_index"), event.get("delta")
        piece = delta if isinstance(delta, str) else ""
        match kind:
            case "response.created" | "response.in_progress" | "response.queued":
                return self._start(object_or_empty(event.get("response")))
            case "response.output_item.added":
                return self._items.add(index, object_or_empty(event.get("item")))
            case "response.output_item.done":
                return self._items.finish(index, object_or_empty(event.get("item")))
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

    def _finish(self, response: dict[str, Any], events: list[StreamEvent]) -> None:
        """All that the response says of itself, once it is over."""
        status = str(response.get("status"))
        events.extend(self._start(response))
        if response.get("error") or status in ("failed", "cancelled"):
            self._fail_with(_failure(response, status), events)
            return
        events.extend(self._items.finish_all(response.get("output")))
        if extra := {name: value for name, value in response.items() if name not in _KNOWN}:
            events.append(Noted(extra))
        events.append(Finished(self._reason(response, status), 0))
        usage = response.get("usage")
        if isinstance(usage, dict) and usage:
            events.append(UsageReported(usage_of(usage, response.get("service_tier"))))
        self._end(events)

    def _reason(self, response: dict[str, Any], status: str) -> FinishReason:
        if status == "incomplete":
            word = object_or_empty(response.get("incomplete_details")).get("reason")
            return _INCOMPLETE.get(str(word), "unknown")
        if status in ("queued", "in_progress"):
            return "unknown"
        return "tool_calls" if self._items.called else "stop"


def _failure(response: dict[str, Any], status: str) -> Failure:
    error = response.get("error")
    return failure_of(error, 0) if error else Failure("server_error", f"the provider ended the response as {status}")


def _number(event: dict[str, Any], name: str) -> int:
    number = event.get(name)
    return number if isinstance(number, int) else 0
