"""Canonical events to a stream of this dialect's events; what is left out, and how parts become items, is said in `render.py`
and `render_items.py`.

Rules of this file: every event has the next `sequence_number`; items are numbered by `output_index` in the order in which they
begin, and `response.completed` lists them as they were finished. A message or a piece of reasoning is finished when something
else begins. Calls stay open until the end, because their arguments may interleave; a custom tool's input is said in one piece,
because it must be taken out of its JSON first.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Media
from entrepot.canonical.response import FinishReason
from entrepot.canonical.stream import (
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.errors import error_body
from entrepot.dialects.openai_responses.head import Head, state_of
from entrepot.dialects.openai_responses.names import ClientNames
from entrepot.dialects.openai_responses.render_items import Item, ItemIds, items_of_part, signature_item
from entrepot.dialects.openai_responses.streamed_items import StreamedCall, StreamedMessage, StreamedReasoning
from entrepot.dialects.openai_responses.usage import usage_fields
from entrepot.dialects.openai_responses.wire import encode
from entrepot.dialects.sse import render_frame
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError


class StreamRenderer(StreamAnswer):
    """One answer. Choices after the first are left out."""

    def __init__(self, asked: Asked, created_s: int) -> None:
        super().__init__()
        self._head = Head(asked, created_s)
        self._names = ClientNames(asked.request)
        self._ids = ItemIds("")
        self._sequence = 0
        self._items: dict[int, Item] = {}
        self._count = 0
        self._speaking: StreamedMessage | StreamedReasoning | None = None
        self._calls: dict[int, StreamedCall] = {}
        self._refused = False
        self._reason: FinishReason = "unknown"
        self._usage: dict[str, Any] | None = None
        self._extra: dict[str, Any] = {}

    def break_off(self, error: EntrepotError) -> bytes:
        """The response as failed, then the error as an event of its own: clients look for the one or the other."""
        for kind, fields in failure_events(self._head, error):
            self._say(kind, **fields)
        said, self._out = b"".join(self._out), []
        return said

    def _start(self, event: Started) -> None:
        self._head.start(event)
        self._ids = ItemIds(self._head.id)
        for kind in ("response.created", "response.in_progress"):
            self._say(kind, response=self._head.response("in_progress"))

    def _text(self, event: TextDelta) -> None:
        if event.index:
            return
        if not event.text and not event.begins and not isinstance(self._speaking, StreamedMessage):
            return
        message = self._message(event.extra)
        self._emit(message.text(event.text))
        for cited in event.extra.get("citations", ()):
            self._emit(message.cite(cited, self._head.own))

    def _refusal(self, event: RefusalDelta) -> None:
        if not event.index:
            self._refused = True
            self._emit(self._message({}).refuse(event.text))

    def _reasoning(self, event: ReasoningDelta) -> None:
        if event.index:
            return
        if event.begins or not isinstance(self._speaking, StreamedReasoning):
            self._quieten()
            reasoning = StreamedReasoning(self._ids.next("rs"), self._take_place(), self._kept(event.extra))
            self._speaking = reasoning
            self._emit(reasoning.begin())
        self._emit(self._speaking.take(event))

    def _call(self, event: ToolCallStarted) -> None:
        if event.index:
            return
        self._quieten()
        if event.signature is not None:
            self._whole_item(signature_item(event.signature, event.bound_to, self._ids.next("rs")))
        custom = self._names.is_custom(event.name) or (self._head.own and bool(event.extra.get("custom")))
        kind = "ctc" if custom else "fc"
        kept = {**self._kept(event.extra), **self._names.spell({"name": event.name})}
        call = StreamedCall(event, self._ids.next(kind), self._take_place(), custom, kept)
        self._calls[event.call] = call
        self._emit(call.begin())

    def _arguments(self, event: ToolCallDelta) -> None:
        call = self._calls.get(event.call)
        if call is not None and not event.index:
            self._emit(call.take(event.arguments))

    def _part(self, event: PartAdded) -> None:
        if event.index:
            return
        if self._head.own and isinstance(event.part, Media) and "item" in event.part.extra:
            items = [event.part.extra["item"]]
        else:
            items = list(items_of_part(event.part, self._ids, self._names))
        for item in items:
            self._quieten()
            self._whole_item(item)

    def _noted(self, event: Noted) -> None:
        if event.index is None and self._head.own:
            self._extra = {**self._extra, **event.extra}

    def _finished(self, event: Finished) -> None:
        if not event.index:
            self._reason = event.reason

    def _counted(self, event: UsageReported) -> None:
        self._usage = usage_fields(event.usage, self._head.own)

    def _ping(self) -> None:
        self._out.append(b": ping\n\n")

    def _end(self) -> None:
        status, why = state_of(self._reason, self._refused)
        self._quieten(status)
        for call in self._calls.values():
            self._emit(call.finish())
            self._items[call.index] = call.item
        output = [self._items[index] for index in sorted(self._items)]
        response = self._head.response(status, output, usage=self._usage, incomplete=why)
        self._say(f"response.{status}", response={**response, **self._extra, **self._head.echo})

    def _message(self, extra: Item) -> StreamedMessage:
        """The message that is open, or a new one."""
        kept = self._kept(extra)
        if isinstance(self._speaking, StreamedMessage) and kept.get("id") in (None, self._speaking.item["id"]):
            return self._speaking
        self._quieten()
        message = StreamedMessage(self._ids.next("msg"), self._take_place(), kept)
        self._speaking = message
        self._emit(message.begin())
        return message

    def _kept(self, extra: Item) -> Item:
        """What a provider of this dialect said of the item."""
        kept = extra.get("item") if self._head.own else None
        return kept if isinstance(kept, dict) else {}

    def _quieten(self, status: str = "completed") -> None:
        """Finish the message or the reasoning that is open."""
        if self._speaking is not None:
            self._emit(self._speaking.finish(status))
            self._items[self._speaking.index] = self._speaking.item
            self._speaking = None

    def _whole_item(self, item: Item) -> None:
        index = self._take_place()
        self._items[index] = item
        self._say("response.output_item.added", output_index=index, item=item)
        self._say("response.output_item.done", output_index=index, item=item)

    def _take_place(self) -> int:
        self._count += 1
        return self._count - 1

    def _emit(self, events: list[tuple[str, Item]]) -> None:
        for kind, fields in events:
            self._say(kind, **fields)

    def _say(self, kind: str, **fields: Any) -> None:  # noqa: ANN401 - any JSON
        event = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        self._out.append(render_frame(encode(event), kind.encode()))


def failure_events(head: Head, error: EntrepotError) -> list[tuple[str, dict[str, Any]]]:
    """What is said of an answer that cannot be completed."""
    said = {"code": "server_error", "message": error.public}
    body = error_body(error)
    return [
        ("response.failed", {"response": head.response("failed", error=said)}),
        ("error", {**body["error"], "type": "error", **body}),
    ]
