from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
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
from entrepot.dialects.openai_chat.render import render_response
from entrepot.dialects.openai_chat.render_stream import StreamRenderer
from entrepot.dialects.openai_chat.request import parse_request

SEALED = (
    Reasoning("想", "s:1", bound_to="anthropic-messages"),
    Reasoning("", "opaque", redacted=True, bound_to="anthropic-messages"),
    Text("好"),
    ToolCall("c", "f", "{}", "thought", {}, "gemini-generate"),
)


def answer(*parts: Part, reason: FinishReason = "stop") -> Response:
    return Response("i", "m", 0, (Choice(0, parts, reason),), Usage(5, 3, 2, 6, 4), {}, "anthropic-messages")


def message_of(*parts: Part) -> dict[str, Any]:
    message: dict[str, Any] = render_response(answer(*parts), 7)["choices"][0]["message"]
    return message


def chunks(*events: StreamEvent, include_usage: bool = False) -> list[dict[str, Any]]:
    data = StreamRenderer(include_usage, 7).render((Started("i", "m", 0, "anthropic-messages"), *events)).decode()
    frames = [frame.removeprefix("data: ") for frame in data.split("\n\n")[:-1]]
    return [json.loads(frame) for frame in frames if frame.startswith("{")]


def test_usage_is_said_as_the_dialect_counts_and_the_time_is_ours_where_nobody_said() -> None:
    rendered = render_response(answer(Text("x")), 7)
    assert rendered["created"] == 7
    assert rendered["usage"] == {
        "prompt_tokens": 10,
        "completion_tokens": 10,
        "total_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("content_filter", "content_filter"),
        ("refusal", "content_filter"),
        ("pause", "length"),
        ("error", "length"),
        ("unknown", "stop"),
    ],
)
def test_reasons_are_said_in_its_words(reason: FinishReason, word: str) -> None:
    assert render_response(answer(Text("x"), reason=reason))["choices"][0]["finish_reason"] == word
    assert chunks(TextDelta("x"), Finished(reason), Ended())[-1]["choices"][0]["finish_reason"] == word


def test_what_another_provider_sealed_comes_back_with_the_message() -> None:
    body = json.dumps({"model": "m", "messages": [message_of(*SEALED)]}).encode()
    read = parse_request(body).request.messages[0].parts
    sealed = [(part.text, part.signature, part.redacted, part.bound_to) for part in read if isinstance(part, Reasoning)]
    assert sealed == [("想", "s:1", False, "anthropic-messages"), ("", "opaque", True, "anthropic-messages")]
    assert read[-1] == SEALED[-1]


def test_a_stream_says_each_seal_with_its_place() -> None:
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(*unfold(answer(*SEALED))[1:])]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", ())]
    assert [(each["index"], each["type"]) for each in details] == [(0, "reasoning.text"), (1, "reasoning.encrypted")]
    calls = [call for delta in deltas for call in delta.get("tool_calls", ())]
    assert calls[0]["extra_content"]["google"]["thought_signature"] == "entrepot:gemini-generate:thought"


def test_a_seal_that_is_streamed_after_its_text_brings_all_of_it_along() -> None:
    pieces = (
        ReasoningDelta("一", begins=True, bound_to="anthropic-messages"),
        ReasoningDelta("二"),
        ReasoningDelta(signature="s", bound_to="anthropic-messages"),
        ReasoningDelta("三", begins=True, bound_to="anthropic-messages"),
        ReasoningDelta(signature="t", bound_to="anthropic-messages"),
    )
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks(*pieces, Finished("stop"), Ended())]
    details = [detail for delta in deltas for detail in delta.get("reasoning_details", ())]
    assert [(each["index"], each["text"], each["signature"]) for each in details] == [(0, "一二", "s"), (1, "三", "t")]
    assert "".join(delta.get("reasoning_content", "") for delta in deltas) == "一二三"


def test_refusals_images_and_citations_are_said_and_what_only_others_know_is_left_out() -> None:
    cited = Text("b", {"citations": [{"url": "https://x", "title": "T"}, {"cited_text": "no address"}]})
    unknown = Unknown("anthropic-messages", {"type": "server_tool_use"})
    message = message_of(Text("a"), cited, Refusal("不"), Media("image", "image/png", data="AA"), unknown)
    place = {"url": "https://x", "title": "T", "start_index": 1, "end_index": 2}
    assert message == {
        "role": "assistant",
        "content": "ab",
        "annotations": [{"type": "url_citation", "url_citation": place}],
        "refusal": "不",
        "images": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}],
    }


def test_the_usage_chunk_is_the_last_and_only_for_who_asked() -> None:
    events = (TextDelta("x"), Finished("stop"), UsageReported(Usage(1, output_tokens=2)), Ended())
    assert chunks(*events, include_usage=True)[-1]["choices"] == []
    assert all("usage" not in chunk for chunk in chunks(*events))


def test_the_role_is_said_once_and_logprobs_with_their_choice() -> None:
    noted = Noted({"logprobs": {"content": []}}, 0)
    deltas = [chunk["choices"][0] for chunk in chunks(TextDelta("a"), TextDelta("b"), noted, Finished("stop"))]
    assert [choice["delta"].get("role") for choice in deltas] == ["assistant", None, None, None]
    assert deltas[2]["logprobs"] == {"content": []}


def test_a_streamed_call_without_arguments_is_given_an_empty_object() -> None:
    calls = (ToolCallStarted(0, "a", "f"), ToolCallDelta(0, "{}"), ToolCallStarted(1, "b", "g"), ToolCallDelta(1, ""))
    pieces = [
        call
        for chunk in chunks(*calls, Finished("tool_calls"), Ended())
        for call in chunk["choices"][0]["delta"].get("tool_calls", ())
    ]
    said = ["".join(each["function"]["arguments"] for each in pieces if each["index"] == call) for call in (0, 1)]
    assert said == ["{}", "{}"]


def test_a_ping_is_a_comment_and_a_failure_is_left_to_whoever_breaks_off() -> None:
    renderer = StreamRenderer(include_usage=False, created_s=0)
    assert renderer.render((Pinged(),)) == b": keep-alive\n\n"
    assert renderer.render((Failed(Failure("overloaded", "secret")),)) == b""


def test_a_client_that_offered_functions_reads_a_function_call() -> None:
    called = answer(Text("看"), ToolCall("c", "f", '{"a": 1}'), ToolCall("d", "g", "{}"), reason="tool_calls")
    choice = render_response(called, 7, legacy=True)["choices"][0]
    assert choice["finish_reason"] == "function_call"
    assert choice["message"] == {
        "role": "assistant",
        "content": "看",
        "function_call": {"name": "f", "arguments": '{"a": 1}'},
    }
    assert "function_call" not in render_response(answer(Text("x")), 7, legacy=True)["choices"][0]["message"]
    renderer = StreamRenderer(False, 7, legacy=True)
    frames = renderer.render(unfold(called)).decode().split("\n\n")
    chunks = [json.loads(frame[6:])["choices"][0] for frame in frames if frame.startswith("data: {")]
    pieces = [chunk["delta"]["function_call"] for chunk in chunks if "function_call" in chunk["delta"]]
    assert pieces[0]["name"] == "f"
    assert "".join(piece["arguments"] for piece in pieces) == '{"a": 1}'
    assert chunks[-1]["finish_reason"] == "function_call"
    assert not any("tool_calls" in chunk["delta"] for chunk in chunks)
