"""Every event reaches the method that says it; what a dialect does not override is left out."""

from __future__ import annotations

from entrepot.canonical.request import Unknown
from entrepot.canonical.response import Usage
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
)
from entrepot.dialects.stream_answer import StreamAnswer
from entrepot.errors import EntrepotError

EVERY: list[tuple[str, StreamEvent]] = [
    ("_start", Started("", "")),
    ("_text", TextDelta("x")),
    ("_reasoning", ReasoningDelta("x")),
    ("_refusal", RefusalDelta("x")),
    ("_call", ToolCallStarted(0, "", "")),
    ("_arguments", ToolCallDelta(0, "")),
    ("_part", PartAdded(Unknown("d", {}))),
    ("_noted", Noted({})),
    ("_finished", Finished("stop")),
    ("_counted", UsageReported(Usage())),
    ("_ping", Pinged()),
    ("_end", Ended()),
]


class Mute(StreamAnswer):
    """Says nothing."""

    def break_off(self, error: EntrepotError) -> bytes:
        return error.public.encode()


def test_each_event_has_its_method() -> None:
    for name, event in EVERY:
        renderer = Mute()
        renderer.__dict__[name] = lambda *_, said=renderer._out, word=name: said.append(word.encode())
        assert renderer.render([event]) == name.encode()


def test_what_is_not_overridden_is_left_out() -> None:
    assert Mute().render([*(event for _, event in EVERY), Failed(Failure("timeout", ""))]) == b""
