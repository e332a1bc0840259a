from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Text
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Ended, Failed, Pinged, Started, StreamEvent
from entrepot.dialects.openai_responses.answer import ResponseParser
from tests.dialects.openai_responses.asking import frames

SAYING = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed"}
MESSAGE = {**SAYING, "content": [{"type": "output_text", "text": "你好", "annotations": []}]}
USAGE = {"input_tokens": 9, "output_tokens": 4, "total_tokens": 13}


def whole(**fields: Any) -> dict[str, Any]:
    made = {"id": "resp_1", "object": "response", "created_at": 5, "model": "claimed", "status": "completed"}
    return {**made, "output": [MESSAGE], "usage": USAGE, **fields}


def parsed(body: bytes) -> list[StreamEvent]:
    parser = ResponseParser()
    return [*parser.feed(body), *parser.close()]


def of_whole(**fields: Any) -> list[StreamEvent]:
    return parsed(json.dumps(whole(**fields)).encode())


def delta(text: str) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": text}


CREATED = {"type": "response.created", "response": {**whole(), "status": "in_progress", "output": []}}
COMPLETED = {"type": "response.completed", "response": whole()}


def test_a_whole_answer_is_understood() -> None:
    events = of_whole()
    assert events[0] == Started("resp_1", "claimed", 5, "openai-responses")
    response = fold(events)
    assert [part.text for part in response.choices[0].parts if isinstance(part, Text)] == ["你好"]
    assert response.choices[0].finish_reason == "stop"
    assert response.usage is not None
    assert (response.usage.all_input, response.usage.all_output) == (9, 4)


def test_a_stream_says_what_the_whole_does() -> None:
    streamed = fold(parsed(frames(CREATED, delta("你"), delta("好"), COMPLETED)))
    answer = fold(of_whole())
    assert [part.text for part in streamed.choices[0].parts if isinstance(part, Text)] == ["你好"]
    assert streamed.choices[0].extra == answer.choices[0].extra
    assert streamed.extra == answer.extra
    assert streamed.usage == answer.usage


def test_a_stream_without_pieces_is_understood_by_its_end() -> None:
    assert fold(parsed(frames(COMPLETED))).choices[0].parts == fold(of_whole()).choices[0].parts


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, "stop"),
        ({"status": "complete"}, "stop"),
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, "length"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, "content_filter"),
        ({"status": "incomplete", "incomplete_details": None}, "unknown"),
        ({"status": "queued", "output": []}, "unknown"),
        ({"output": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}, "tool_calls"),
    ],
)
def test_why_it_ended_is_known(fields: dict[str, Any], reason: str) -> None:
    assert fold([*of_whole(**fields)]).choices[0].finish_reason == reason


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "slow"}}, "rate_limit"),
        ({"status": "failed", "error": {"code": "server_error", "message": "x"}}, "server_error"),
        ({"status": "cancelled", "error": None}, "server_error"),
    ],
)
def test_a_response_that_failed_is_a_failure(fields: dict[str, Any], kind: str) -> None:
    failed = {"type": "response.failed", "response": whole(**fields)}
    for events in (of_whole(**fields), parsed(frames(CREATED, delta("a"), failed))):
        assert isinstance(events[-1], Failed)
        assert events[-1].failure.kind == kind


@pytest.mark.parametrize(
    "error",
    [
        {"type": "error", "code": "rate_limit_exceeded", "message": "slow down", "param": None},
        {"type": "error", "error": {"type": "rate_limit_error", "message": "slow down"}},
    ],
)
def test_an_error_event_is_a_failure_in_either_of_its_shapes(error: dict[str, Any]) -> None:
    events = parsed(frames(CREATED, delta("a"), error))
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, events[-1].failure.message) == ("rate_limit", "slow down")


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_a_stream_that_only_stops_was_cut_off(end: bytes) -> None:
    events = parsed(frames(CREATED, delta("a")) + end)
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind == "cut_off"


def test_what_follows_the_end_is_nothing() -> None:
    assert parsed(frames(CREATED, COMPLETED, delta("more")) + b"data: [DONE]\n\n")[-1] == Ended()


def test_the_progress_of_a_hosted_tool_shows_that_the_provider_is_alive() -> None:
    progress = {"type": "response.web_search_call.searching", "output_index": 0, "item_id": "ws_1"}
    assert Pinged() in parsed(frames(CREATED, progress, COMPLETED))


def test_an_answer_without_usage_reports_none() -> None:
    assert fold(of_whole(usage=None)).usage is None
    assert fold(of_whole()).usage != Usage()
