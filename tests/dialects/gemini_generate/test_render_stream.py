from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from entrepot.canonical.fold import fold, unfold
from entrepot.canonical.request import Reasoning, Text, ToolCall
from entrepot.canonical.response import Response, Usage
from entrepot.canonical.stream import (
    Ended,
    Finished,
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
from entrepot.dialects.sse import FrameSplitter
from entrepot.errors import Unavailable
from tests.canonical.strategies import responses
from tests.dialects.gemini_generate.asking import DIALECT, ask, chunk, events, frames, response

SSE = ask(action="streamGenerateContent", query="alt=sse")
ARRAY = ask(action="streamGenerateContent")
STARTED = Started("i", "m", 0, "openai-chat")
ANSWER: list[list[StreamEvent]] = [
    [STARTED, ReasoningDelta("想")],
    [TextDelta("今"), TextDelta("天")],
    [ToolCallStarted(0, "c0", "f"), ToolCallDelta(0, '{"城"')],
    [ToolCallStarted(1, "c1", "g"), ToolCallDelta(0, ':"京"}')],
    [Finished("tool_calls"), UsageReported(Usage(3, 0, 0, 4, 5))],
    [Ended()],
]


def chunks(*batches: list[StreamEvent]) -> list[dict[str, Any]]:
    renderer = DIALECT.open_renderer(SSE, 0)
    body = b"".join(renderer.render(batch) for batch in batches)
    return [json.loads(frame.data) for frame in FrameSplitter().feed(body) if frame.data is not None]


def parts_of(said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [part for each in said for part in each["candidates"][0]["content"]["parts"]]


def test_each_chunk_is_an_answer_that_holds_what_is_new_and_calls_are_whole() -> None:
    said = chunks(*ANSWER)
    assert parts_of(said) == [
        {"text": "想", "thought": True},
        {"text": "今天"},
        {"functionCall": {"name": "f", "args": {"城": "京"}, "id": "c0"}},
        {"functionCall": {"name": "g", "args": {}, "id": "c1"}},
    ]
    assert all((each["responseId"], each["modelVersion"]) == ("i", "m") for each in said)


def test_the_finish_reason_comes_once_at_the_end_with_the_final_usage() -> None:
    said = chunks(*ANSWER)
    reasons = [each["candidates"][0].get("finishReason") for each in said]
    assert [reason for reason in reasons if reason] == ["STOP"]
    assert reasons[-1] == "STOP"
    assert said[-1]["usageMetadata"]["totalTokenCount"] == 12


def test_a_stream_that_says_nothing_more_still_ends_with_a_reason() -> None:
    said = chunks([STARTED, TextDelta("a")], [Finished("length")], [Ended()])
    assert said[-1]["candidates"][0] == {
        "content": {"parts": [{"text": ""}], "role": "model"},
        "finishReason": "MAX_TOKENS",
        "index": 0,
    }


def test_the_array_form_is_one_json_array_whatever_the_batches() -> None:
    renderer = DIALECT.open_renderer(ARRAY, 0)
    assert renderer.content_type.startswith(b"application/json")
    body = b"".join(renderer.render(batch) for batch in ANSWER)
    assert parts_of(json.loads(body)) == parts_of(chunks(*ANSWER))


@pytest.mark.parametrize("begun", [True, False])
def test_an_error_breaks_off_either_form_in_its_own_words(begun: bool) -> None:
    error = Unavailable("晚点再来")
    for asked in (SSE, ARRAY):
        renderer = DIALECT.open_renderer(asked, 0)
        body = (renderer.render(ANSWER[0]) if begun else b"") + renderer.break_off(error)
        said = (
            json.loads(body)
            if asked is ARRAY
            else [json.loads(frame.data or b"") for frame in FrameSplitter().feed(body)]
        )
        assert len(said) == 1 + begun
        assert list(said[-1]) == ["error"]
        assert said[-1]["error"]["message"] == "晚点再来"


def test_a_ping_is_an_empty_line_because_googles_client_takes_a_comment_for_an_answer() -> None:
    assert DIALECT.open_renderer(SSE, 0).render([Pinged()]) == b"\r\n"
    renderer = DIALECT.open_renderer(ARRAY, 0)
    body = b"".join(renderer.render([event]) for event in (STARTED, Pinged(), TextDelta("a"), Pinged(), Ended()))
    assert len(json.loads(body)) == 2


def test_a_refusal_without_a_reason_of_its_own_is_prohibited_content() -> None:
    (said,) = chunks([STARTED, RefusalDelta("不"), Finished("stop"), Ended()])
    assert said["candidates"][0]["finishReason"] == "PROHIBITED_CONTENT"
    assert said["candidates"][0]["content"]["parts"] == [{"text": "不"}]


def test_a_thought_of_another_provider_keeps_whose_it_is_from_piece_to_piece() -> None:
    said = chunks(
        [STARTED, ReasoningDelta("一", begins=True, bound_to="anthropic-messages")],
        [ReasoningDelta("二")],
        [ReasoningDelta(signature="sig"), TextDelta("好")],
        [ToolCallStarted(0, "c", "f"), Finished("tool_calls"), Ended()],
    )
    # As Google's client keeps them: each chunk a turn.
    turns = [each["candidates"][0]["content"] for each in said]
    kept = ask({"contents": [{"parts": [{"text": "?"}]}, *turns]}).request.messages[1].parts
    assert kept == (
        Reasoning("一二", "sig", bound_to="anthropic-messages"),
        Text("好"),
        ToolCall("c", "f", "{}"),
    )


def test_a_stream_of_this_dialect_says_the_same_when_rendered() -> None:
    body = frames(
        chunk({"text": "想", "thought": True}),
        chunk({"text": "晴", "thoughtSignature": "c2ln"}, groundingMetadata={"webSearchQueries": ["天气"]}),
        chunk({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}),
        {**chunk({"text": ""}, finishReason="STOP"), "usageMetadata": {"promptTokenCount": 3}, "createTime": "x"},
    )
    for asked in (SSE, ARRAY):
        assert response(DIALECT.open_renderer(asked, 0).render(events(body))) == response(body)


def test_a_refused_prompt_has_no_candidates_in_a_stream_either() -> None:
    body = frames({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"})
    said = chunks(*[[event] for event in events(body)])
    assert not any("candidates" in each for each in said)
    assert said[0]["promptFeedback"] == {"blockReason": "SAFETY"}


@given(responses())
def test_a_stream_says_what_the_whole_answer_says(answer: Response) -> None:
    streamed = fold(events(DIALECT.open_renderer(SSE, 0).render(unfold(answer))))
    whole = response(DIALECT.open_renderer(ask(), 0).render(unfold(answer)))
    assert streamed.usage == whole.usage
    for one, other in zip(streamed.choices, whole.choices, strict=True):
        assert one.finish_reason == other.finish_reason
        assert [part for part in one.parts if isinstance(part, ToolCall)] == [
            part for part in other.parts if isinstance(part, ToolCall)
        ]
        assert _text(one.parts) == _text(other.parts)


def _text(parts: Any) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))
