"""Output items of a streamed answer while they are under way: each says the events of its beginning, its pieces and its end.

Rules of this file: an event is its name and its fields, without the sequence number. What `item` says once an item is finished is
what its pieces added up to. `kept` is what a provider of this dialect said of the item, its id first of all, and a call's name as
its client knows it.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Reasoning
from entrepot.canonical.stream import ReasoningDelta, ToolCallStarted
from entrepot.dialects.openai_responses.render_items import (
    Item,
    annotation,
    call_item,
    custom_item,
    input_of_arguments,
    reasoning_item,
    text_part,
)

Events = list[tuple[str, Item]]


class _Streamed:
    """What every item under way has."""

    def __init__(self, item: Item, index: int) -> None:
        self.item = item
        self.index = index

    def begin(self) -> Events:
        """The item is there."""
        return [("response.output_item.added", {"output_index": self.index, "item": dict(self.item)})]

    def _done(self) -> tuple[str, Item]:
        return "response.output_item.done", {"output_index": self.index, "item": self.item}

    def _at(self, **more: Any) -> Item:  # noqa: ANN401 - any JSON
        return {"item_id": self.item["id"], "output_index": self.index, **more}


class StreamedMessage(_Streamed):
    """A message: one text, and refusals."""

    def __init__(self, item_id: str, index: int, kept: Item) -> None:
        head = {"id": item_id, "type": "message", "role": "assistant", "status": "in_progress"}
        super().__init__({**head, **kept, "content": []}, index)
        self._content: list[Item] = []
        self._pieces: list[str] = []
        self._length = 0

    def text(self, piece: str) -> Events:
        """More text."""
        events = self._open("output_text")
        if piece:
            self._pieces.append(piece)
            self._length += len(piece)
            more = {"content_index": len(self._content) - 1, "delta": piece, "logprobs": []}
            events.append(("response.output_text.delta", self._at(**more)))
        return events

    def cite(self, cited: Item, own: bool) -> Events:
        """A citation of the text so far."""
        events = self._open("output_text")
        if own and "raw" in cited:
            placed = cited["raw"]
        elif cited.get("url"):
            placed = annotation(cited, 0, self._length)
        else:
            return events
        noted: list[Item] = self._content[-1]["annotations"]
        noted.append(placed)
        more = {
            "content_index": len(self._content) - 1,
            "annotation_index": len(noted) - 1,
            "annotation": placed,
        }
        return [*events, ("response.output_text.annotation.added", self._at(**more))]

    def refuse(self, piece: str) -> Events:
        """More of a refusal."""
        events = self._open("refusal")
        if piece:
            self._pieces.append(piece)
            more = {"content_index": len(self._content) - 1, "delta": piece}
            events.append(("response.refusal.delta", self._at(**more)))
        return events

    def finish(self, status: str) -> Events:
        """The message is complete, or as complete as it gets."""
        events = self._close()
        self.item = {**self.item, "status": status, "content": self._content}
        return [*events, self._done()]

    def _open(self, kind: str) -> Events:
        """The part of this kind, a new one if another was open."""
        if self._content and self._content[-1]["type"] == kind:
            return []
        events = self._close()
        part = text_part("") if kind == "output_text" else {"type": "refusal", "refusal": ""}
        self._content.append(part)
        added = self._at(content_index=len(self._content) - 1, part=_copy(part))
        return [*events, ("response.content_part.added", added)]

    def _close(self) -> Events:
        if not self._content:
            return []
        part, place = self._content[-1], len(self._content) - 1
        whole, self._pieces, self._length = "".join(self._pieces), [], 0
        if part["type"] == "refusal":
            part["refusal"] = whole
            done = ("response.refusal.done", self._at(content_index=place, refusal=whole))
        else:
            part["text"] = whole
            done = ("response.output_text.done", self._at(content_index=place, text=whole, logprobs=[]))
        return [done, ("response.content_part.done", self._at(content_index=place, part=_copy(part)))]


class StreamedReasoning(_Streamed):
    """Reasoning, as one summary."""

    def __init__(self, item_id: str, index: int, kept: Item) -> None:
        super().__init__({"id": item_id, "type": "reasoning", **kept, "summary": []}, index)
        self._pieces: list[str] = []
        self._signature: str | None = None
        self._bound_to: str | None = None

    def take(self, event: ReasoningDelta) -> Events:
        """More of its text, or of what seals it."""
        self._bound_to = event.bound_to or self._bound_to
        if event.signature is not None:
            self._signature = (self._signature or "") + event.signature
        if not event.text:
            return []
        events: Events = []
        if not self._pieces:
            part = {"type": "summary_text", "text": ""}
            events.append(("response.reasoning_summary_part.added", self._at(summary_index=0, part=part)))
        self._pieces.append(event.text)
        delta = self._at(summary_index=0, delta=event.text)
        return [*events, ("response.reasoning_summary_text.delta", delta)]

    def finish(self, _status: str) -> Events:
        """The reasoning is over."""
        events: Events = []
        whole = "".join(self._pieces)
        if whole:
            part = {"type": "summary_text", "text": whole}
            events.append(("response.reasoning_summary_text.done", self._at(summary_index=0, text=whole)))
            events.append(("response.reasoning_summary_part.done", self._at(summary_index=0, part=part)))
        sealed = Reasoning(whole, self._signature, bound_to=self._bound_to)
        self.item = {**self.item, **reasoning_item(sealed, self.item["id"])}
        return [*events, self._done()]


class StreamedCall(_Streamed):
    """A tool call."""

    def __init__(self, started: ToolCallStarted, item_id: str, index: int, custom: bool, kept: Item) -> None:
        self._custom = custom
        begun = (
            custom_item(item_id, started.id, started.name, "")
            if custom
            else call_item(item_id, started.id, started.name, "", "in_progress")
        )
        super().__init__({**begun, "name": started.name, **kept, "call_id": started.id}, index)
        self._pieces: list[str] = []

    def take(self, piece: str) -> Events:
        """More of its arguments."""
        self._pieces.append(piece)
        if self._custom or not piece:
            return []
        return [("response.function_call_arguments.delta", self._at(delta=piece))]

    def finish(self) -> Events:
        """The call is complete. One without arguments has an empty object of them."""
        said = "".join(self._pieces)
        whole = said or "{}"
        if self._custom:
            text = input_of_arguments(whole) if said else ""
            self.item = {**self.item, "input": text}
            events: Events = [("response.custom_tool_call_input.delta", self._at(delta=text))] if text else []
            return [*events, ("response.custom_tool_call_input.done", self._at(input=text)), self._done()]
        self.item = {**self.item, "arguments": whole, "status": "completed"}
        events = [] if said else [("response.function_call_arguments.delta", self._at(delta=whole))]
        done = self._at(arguments=whole, name=self.item["name"])
        return [*events, ("response.function_call_arguments.done", done), self._done()]


def _copy(part: Item) -> Item:
    """A part as it is now, whatever is added to it later."""
    return {**part, "annotations": list(part["annotations"])} if "annotations" in part else dict(part)
