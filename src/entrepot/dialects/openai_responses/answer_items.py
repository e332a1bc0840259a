"""The output items of an answer, from their beginnings, pieces and ends.

Rules of this file: an item's end says all of it, and what its pieces did not say is said then; so a whole answer is a stream of
ends alone, and a host that leaves pieces or ends out is understood all the same. All items are noted as they came (`output` in
the choice's `extra`), so that this dialect can render them again. Items that the canonical form does not know are given whole,
none while a text is being said: a part in the middle of a text would end it.
"""

from __future__ import annotations

from typing import Any

from entrepot.canonical.request import Media, Unknown
from entrepot.canonical.stream import (
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from entrepot.dialects.openai_responses.items import arguments_of_input, reasoning_texts
from entrepot.dialects.openai_responses.wire import DIALECT

Item = dict[str, Any]
Place = tuple[str, int]

CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_PARTS = {"output_text": "text", "refusal": "refusal"}
_HEAVY = frozenset({"content", "summary", "encrypted_content", "arguments", "input", "status", "type"})


class _Open:
    """An item under way: what was said of it, by the place in it (`output_text` 0, `summary` 1)."""

    def __init__(self, head: Item) -> None:
        self.head = head
        self.call: int | None = None
        self.said: dict[Place, list[str]] = {}


class Items:
    """All items of one answer."""

    def __init__(self) -> None:
        self._open: dict[int, _Open] = {}
        self._done: dict[int, Item] = {}
        self._held: dict[int, StreamEvent] = {}
        self._calls = 0
        self._latest: tuple[int, Place] | None = None

    @property
    def called(self) -> bool:
        """Whether there was a call of a function."""
        return self._calls > 0

    def add(self, index: int, item: Item) -> list[StreamEvent]:
        """An item begins."""
        if index in self._done or index in self._open:
            return []
        opened = self._open[index] = _Open({name: value for name, value in item.items() if name not in _HEAVY})
        return [self._start_call(opened, item)] if _kind(item) in CALLS else []

    def text(self, index: int, place: Place, piece: str) -> list[StreamEvent]:
        """More of a message's text or refusal, or of reasoning. `place` is which of the item's texts."""
        if index in self._done:
            return []
        opened = self._open.setdefault(index, _Open({}))
        begins = place not in opened.said
        opened.said.setdefault(place, []).append(piece)
        extra = {"item": opened.head} if begins and opened.head else {}
        spoken_before = self._latest is not None and self._latest[0] == index
        interrupted = self._latest != (index, place)
        self._latest = (index, place)
        match place[0]:
            case "output_text":
                return [TextDelta(piece, begins=interrupted, extra=extra)]
            case "refusal":
                return [RefusalDelta(piece, begins=interrupted)]
            case _:
                # One item is one part, whatever number of texts it has: a blank line stands between them.
                more = begins and len(opened.said) > 1
                spoken = f"\n\n{piece}" if more else piece
                return [ReasoningDelta(spoken, begins=not spoken_before, bound_to=DIALECT, extra=extra)]

    def arguments(self, index: int, piece: str) -> list[StreamEvent]:
        """More of a call's arguments. A custom tool's input waits for its end, because it must become JSON."""
        opened = self._open.get(index)
        if opened is None or opened.call is None or not piece:
            return []
        opened.said.setdefault(("arguments", 0), []).append(piece)
        return [ToolCallDelta(opened.call, piece)]

    def finish(self, index: int, item: Item) -> list[StreamEvent]:
        """An item is complete."""
        if index in self._done:
            return []
        events = self.add(index, item)
        opened = self._open[index]
        match item.get("type"):
            case "message" if (parts := _message_parts(item)) is not None:
                for place, text, content in parts:
                    events.extend(self._rest(index, opened, place, text))
                    if place[0] == "output_text" and (cited := _citations(content)):
                        events.append(TextDelta("", extra={"citations": cited}))
            case "reasoning":
                events.extend(self._finish_reasoning(index, opened, item))
            case "function_call" | "custom_tool_call":
                events.extend(self._finish_call(opened, item))
            case _:
                self._held[index] = PartAdded(_whole(item))
        del self._open[index]
        self._done[index] = item
        if self._latest is not None and self._latest[0] == index:
            self._latest = None
        return [*events, *self._release()]

    def finish_all(self, output: object) -> list[StreamEvent]:
        """The answer is complete. Of its own list of items those that were not finished are, now."""
        listed = [item for item in output if isinstance(item, dict)] if isinstance(output, list) else []
        events = [event for index, item in enumerate(listed) for event in self.finish(index, item)]
        self._latest = None
        events.extend(self._release())
        if noted := listed or [self._done[index] for index in sorted(self._done)]:
            events.append(Noted({"output": noted}, 0))
        return events

    def _release(self) -> list[StreamEvent]:
        """The items that are given whole, unless a text is being said."""
        if self._latest is not None:
            return []
        events = [self._held[index] for index in sorted(self._held)]
        self._held.clear()
        return events

    def _start_call(self, opened: _Open, item: Item) -> StreamEvent:
        opened.call, self._calls = self._calls, self._calls + 1
        extra: dict[str, Any] = {"item": opened.head} if opened.head else {}
        if item["type"] == "custom_tool_call":
            extra["custom"] = True
        call_id = item.get("call_id") or item.get("id") or f"call_{opened.call}"
        return ToolCallStarted(opened.call, str(call_id), str(item.get("name") or ""), extra=extra)

    def _rest(self, index: int, opened: _Open, place: Place, text: str) -> list[StreamEvent]:
        """What of a text its pieces have not said."""
        said = "".join(opened.said[place]) if place in opened.said else None
        if said is None:
            return self.text(index, place, text)
        return self.text(index, place, text[len(said) :]) if text.startswith(said) and text != said else []

    def _finish_reasoning(self, index: int, opened: _Open, item: Item) -> list[StreamEvent]:
        counts: dict[str, int] = {}
        events: list[StreamEvent] = []
        for field, text in reasoning_texts(item):
            number = counts.get(field, 0)
            counts[field] = number + 1
            events.extend(self._rest(index, opened, (field, number), text))
        sealed = item.get("encrypted_content")
        if isinstance(sealed, str) and sealed:
            silent = not any("".join(said) for said in opened.said.values())
            begins = not opened.said
            extra = {"item": opened.head} if begins and opened.head else {}
            events.append(ReasoningDelta("", sealed, 0, begins, silent, DIALECT, extra))
        return events

    def _finish_call(self, opened: _Open, item: Item) -> list[StreamEvent]:
        given = item.get(CALLS[item["type"]])
        whole = given if isinstance(given, str) else ""
        if item["type"] == "custom_tool_call":
            whole = arguments_of_input(whole)
        said = "".join(opened.said.get(("arguments", 0), ()))
        rest = whole[len(said) :] if whole.startswith(said) else ""
        return [ToolCallDelta(opened.call or 0, rest)] if rest else []


def _message_parts(item: Item) -> list[tuple[Place, str, Item]] | None:
    """A message's parts, each with its place; None where one is of a kind that is not known, or there is none."""
    content = item.get("content")
    parts: list[tuple[Place, str, Item]] = []
    for number, part in enumerate(content if isinstance(content, list) else ()):
        kind = _kind(part) if isinstance(part, dict) else ""
        text = part.get(_PARTS[kind]) if kind in _PARTS else None
        if not isinstance(text, str):
            return None
        parts.append(((kind, number), text, part))
    return parts or None


def _kind(item: Item) -> str:
    """What an item or a part says it is, empty where that is no word."""
    kind = item.get("type")
    return kind if isinstance(kind, str) else ""


def _whole(item: Item) -> Media | Unknown:
    """An image that was made is one; anything else stays what it was."""
    data = item.get("result")
    if item.get("type") == "image_generation_call" and isinstance(data, str) and data:
        kind = item.get("output_format")
        return Media("image", f"image/{kind if isinstance(kind, str) else 'png'}", data=data, extra={"item": item})
    return Unknown(DIALECT, item)


def _citations(content: Item) -> list[dict[str, Any]]:
    """Citations in the shared form (request.SHARED_EXTRA), each with its annotation."""
    found = []
    names = (("url", "url"), ("title", "title"), ("start_index", "start"), ("end_index", "end"))
    annotations = content.get("annotations")
    for each in annotations if isinstance(annotations, list) else ():
        if isinstance(each, dict):
            found.append({**{ours: each[theirs] for theirs, ours in names if theirs in each}, "raw": each})
    return found
