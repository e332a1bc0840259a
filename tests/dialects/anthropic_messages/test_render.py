from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Media, Message, Part, Reasoning, Refusal, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import (
    Ended,
    Failed,
    Failure,
    Finished,
    Pinged,
    Started,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    ToolCallStarted,
    UsageReported,
)
from entrepot.dialects.anthropic_messages.dialect import AnthropicMessages
from entrepot.dialects.anthropic_messages.render import render_response
from entrepot.dialects.anthropic_messages.render_stream import StreamRenderer
from entrepot.dialects.anthropic_messages.request import parse_request
from entrepot.errors import Defect, ProviderError, RateLimited


def whole(*parts: Part, reason: FinishReason = "stop", **extra: Any) -> dict[str, Any]:
    return render_response(
        Response("i", "m", 0, (Choice(0, parts, reason, extra),), Usage(5, 3, 2, 6, 4), {}, "openai-chat")
    )


def streamed(*events: StreamEvent) -> list[dict[str, Any]]:
    data = StreamRenderer().render((Started("i", "m", 0, "openai-chat"), *events))
    frames = data.decode().split("\n\n")[:-1]
    decoded = [json.loads(frame.partition("\ndata: ")[2]) for frame in frames]
    assert [frame.partition("\n")[0] for frame in frames] == [f"event: {each['type']}" for each in decoded]
    return decoded


def test_usage_is_said_as_the_dialect_counts() -> None:
    assert whole(Text("x"))["usage"] == {
        "input_tokens": 5,
        "cache_creation_input_tokens": 2,
        "cache_read_input_tokens": 3,
        "output_tokens": 10,
        "output_tokens_details": {"thinking_tokens": 4},
    }


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("pause", "pause_turn"),
        ("error", "end_turn"),
        ("unknown", "end_turn"),
    ],
)
def test_reasons_are_said_in_its_words(reason: FinishReason, word: str) -> None:
    assert whole(Text("x"), reason=reason)["stop_reason"] == word


def test_calls_refusals_and_stop_texts_show_in_the_reason() -> None:
    assert whole(ToolCall("c", "f", "{}"))["stop_reason"] == "tool_use"
    assert whole(Refusal("no"))["stop_reason"] == "refusal"
    stopped = whole(Text("x"), stop_sequence="END")
    assert (stopped["stop_reason"], stopped["stop_sequence"]) == ("stop_sequence", "END")


@pytest.mark.parametrize(
    ("arguments", "given"), [("", {}), ("{}", {}), ('{"a":"天"}', {"a": "天"}), ("[1]", None), ("{", None)]
)
def test_arguments_are_an_object_whatever_the_model_wrote(arguments: str, given: dict[str, Any] | None) -> None:
    content = whole(ToolCall("c", "f", arguments))["content"]
    assert content[0]["input"] == ({"invalid_json": arguments} if given is None else given)


SEALED = (
    Reasoning("想", "s:1", bound_to="gemini-generate"),
    Reasoning("t", bound_to="openai-chat"),
    Reasoning("", "opaque", redacted=True, bound_to="bedrock-converse"),
    Reasoning("own", "sig", bound_to="anthropic-messages"),
    ToolCall("c", "f", "{}", "thought", {}, "gemini-generate"),
)


def replayed(content: list[dict[str, Any]]) -> tuple[Message, ...]:
    body = {"model": "m", "max_tokens": 1, "messages": [{"role": "assistant", "content": content}]}
    return parse_request(json.dumps(body).encode()).request.messages


def test_what_another_provider_sealed_comes_back_as_it_was() -> None:
    assert replayed(whole(*SEALED)["content"]) == (Message("assistant", SEALED),)


def test_what_another_provider_sealed_comes_back_from_a_stream_as_it_was() -> None:
    response = Response("i", "m", 0, (Choice(0, SEALED, "tool_calls"),))
    blocks: dict[int, dict[str, Any]] = {}
    for event in streamed(*unfold(response)[1:]):
        if event["type"] == "content_block_start":
            blocks[event["index"]] = event["content_block"]
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            name = {"thinking_delta": "thinking", "signature_delta": "signature"}.get(delta["type"])
            if name is not None:
                block[name] += delta[name]
    assert replayed(list(blocks.values())) == (Message("assistant", SEALED),)


def test_images_in_an_answer_are_left_out() -> None:
    assert [block["type"] for block in whole(Media("image", "image/png", data="A"), Text("x"))["content"]] == ["text"]


def test_one_block_is_open_at_a_time_though_calls_interleave() -> None:
    events = streamed(
        TextDelta("查"),
        ToolCallStarted(0, "a", "f"),
        ToolCallDelta(0, '{"x":'),
        ToolCallStarted(1, "b", "g"),
        ToolCallDelta(1, '{"y": 2}'),
        ToolCallDelta(0, " 1}"),
        ToolCallStarted(2, "c", "h"),
        Finished("tool_calls"),
        Ended(),
    )
    opened: list[int] = []
    inputs: dict[int, str] = {}
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert opened == []
                opened.append(event["index"])
                inputs[event["index"]] = ""
            case "content_block_delta":
                assert opened == [event["index"]]
                inputs[event["index"]] += event["delta"].get("partial_json", "")
            case "content_block_stop":
                assert opened.pop() == event["index"]
    assert inputs == {0: "", 1: '{"x": 1}', 2: '{"y": 2}', 3: ""}
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_usage_that_comes_last_is_said_last() -> None:
    events = streamed(TextDelta("x"), Finished("stop"), UsageReported(Usage(9, output_tokens=3)), Ended())
    assert events[0]["message"]["usage"]["input_tokens"] == 0
    assert (events[-2]["usage"]["input_tokens"], events[-2]["usage"]["output_tokens"]) == (9, 3)
    assert events[-1] == {"type": "message_stop"}


def test_a_ping_is_said_and_a_failure_is_left_to_whoever_breaks_off() -> None:
    events = streamed(Pinged(), TextDelta("x"), Failed(Failure("overloaded", "secret")))
    assert [event["type"] for event in events] == [
        "message_start",
        "ping",
        "content_block_start",
        "content_block_delta",
    ]
    broken = StreamRenderer().break_off(ProviderError("it broke off")).decode()
    assert broken.startswith("event: error\ndata: ")
    assert json.loads(broken.partition("data: ")[2])["error"] == {"type": "api_error", "message": "it broke off"}


def test_errors_have_the_dialects_shape() -> None:
    limited = AnthropicMessages.render_error(RateLimited("慢一点", retry_after_s=0.2))
    assert limited.status == 429
    assert dict(limited.headers)[b"retry-after"] == b"1"
    assert json.loads(limited.body) == {"type": "error", "error": {"type": "rate_limit_error", "message": "慢一点"}}
    assert b"secret" not in AnthropicMessages.render_error(Defect("secret")).body
