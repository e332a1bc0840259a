from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import Folder, fold, merge_extra, unfold
from entrepot.canonical.request import Reasoning, Text, ToolCall
from entrepot.canonical.response import Response, Usage
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    Finished,
    Noted,
    Pinged,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from tests.canonical.strategies import responses


@given(responses())
def test_an_unfolded_answer_folds_to_itself(response: Response) -> None:
    assert fold(unfold(response)) == response


def parts_of(*events: StreamEvent) -> tuple[object, ...]:
    return fold(events).choices[0].parts


def test_deltas_of_a_kind_are_one_part_until_another_begins() -> None:
    assert parts_of(
        TextDelta("你"), TextDelta("好"), ReasoningDelta("hm"), TextDelta("a"), TextDelta("b", begins=True)
    ) == (
        Text("你好"),
        Reasoning("hm"),
        Text("a"),
        Text("b"),
    )


def test_a_signature_in_pieces_seals_one_part() -> None:
    pieces = (ReasoningDelta("a", bound_to="d"), ReasoningDelta(signature="s1"), ReasoningDelta(signature="s2"))
    assert parts_of(*pieces) == (Reasoning("a", "s1s2", bound_to="d"),)


def test_interleaved_calls_are_told_apart_and_one_without_arguments_has_an_empty_object() -> None:
    assert parts_of(
        ToolCallStarted(0, "x", "f"),
        ToolCallStarted(1, "y", "g"),
        ToolCallDelta(0, '{"a"'),
        ToolCallStarted(2, "z", "h"),
        ToolCallDelta(1, "[]"),
        ToolCallDelta(0, ": 1}"),
    ) == (ToolCall("x", "f", '{"a": 1}'), ToolCall("y", "g", "[]"), ToolCall("z", "h", "{}"))


def test_the_last_usage_counts_and_a_ping_says_nothing() -> None:
    later = UsageReported(Usage(9, output_tokens=2))
    events: list[StreamEvent] = [Started("i", "m"), UsageReported(Usage(9)), Pinged(), later, Ended()]
    assert fold(events).usage == later.usage


def test_a_broken_stream_keeps_what_was_said_and_why_it_broke() -> None:
    folder = Folder()
    for event in (TextDelta("half"), Failed(Failure("overloaded", "x"))):
        folder.take(event)
    assert folder.failure == Failure("overloaded", "x")
    assert not folder.ended
    assert folder.response().choices[0].finish_reason == "unknown"


def test_choices_are_in_the_order_of_their_index_however_they_came() -> None:
    response = fold([TextDelta("b", 1), TextDelta("a", 0), Finished("stop", 1), Finished("length", 0)])
    assert [(choice.index, choice.finish_reason) for choice in response.choices] == [(0, "length"), (1, "stop")]


def test_notes_join_lists_merge_objects_and_replace_the_rest() -> None:
    response = fold([Noted({"l": [1], "o": {"a": 1}, "v": 1}), Noted({"l": [2], "o": {"b": 2}, "v": 2})])
    assert response.extra == {"l": [1, 2], "o": {"a": 1, "b": 2}, "v": 2}


@given(st.dictionaries(st.text(max_size=2), st.integers()), st.dictionaries(st.text(max_size=2), st.integers()))
def test_merging_changes_neither(earlier: dict[str, int], later: dict[str, int]) -> None:
    kept = dict(earlier), dict(later)
    assert merge_extra(earlier, later) == {**earlier, **later}
    assert (earlier, later) == kept
