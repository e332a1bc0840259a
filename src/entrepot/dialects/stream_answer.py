"""What every renderer of streams begins with: which of its methods says which event.

Rules of this file: a dialect overrides what it can say; an event that it does not override is left out, and its docstring lists
that. `Failed` says nothing: what the client is then told is decided elsewhere (`break_off`).
"""

from __future__ import annotations

from collections.abc import Sequence

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


class StreamAnswer:
    """An AnswerRenderer of streams but for what its dialect says; what is said is appended to `_out`."""

    content_type = b"text/event-stream; charset=utf-8"

    def __init__(self) -> None:
        self._out: list[bytes] = []

    def render(self, events: Sequence[StreamEvent]) -> bytes:
        """The bytes that these events add."""
        for event in events:
            self._take(event)
        said, self._out = b"".join(self._out), []
        return said

    def _take(self, event: StreamEvent) -> None:
        match event:
            case TextDelta():
                self._text(event)
            case ReasoningDelta():
                self._reasoning(event)
            case ToolCallDelta():
                self._arguments(event)
            case ToolCallStarted():
                self._call(event)
            case RefusalDelta():
                self._refusal(event)
            case PartAdded():
                self._part(event)
            case Noted():
                self._noted(event)
            case Finished():
                self._finished(event)
            case UsageReported():
                self._counted(event)
            case Started():
                self._start(event)
            case Pinged():
                self._ping()
            case Ended():
                self._end()
            case _:
                pass

    def _start(self, event: Started) -> None: ...

    def _text(self, event: TextDelta) -> None: ...

    def _reasoning(self, event: ReasoningDelta) -> None: ...

    def _refusal(self, event: RefusalDelta) -> None: ...

    def _call(self, event: ToolCallStarted) -> None: ...

    def _arguments(self, event: ToolCallDelta) -> None: ...

    def _part(self, event: PartAdded) -> None: ...

    def _noted(self, event: Noted) -> None: ...

    def _finished(self, event: Finished) -> None: ...

    def _counted(self, event: UsageReported) -> None: ...

    def _ping(self) -> None: ...

    def _end(self) -> None: ...
