from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import Folder, fold
from entrepot.canonical.request import Reasoning, Request, Text, ToolCall, Unknown
from entrepot.canonical.response import FinishReason, Usage
from entrepot.canonical.stream import Failed, Pinged, StreamEvent, TextDelta
from entrepot.dialects.anthropic_messages.answer import MessageParser
from entrepot.dialects.anthropic_messages.usage import finish_reason_of, usage_of

OWN = "anthropic-messages"
START = {"type": "message_start", "message": {"id": "msg_1", "model": "claude", "content": [],
         "usage": {"input_tokens": 10, "cache_read_input_tokens": 4, "output_tokens": 1}}}  # fmt: skip
STOP = {"type": "message_stop"}


def end(reason: str = "end_turn", **usage: Any) -> dict[str, Any]:
    return {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": usage}


def begin(index: int, **block: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": block}


def grow(index: int, **delta: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": delta}


def stop(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def wire(*events: dict[str, Any]) -> bytes:
    return b"".join(f"event: {e['type']}\ndata: {json.dumps(e, ensure_ascii=False)}\n\n".encode() for e in events)


def parse(body: bytes) -> list[StreamEvent]:
    parser = MessageParser(Request("m", ()))
    return [*parser.feed(body), *parser.close()]


def parts_of(*events: dict[str, Any]) -> tuple[object, ...]:
    return fold(parse(wire(START, *events, end(output_tokens=5), STOP))).choices[0].parts


def test_thinking_text_and_a_call_are_read_in_their_order() -> None:
    assert parts_of(
        begin(0, type="thinking", thinking="", signature=""),
        grow(0, type="thinking_delta", thinking="想"),
        grow(0, type="signature_delta", signature="sig"),
        stop(0),
        begin(1, type="redacted_thinking", data="opaque"),
        stop(1),
        begin(2, type="text", text=""),
        grow(2, type="text_delta", text="你"),
        grow(2, type="text_delta", text="好"),
        stop(2),
        begin(3, type="tool_use", id="t", name="f", input={}),
        grow(3, type="input_json_delta", partial_json=""),
        grow(3, type="input_json_delta", partial_json='{"a": '),
        grow(3, type="input_json_delta", partial_json="1}"),
        stop(3),
    ) == (
        Reasoning("想", "sig", False, OWN),
        Reasoning("", "opaque", True, OWN),
        Text("你好"),
        ToolCall("t", "f", '{"a": 1}'),
    )


def test_blocks_that_interleave_are_told_apart_by_their_index() -> None:
    assert parts_of(
        begin(0, type="text", text=""),
        begin(1, type="tool_use", id="a", name="f", input={}),
        begin(2, type="tool_use", id="b", name="g", input={}),
        begin(3, type="text", text=""),
        grow(2, type="input_json_delta", partial_json='{"b"'),
        grow(3, type="text_delta", text="second"),
        grow(0, type="text_delta", text="first"),
        grow(1, type="input_json_delta", partial_json='{"a": 1}'),
        grow(2, type="input_json_delta", partial_json=": 2}"),
        stop(0),
        stop(1),
        stop(2),
        stop(3),
    ) == (
        Text(""),
        ToolCall("a", "f", '{"a": 1}'),
        ToolCall("b", "g", '{"b": 2}'),
        Text("first"),
        Text("second"),
    )


def test_a_call_without_arguments_has_an_empty_object() -> None:
    assert parts_of(begin(0, type="tool_use", id="t", name="f", input={}), stop(0)) == (ToolCall("t", "f", "{}"),)


def test_an_input_given_whole_at_the_start_is_kept() -> None:
    start = begin(0, type="tool_use", id="t", name="f", input={"a": 1})
    assert parts_of(start, stop(0)) == (ToolCall("t", "f", '{"a":1}'),)


def test_a_block_of_a_later_kind_is_kept_whole() -> None:
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    grown = grow(0, type="input_json_delta", partial_json='{"query": "天气"}')
    assert parts_of(begin(0, **use), grown, stop(0)) == (Unknown(OWN, {**use, "input": {"query": "天气"}}),)


def test_citations_are_kept_with_their_text() -> None:
    cited = {"type": "web_search_result_location", "url": "https://x", "title": "T", "cited_text": "c"}
    text = parts_of(begin(0, type="text", text=""), grow(0, type="citations_delta", citation=cited), stop(0))[0]
    shared = {"url": "https://x", "title": "T", "cited_text": "c", "raw": cited}
    assert text == Text("", {"citations": [shared]})


def test_usage_is_cumulative_and_overwrites_without_adding() -> None:
    usage = fold(parse(wire(START, end(output_tokens=3), end(output_tokens=7, input_tokens=None), STOP))).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens) == (10, 4, 7)


def test_input_leaves_out_the_cache_and_writes_have_two_prices() -> None:
    given = {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 30, "output_tokens": 9,
             "cache_creation": {"ephemeral_5m_input_tokens": 10, "ephemeral_1h_input_tokens": 20},
             "output_tokens_details": {"thinking_tokens": 4}}  # fmt: skip
    assert usage_of(given) == Usage(5, 100, 30, 5, 4, extra=given, cache_write_1h_tokens=20)
    assert usage_of(given).all_input == 135
    assert usage_of({"input_tokens": None, "output_tokens": "x"}).all_output == 0


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("pause_turn", "pause"),
        ("compaction", "pause"),
        ("something new", "unknown"),
        (None, "unknown"),
    ],
)
def test_stop_reasons_are_understood(word: str | None, reason: FinishReason) -> None:
    assert finish_reason_of(word) == reason


def test_an_error_in_the_middle_is_a_failure_as_the_status_it_would_have_had() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    folder = Folder()
    for event in parse(
        wire(START, begin(0, type="text", text=""), grow(0, type="text_delta", text="half"), error, STOP)
    ):
        folder.take(event)
    assert folder.failure is not None
    assert (folder.failure.kind, folder.failure.status) == ("overloaded", 529)
    assert folder.response().choices[0].parts == (Text("half"),)
    assert not folder.ended


@pytest.mark.parametrize(
    ("kind", "message", "failure"),
    [
        ("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum", "context_length"),
        ("invalid_request_error", "Your credit balance is too low to access the API", "quota"),
        ("invalid_request_error", "messages: first message must use the user role", "bad_request"),
        ("authentication_error", "invalid x-api-key", "auth"),
        ("permission_error", "no", "auth"),
        ("not_found_error", "model: claude-0", "model_gone"),
        ("request_too_large", "too large", "context_length"),
        ("rate_limit_error", "slow down", "rate_limit"),
        ("api_error", "Internal server error", "server_error"),
        ("timeout_error", "timed out", "timeout"),
        ("overloaded_error", "Overloaded", "overloaded"),
    ],
)
def test_a_whole_error_under_status_200_is_classified(kind: str, message: str, failure: str) -> None:
    event = parse(json.dumps({"type": "error", "error": {"type": kind, "message": message}}).encode())[-1]
    assert isinstance(event, Failed)
    assert event.failure.kind == failure


def test_a_ping_is_no_content_and_an_unknown_event_is_passed_over() -> None:
    events = parse(wire(START, {"type": "ping"}, {"type": "novelty"}, end(), STOP))
    assert events.count(Pinged()) == 1
    assert not any(isinstance(event, TextDelta) for event in events)


def test_a_stream_without_a_stop_reason_was_cut_off_and_one_without_message_stop_is_complete() -> None:
    cut = parse(wire(START, begin(0, type="text", text="x"), STOP))[-1]
    assert isinstance(cut, Failed)
    assert cut.failure.kind == "cut_off"
    assert not isinstance(parse(wire(START, end()))[-1], Failed)


def test_a_stop_sequence_is_named() -> None:
    delta = {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "巴黎"}}
    choice = fold(parse(wire(START, delta, STOP))).choices[0]
    assert choice.extra == {"stop_sequence": "巴黎", "stop_reason": "stop_sequence"}


@pytest.mark.parametrize("body", [b'{"content": [{"type": "text"}]}', b'{"content": "x"}', b"data: 5\n\n"])
def test_a_malformed_answer_is_the_providers_fault(body: bytes) -> None:
    event = parse(body)[-1]
    assert isinstance(event, Failed)
    assert event.failure.kind == "protocol"


def test_citations_that_are_no_list_are_kept_as_they_are() -> None:
    body = {"type": "message", "content": [{"type": "text", "text": "x", "citations": 5}], "stop_reason": "end_turn"}
    assert fold(parse(json.dumps(body).encode())).choices[0].parts == (Text("x", {"rest": {"citations": 5}}),)


@pytest.mark.parametrize(
    ("said", "service"),
    [
        ({"service_tier": "standard", "inference_geo": "global"}, "standard"),
        ({"service_tier": "standard", "inference_geo": "not_available"}, "standard"),
        ({"service_tier": "standard", "inference_geo": "us"}, "us"),
        ({"service_tier": "standard", "speed": "fast", "inference_geo": "us"}, "fast+us"),
        ({"service_tier": "priority", "speed": "standard"}, "priority"),
        ({"service_tier": None}, None),
    ],
)
def test_what_makes_an_answer_dearer_is_part_of_the_service_billed(said: dict[str, Any], service: str | None) -> None:
    assert usage_of({"input_tokens": 1, "output_tokens": 1, **said}).service_tier == service
