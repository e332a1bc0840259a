"""Canonical events to what a client of this dialect reads: a stream, as server-sent events or as a JSON array.

Rules of this file: each chunk is an answer of its own that holds what is new. A call is one part, so it waits until its arguments
are complete: until something else is said, or the answer ends. The finish reason waits for the answer's end, so that it comes
with the final usage. An error in the middle is an element `{"error": …}`, which Google's own client raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from entrepot.canonical.fold import merge_extra
from entrepot.canonical.request import Part, Reasoning, Refusal, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Usage
from entrepot.canonical.stream import (
    Ended,
    Finished,
    Noted,
    PartAdded,
    ReasoningDelta,
    RefusalDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.gemini_generate.citations import grounding_of, shared_citations
from entrepot.dialects.gemini_generate.failure import error_body
from entrepot.dialects.gemini_generate.parts import join_reasoning, own_extra
from entrepot.dialects.gemini_generate.render import (
    choice_fields,
    finish_fields,
    head,
    is_refused_prompt,
    reason_of,
    render_parts,
)
from entrepot.dialects.gemini_generate.usage import render_usage
from entrepot.dialects.gemini_generate.wire import DIALECT, encode
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError

BLANK_LINE = b"\r\n"
"""What keeps a connection open: between events and between an array's elements it says nothing. Google's own client takes a
comment for the beginning of an answer, and fails."""


class _Choice:
    """What of a choice has not been said yet."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.parts: list[Part] = []
        self.calls: dict[int, tuple[ToolCallStarted, list[str]]] = {}
        self.fields: dict[str, Any] = {}
        self.extra: dict[str, Any] = {}
        self.malformed: list[str] = []
        self.text = ""
        self.text_start = 0
        self.in_text = False
        self.citations: list[dict[str, Any]] = []
        self.reason: FinishReason = "unknown"
        self.spoke = False
        self.bound_to: str | None = None
        self.refused = False

    def add(self, part: Part, *, begins: bool) -> None:
        """Say `part` next; texts and thoughts that go on are joined."""
        self.release_calls()
        latest = self.parts[-1] if self.parts else None
        if isinstance(part, Text):
            if begins or not self.in_text:
                self.text_start = len(self.text)
            self.text += part.text
        self.in_text = isinstance(part, Text)
        if not begins and isinstance(part, Text) and isinstance(latest, Text) and not part.extra and not latest.extra:
            self.parts[-1] = Text(latest.text + part.text)
        elif isinstance(part, Text) and not part.text and not part.extra:
            pass
        elif (
            not begins
            and isinstance(part, Reasoning)
            and isinstance(latest, Reasoning)
            and (joined := join_reasoning(latest, part)) is not None
        ):
            self.parts[-1] = joined
        else:
            self.parts.append(part)

    def release_calls(self) -> None:
        """The calls under way are complete."""
        for started, pieces in self.calls.values():
            self.parts.append(
                ToolCall(started.id, started.name, "".join(pieces), started.signature, started.extra, started.bound_to)
            )
        self.calls = {}


class StreamRenderer(StreamAnswer):
    """An answer as a stream: server-sent events, or the elements of an array."""

    def __init__(self, *, array: bool) -> None:
        super().__init__()
        self.content_type = b"application/json; charset=UTF-8" if array else b"text/event-stream; charset=utf-8"
        self._array = array
        self._opened = False
        self._started = Started("", "")
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._fields: dict[str, Any] = {}
        self._extra: dict[str, Any] = {}

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """One chunk for all that these events say, and the last one where they end the answer."""
        said = super().render(events)
        if any(isinstance(event, Ended) for event in events):
            return self._chunk(final=True) + (b"]" if self._array else b"")
        return said + self._chunk(final=False)

    def break_off(self, error: EntrepotError) -> bytes:
        """The error as the stream's last element."""
        return self._element(error_body(error)) + (b"]" if self._array else b"")

    def _start(self, event: Started) -> None:
        self._started = event

    def _text(self, event: TextDelta) -> None:
        choice = self._choice(event.index)
        choice.add(Text(event.text, own_extra(event.extra, own=self._own)), begins=event.begins)
        if event.extra and not self._own:
            choice.citations.extend(shared_citations(event.extra, choice.text_start))

    def _reasoning(self, event: ReasoningDelta) -> None:
        choice = self._choice(event.index)
        # Whose it is holds for the whole part, and may have been said at its beginning only.
        choice.bound_to = event.bound_to or (None if event.begins else choice.bound_to)
        part = Reasoning(event.text, event.signature, event.redacted, choice.bound_to, event.extra)
        choice.add(part, begins=event.begins)

    def _refusal(self, event: RefusalDelta) -> None:
        choice = self._choice(event.index)
        choice.refused = True
        choice.add(Refusal(event.text), begins=event.begins)

    def _part(self, event: PartAdded) -> None:
        self._choice(event.index).add(event.part, begins=True)

    def _call(self, event: ToolCallStarted) -> None:
        self._choice(event.index).calls[event.call] = (event, [])

    def _arguments(self, event: ToolCallDelta) -> None:
        known = self._choice(event.index).calls.get(event.call)
        if known is not None:
            known[1].append(event.arguments)

    def _noted(self, event: Noted) -> None:
        if event.index is None:
            self._fields.update(own_extra(event.extra, own=self._own))
            self._extra.update(event.extra)
        else:
            choice = self._choice(event.index)
            choice.fields.update(choice_fields(event.extra, own=self._own))
            choice.extra = merge_extra(choice.extra, event.extra)

    def _finished(self, event: Finished) -> None:
        self._choice(event.index).reason = event.reason

    def _counted(self, event: UsageReported) -> None:
        self._usage = event.usage

    def _ping(self) -> None:
        self._out.append(BLANK_LINE)

    @property
    def _own(self) -> bool:
        return self._started.dialect == DIALECT

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(index)
        return choice

    def _chunk(self, *, final: bool) -> bytes:
        fields, self._fields = self._fields, {}
        refused = final and self._own and self._is_refused()
        candidates = [
            candidate
            for choice in self._choices.values()
            if not refused and (candidate := self._candidate(choice, final)) is not None
        ]
        if not candidates and not fields and not final:
            return b""
        if candidates:
            fields["candidates"] = candidates
        if self._usage is not None:
            fields["usageMetadata"] = render_usage(self._usage, own=self._own)
        return self._element({**fields, **head(self._started.id, self._started.model)})

    def _is_refused(self) -> bool:
        choices = [Choice(each.index, tuple(each.parts), each.reason, each.extra) for each in self._choices.values()]
        return not any(each.spoke for each in self._choices.values()) and is_refused_prompt(self._extra, choices)

    def _candidate(self, choice: _Choice, final: bool) -> dict[str, Any] | None:
        if final:
            choice.release_calls()
        parts, malformed = render_parts(choice.parts, own=self._own)
        choice.parts = []
        choice.malformed.extend(malformed)
        candidate, choice.fields = choice.fields, {}
        if parts:
            choice.spoke = True
            candidate["content"] = {"parts": parts, "role": "model"}
        if final:
            if choice.citations and (grounding := grounding_of(choice.citations, choice.text)):
                candidate["groundingMetadata"] = grounding
            if "content" not in candidate and choice.reason != "content_filter":
                candidate["content"] = {"parts": [{"text": ""}], "role": "model"}
            reason = reason_of(choice.reason, refused=choice.refused)
            candidate.update(finish_fields(choice.extra, reason, choice.malformed, own=self._own))
        return {**candidate, "index": choice.index} if candidate else None

    def _element(self, value: dict[str, Any]) -> bytes:
        if not self._array:
            return b"data: " + encode(value) + b"\r\n\r\n"
        opening = b",\r\n" if self._opened else b"["
        self._opened = True
        return opening + encode(value)
