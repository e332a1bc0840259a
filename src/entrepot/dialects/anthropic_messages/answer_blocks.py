"""The blocks of a streamed answer, from their starts, deltas and stops."""

from __future__ import annotations

from typing import Any

import msgspec

from entrepot.canonical.request import Media, Part, Reasoning, Text, ToolResult, Unknown
from entrepot.canonical.stream import (
    PartAdded,
    ReasoningDelta,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from entrepot.dialects.anthropic_messages.blocks import part_of_block, shared_citation
from entrepot.dialects.anthropic_messages.names import Names
from entrepot.dialects.anthropic_messages.wire import DIALECT
from entrepot.errors import InvalidRequest


class _Block:
    """A block that is open. `call` is its tool call's number; `pieces` the JSON of its input so far."""

    def __init__(self, start: dict[str, Any], call: int | None) -> None:
        self.start = start
        self.kind = start.get("type")
        self.call = call
        self.pieces: list[str] = []
        self.said = False


class Blocks:
    """All blocks of one answer."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._open: dict[int, _Block] = {}
        self._calls = 0
        self._speaking: int | None = None
        self._waiting: dict[int, list[StreamEvent]] = {}

    def start(self, index: int, start: dict[str, Any]) -> list[StreamEvent]:
        """A block begins."""
        events = self.stop(index)  # a block that was never stopped
        block = self._open[index] = _Block(start, None)
        match block.kind:
            case "text" | "thinking":
                text = start.get(str(block.kind))
                return [*events, *self._say(index, self._delta_of(block, text if isinstance(text, str) else ""))]
            case "tool_use":
                block.call = self._calls
                self._calls += 1
                rest = {k: v for k, v in start.items() if k not in ("type", "id", "name", "input")}
                name = self._names.back(str(start.get("name") or ""))
                extra = {"rest": rest} if rest else {}
                return [*events, ToolCallStarted(block.call, str(start.get("id") or ""), name, 0, extra=extra)]
            case _:
                return events  # given whole when it stops

    def delta(self, index: int, delta: dict[str, Any]) -> list[StreamEvent]:
        """A block grows. A delta of a kind not known, or of no open block, is passed over."""
        block = self._open.get(index)
        if block is None:
            return []
        match delta:
            case {"type": "text_delta", "text": str(text)} | {"type": "thinking_delta", "thinking": str(text)}:
                return self._say(index, self._delta_of(block, text))
            case {"type": "signature_delta", "signature": str(signature)}:
                return self._say(index, ReasoningDelta(signature=signature, bound_to=DIALECT))
            case {"type": "citations_delta", "citation": citation}:
                return self._say(index, TextDelta("", extra={"citations": [shared_citation(citation)]}))
            case {"type": "input_json_delta", "partial_json": str(piece)}:
                block.pieces.append(piece)
                return [ToolCallDelta(block.call, piece)] if block.call is not None and piece else []
            case {"type": str(kind)} if kind.endswith("_delta"):
                # A later kind of block that grows by a field of its own, like compaction's `content`.
                for name, value in delta.items():
                    if name != "type" and isinstance(value, str):
                        known = block.start.get(name)
                        block.start = {**block.start, name: known + value if isinstance(known, str) else value}
                return []
            case _:
                return []

    def stop(self, index: int) -> list[StreamEvent]:
        """A block is complete."""
        block = self._open.pop(index, None)
        if block is None:
            return []
        if block.call is not None:
            given = block.start.get("input")
            if not block.pieces and given:  # some hosts give the input whole, at the start
                return [ToolCallDelta(block.call, msgspec.json.encode(given).decode())]
            return []
        if block.kind in ("text", "thinking"):
            return self._silence(index)
        return self._whole(block)

    def stop_all(self) -> list[StreamEvent]:
        """The message is complete, whatever was left open."""
        return [event for index in sorted(self._open) for event in self.stop(index)]

    def _delta_of(self, block: _Block, text: str) -> TextDelta | ReasoningDelta:
        begins, block.said = not block.said, True
        if block.kind == "thinking":
            return ReasoningDelta(text, begins=begins, bound_to=DIALECT)
        cited = block.start.get("citations") if begins else None
        extra = {"citations": [shared_citation(each) for each in cited]} if isinstance(cited, list) and cited else {}
        return TextDelta(text, begins=begins, extra=extra)

    def _say(self, index: int, event: StreamEvent) -> list[StreamEvent]:
        if self._speaking in (None, index):
            self._speaking = index
            return [event]
        self._waiting.setdefault(index, []).append(event)
        return []

    def _silence(self, index: int) -> list[StreamEvent]:
        """Let the blocks that waited for this one speak, the first that is still open for as long as it is."""
        if self._speaking != index:
            return []
        self._speaking = None
        events: list[StreamEvent] = []
        for waiting in sorted(self._waiting):
            events.extend(self._waiting.pop(waiting))
            if waiting in self._open:
                self._speaking = waiting
                break
        return events

    def _whole(self, block: _Block) -> list[StreamEvent]:
        start = block.start
        if block.pieces:
            try:
                start = {**start, "input": msgspec.json.decode("".join(block.pieces))}
            except msgspec.DecodeError:
                start = {**start, "input": {"invalid_json": "".join(block.pieces)}}
        try:
            part: Part = part_of_block(start, "content")
        except InvalidRequest:
            part = Unknown(DIALECT, start)
        if isinstance(part, Reasoning):
            return [ReasoningDelta(part.text, part.signature, 0, True, part.redacted, part.bound_to, part.extra)]
        if isinstance(part, Media | ToolResult | Unknown):
            return [PartAdded(part)]
        return [TextDelta(part.text, begins=True, extra=part.extra)] if isinstance(part, Text) else []
