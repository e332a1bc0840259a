from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import (
    Ended,
    Finished,
    PartAdded,
    Pinged,
    ReasoningDelta,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
)
from entrepot.dialects.base import Asked
from entrepot.errors import Defect, ProviderError
from tests.dialects.openai_responses.asking import DIALECT, ask, events_in

EVENT = TypeAdapter[Any](ResponseStreamEvent)
STARTED = Started("cmpl-1", "claimed", 7, "openai-chat")


def streamed(*events: StreamEvent, asked: Asked | None = None) -> list[dict[str, Any]]:
    said = events_in(DIALECT.open_renderer(asked or ask(stream=True), 1).render(events))
    for number, event in enumerate(said):
        EVENT.validate_python(event)
        assert event["sequence_number"] == number
    return said


def of_parts(*parts: Part, reason: FinishReason = "stop", asked: Asked | None = None) -> list[dict[str, Any]]:
    response = Response("cmpl-1", "claimed", 7, (Choice(0, parts, reason),), Usage(3, output_tokens=4), dialect="x")
    return streamed(*unfold(response), asked=asked)


def names(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def test_a_text_is_said_in_the_order_that_the_dialect_has() -> None:
    events = streamed(STARTED, TextDelta("你"), TextDelta("好"), Finished("stop"), Ended())
    assert names(events) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert events[6]["text"] == "你好"
    assert events[-1]["response"]["output"] == [events[-2]["item"]]
    assert events[0]["response"]["status"] == "in_progress"


def test_reasoning_a_refusal_and_a_call_have_their_own_events() -> None:
    events = of_parts(Reasoning("想", bound_to="openai-chat"), Refusal("不行"), ToolCall("c", "f", '{"q": 1}'))
    assert names(events)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [item["type"] for item in events[-1]["response"]["output"]] == ["reasoning", "message", "function_call"]
    assert events[-1]["response"]["output"][0]["encrypted_content"] == "entrepot:openai-chat:"


def test_a_call_without_arguments_says_an_empty_object() -> None:
    events = streamed(STARTED, ToolCallStarted(0, "c", "f"), Finished("tool_calls"), Ended())
    assert [event["delta"] for event in events if "delta" in event] == ["{}"]
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"


def test_arguments_of_calls_may_interleave() -> None:
    events = streamed(
        STARTED,
        ToolCallStarted(0, "c0", "f"),
        ToolCallStarted(1, "c1", "g"),
        ToolCallDelta(1, '{"b'),
        ToolCallDelta(0, '{"a": 1}'),
        ToolCallDelta(1, '": 2}'),
        Finished("tool_calls"),
        Ended(),
    )
    calls = [(item["name"], item["arguments"]) for item in events[-1]["response"]["output"]]
    assert calls == [("f", '{"a": 1}'), ("g", '{"b": 2}')]


def test_a_custom_tools_input_is_said_in_one_piece() -> None:
    asked = ask(stream=True, tools=[{"type": "custom", "name": "patch"}])
    events = of_parts(ToolCall("c", "patch", '{"input": "三"}'), asked=asked)
    assert names(events)[2:-1] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
    ]
    assert events[-1]["response"]["output"][0]["input"] == "三"


def test_a_citation_is_an_annotation_of_the_text_so_far() -> None:
    cited = {"citations": [{"url": "https://a.example"}]}
    events = streamed(STARTED, TextDelta("你好"), TextDelta("", extra=cited), Finished("stop"), Ended())
    (noted,) = [event for event in events if event["type"] == "response.output_text.annotation.added"]
    assert (noted["annotation"]["start_index"], noted["annotation"]["end_index"]) == (0, 2)
    assert events[-1]["response"]["output"][0]["content"][0]["annotations"] == [noted["annotation"]]


def test_an_image_comes_whole_and_a_ping_keeps_the_line_open() -> None:
    image = Media("image", "image/png", data="AAAA")
    events = streamed(STARTED, TextDelta("a"), PartAdded(image), TextDelta("b"), Finished("stop"), Ended())
    output = events[-1]["response"]["output"]
    assert [item["type"] for item in output] == ["message", "image_generation_call", "message"]
    assert DIALECT.open_renderer(ask(stream=True), 1).render([Pinged()]) == b": ping\n\n"


def test_an_answer_cut_at_its_limit_is_incomplete() -> None:
    events = of_parts(Text("half"), reason="length")
    assert events[-1]["type"] == "response.incomplete"
    assert events[-1]["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert events[-1]["response"]["output"][0]["status"] == "incomplete"


def test_other_choices_are_left_out() -> None:
    events = streamed(
        STARTED, TextDelta("a"), TextDelta("b", 1), ReasoningDelta("r", index=1), Finished("stop"), Ended()
    )
    assert [event["delta"] for event in events if "delta" in event] == ["a"]


def test_what_breaks_off_fails_and_says_so_twice_because_clients_look_for_either() -> None:
    renderer = DIALECT.open_renderer(ask(stream=True), 1)
    begun = renderer.render([STARTED, TextDelta("a")])
    events = events_in(begun + renderer.break_off(ProviderError("断了")))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    failed, error = events[-2:]
    assert (failed["type"], failed["response"]["status"]) == ("response.failed", "failed")
    assert failed["response"]["error"] == {"code": "server_error", "message": "断了"}
    assert (error["type"], error["message"], error["error"]["message"]) == ("error", "断了", "断了")
    assert b"secret" not in renderer.break_off(Defect("secret"))


PARTS = st.lists(
    st.builds(Text, st.text(min_size=1, max_size=5))
    | st.builds(Refusal, st.text(min_size=1, max_size=5))
    | st.builds(Reasoning, st.text(max_size=5), st.none() | st.just("sig"), st.just(False), st.just("openai-chat"))
    | st.builds(ToolCall, st.just("c"), st.sampled_from(["f", "patch"]), st.just('{"input": "x"}')),
    max_size=6,
)


@given(PARTS)
def test_the_items_of_a_stream_are_numbered_and_finished_as_they_are_listed(parts: list[Part]) -> None:
    asked = ask(stream=True, tools=[{"type": "custom", "name": "patch"}])
    events = of_parts(*parts, asked=asked)
    added = [event["output_index"] for event in events if event["type"] == "response.output_item.added"]
    done = {event["output_index"]: event["item"] for event in events if event["type"] == "response.output_item.done"}
    output = events[-1]["response"]["output"]
    assert added == list(range(len(output)))
    assert [done[index] for index in range(len(output))] == output
    texts = "".join(part.text for part in parts if isinstance(part, Text))
    assert "".join(event["delta"] for event in events if event["type"] == "response.output_text.delta") == texts
    assert json.dumps(output, ensure_ascii=False).count('"custom_tool_call"') == sum(
        isinstance(part, ToolCall) and part.name == "patch" for part in parts
    )
