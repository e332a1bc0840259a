"""A stream is folded to a whole answer, and a whole answer unfolded to a stream.

Rules of this file: `fold(unfold(response)) == response` for every response whose choices are numbered from 0 in order. Where
an `extra` is said in pieces, objects are merged by name, lists are joined, and any other value replaces the earlier one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage, Vector
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
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
    VectorAdded,
)


class _TextDraft:
    """Text, reasoning or a refusal under way: pieces are joined once, at the end."""

    def __init__(self, kind: type[TextDelta | ReasoningDelta | RefusalDelta]) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self.signatures: list[str] = []
        self.redacted = False
        self.bound_to: str | None = None
        self.extra: dict[str, Any] = {}

    def take(self, event: TextDelta | ReasoningDelta | RefusalDelta) -> None:
        self.pieces.append(event.text)
        if isinstance(event, RefusalDelta):
            return
        if event.extra:
            self.extra = merge_extra(self.extra, event.extra)
        if isinstance(event, ReasoningDelta):
            if event.signature is not None:
                self.signatures.append(event.signature)
            self.redacted = self.redacted or event.redacted
            self.bound_to = event.bound_to or self.bound_to

    def part(self) -> Part:
        text = "".join(self.pieces)
        if self.kind is TextDelta:
            return Text(text, self.extra)
        if self.kind is RefusalDelta:
            return Refusal(text)
        signature = "".join(self.signatures) if self.signatures else None
        return Reasoning(text, signature, self.redacted, self.bound_to, self.extra)


class _CallDraft:
    """A tool call under way."""

    def __init__(self, started: ToolCallStarted) -> None:
        self._started = started
        self.pieces: list[str] = []

    def part(self) -> Part:
        started = self._started
        arguments = "".join(self.pieces) or "{}"
        return ToolCall(started.id, started.name, arguments, started.signature, started.extra, started.bound_to)


class _ChoiceDraft:
    """A choice under way."""

    def __init__(self) -> None:
        self._parts: list[_TextDraft | _CallDraft | Media | ToolResult | Unknown] = []
        self._calls: dict[int, _CallDraft] = {}
        self.reason: FinishReason = "unknown"
        self.extra: dict[str, Any] = {}

    def add_text(self, event: TextDelta | ReasoningDelta | RefusalDelta) -> None:
        latest = self._parts[-1] if self._parts else None
        if event.begins or not isinstance(latest, _TextDraft) or latest.kind is not type(event):
            latest = _TextDraft(type(event))
            self._parts.append(latest)
        latest.take(event)

    def add_call(self, event: ToolCallStarted) -> None:
        draft = _CallDraft(event)
        self._calls[event.call] = draft
        self._parts.append(draft)

    def add_arguments(self, event: ToolCallDelta) -> None:
        draft = self._calls.get(event.call)
        if draft is not None:
            draft.pieces.append(event.arguments)

    def add_whole(self, part: Media | ToolResult | Unknown) -> None:
        self._parts.append(part)

    def choice(self, index: int) -> Choice:
        parts = tuple(part.part() if isinstance(part, _TextDraft | _CallDraft) else part for part in self._parts)
        return Choice(index, parts, self.reason, self.extra)


class Folder:
    """Takes events as they come; `response` is what they have said so far, `failure` what ended them badly."""

    def __init__(self) -> None:
        self._started = Started("", "")
        self._choices: dict[int, _ChoiceDraft] = {}
        self._vectors: dict[int, Vector] = {}
        self._usage: Usage | None = None
        self._extra: dict[str, Any] = {}
        self.failure: Failure | None = None
        self.ended = False

    def take(self, event: StreamEvent) -> None:
        """Take the next event."""
        match event:
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                self._choice(event.index).add_text(event)
            case ToolCallStarted():
                self._choice(event.index).add_call(event)
            case ToolCallDelta():
                self._choice(event.index).add_arguments(event)
            case PartAdded():
                self._choice(event.index).add_whole(event.part)
            case VectorAdded():
                self._vectors[event.index] = event.vector
            case Noted(extra, None):
                self._extra = merge_extra(self._extra, extra)
            case Noted(extra, int(index)):
                draft = self._choice(index)
                draft.extra = merge_extra(draft.extra, extra)
            case Finished():
                self._choice(event.index).reason = event.reason
            case UsageReported():
                self._usage = event.usage
            case Started():
                self._started = event
            case Failed():
                self.failure = event.failure
            case Ended():
                self.ended = True
            case Pinged():
                pass

    def response(self) -> Response:
        """All that was said so far. A choice that has not finished has the reason `unknown`."""
        started = self._started
        return Response(
            id=started.id,
            model=started.model,
            created=started.created,
            choices=tuple(self._choices[index].choice(index) for index in sorted(self._choices)),
            usage=self._usage,
            extra=self._extra,
            dialect=started.dialect,
            vectors=tuple(self._vectors[index] for index in sorted(self._vectors)),
        )

    def _choice(self, index: int) -> _ChoiceDraft:
        draft = self._choices.get(index)
        if draft is None:
            draft = self._choices[index] = _ChoiceDraft()
        return draft


def fold(events: Iterable[StreamEvent]) -> Response:
    """The whole answer that a stream said. Raises nothing: see Folder for streams that may have failed."""
    folder = Folder()
    for event in events:
        folder.take(event)
    return folder.response()


def unfold(response: Response) -> list[StreamEvent]:
    """The stream that says a whole answer, each part in one piece."""
    events: list[StreamEvent] = [Started(response.id, response.model, response.created, response.dialect)]
    for choice in response.choices:
        events.extend(_unfold_choice(choice))
    events.extend(VectorAdded(vector, index) for index, vector in enumerate(response.vectors))
    if response.extra:
        events.append(Noted(response.extra))
    if response.usage is not None:
        events.append(UsageReported(response.usage))
    events.append(Ended())
    return events


def _unfold_choice(choice: Choice) -> Iterator[StreamEvent]:
    index, call = choice.index, 0
    for part in choice.parts:
        match part:
            case Text():
                yield TextDelta(part.text, index, begins=True, extra=part.extra)
            case Reasoning():
                yield ReasoningDelta(part.text, part.signature, index, True, part.redacted, part.bound_to, part.extra)
            case Refusal():
                yield RefusalDelta(part.text, index, begins=True)
            case ToolCall():
                yield ToolCallStarted(call, part.id, part.name, index, part.signature, part.bound_to, part.extra)
                yield ToolCallDelta(call, part.arguments, index)
                call += 1
            case _:
                yield PartAdded(part, index)
    if choice.extra:
        yield Noted(choice.extra, index)
    yield Finished(choice.finish_reason, index)


def merge_extra(earlier: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """Both, as this file's rules say; neither is changed."""
    merged = dict(earlier)
    for name, value in later.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = merge_extra(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            merged[name] = known + value
        else:
            merged[name] = value
    return merged
