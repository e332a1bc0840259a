from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import Folder, fold
from entrepot.canonical.request import Request, Text, Tool
from entrepot.canonical.response import Response
from entrepot.canonical.stream import Ended, Failed, Failure, Pinged, Started, StreamEvent, TextDelta
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.bedrock_converse.answer import ConverseParser
from entrepot.dialects.checks import check_garbage
from tests.dialects.bedrock_converse.asking import BASE, CLAUDE, DIALECT, HI
from tests.dialects.bedrock_converse.frames import (
    BEGIN,
    METADATA,
    USAGE,
    end,
    event,
    exception,
    frame,
    grow,
    start,
    stop,
    text_header,
)

TOOL = Tool("查天气")
STREAM = b"".join(
    (
        BEGIN,
        grow(0, reasoningContent={"text": "想"}),
        grow(0, reasoningContent={"signature": "sig"}),
        stop(0),
        grow(1, text="你"),
        grow(1, text="好 🙂"),
        stop(1),
        start(2, toolUse={"toolUseId": "t1", "name": "ask"}),
        grow(2, toolUse={"input": '{"q": '}),
        grow(2, toolUse={"input": '"北京"}'}),
        stop(2),
        end("tool_use"),
        METADATA,
    )
)


def events_of(*pieces: bytes, model: str = CLAUDE) -> list[StreamEvent]:
    parser = ConverseParser(Request("m", (HI,), tools=(TOOL,)), Target(BASE, model), "request-1")
    return [*(each for piece in pieces for each in parser.feed(piece)), *parser.close()]


def whole(content: list[Any], **more: Any) -> Response:
    message = {"role": "assistant", "content": content}
    answer = {
        "output": {"message": message},
        "stopReason": "end_turn",
        "usage": USAGE,
        "metrics": {"latencyMs": 1},
        **more,
    }
    events = events_of(json.dumps(answer, ensure_ascii=False).encode())
    assert isinstance(events[-1], Ended)
    return fold(events)


def failure_of(*pieces: bytes) -> Failure:
    events = events_of(*pieces)
    assert isinstance(events[-1], Failed)
    return events[-1].failure


def test_a_stream_says_what_the_whole_answer_says() -> None:
    streamed = fold(events_of(STREAM))
    content = [
        {"reasoningContent": {"reasoningText": {"text": "想", "signature": "sig"}}},
        {"text": "你好 🙂"},
        {"toolUse": {"toolUseId": "t1", "name": "ask", "input": {"q": "北京"}}},
    ]
    at_once = whole(content, stopReason="tool_use")
    assert [part for part in streamed.choices[0].parts if not hasattr(part, "arguments")] == [
        part for part in at_once.choices[0].parts if not hasattr(part, "arguments")
    ]
    assert streamed.choices[0].finish_reason == at_once.choices[0].finish_reason == "tool_calls"
    assert streamed.usage == at_once.usage


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_of_a_stream_gives_the_same_events(cuts: list[int]) -> None:
    places = sorted(cuts)
    pieces = [STREAM[at:to] for at, to in zip([0, *places], [*places, len(STREAM)], strict=True)]
    assert events_of(*pieces) == events_of(STREAM)


def test_bytes_may_come_singly() -> None:
    assert events_of(*(STREAM[i : i + 1] for i in range(len(STREAM)))) == events_of(STREAM)


def test_the_model_that_was_asked_is_said_because_the_answer_names_none() -> None:
    # Quirk 63: the response has no model field.
    assert events_of(STREAM)[0] == Started("request-1", CLAUDE, dialect="bedrock-converse")
    assert whole([{"text": "x"}]).model == CLAUDE
    arn = "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.amazon.nova-pro-v1:0"
    assert events_of(STREAM, model=arn)[0] == Started(
        "request-1", "us.amazon.nova-pro-v1:0", dialect="bedrock-converse"
    )
    opened = DIALECT.open_parser(
        Asked(Request("m", (HI,)), "x", {}), Target(BASE, CLAUDE), {b"x-amzn-requestid": b"r-7"}
    )
    assert opened.feed(BEGIN) == [Started("r-7", CLAUDE, dialect="bedrock-converse")]


def test_the_answer_ends_with_its_metadata_and_nothing_follows() -> None:
    parser = ConverseParser(Request("m", (HI,)), Target(BASE, CLAUDE))
    assert isinstance(parser.feed(STREAM)[-1], Ended)
    assert [*parser.feed(STREAM), *parser.close()] == []


def test_a_stream_without_metadata_is_complete_but_uncounted() -> None:
    events = events_of(BEGIN, grow(0, text="x"), end())
    assert isinstance(events[-1], Ended)
    assert fold(events).usage is None


@pytest.mark.parametrize("cut", [0, 5, len(BEGIN), len(BEGIN) + 40])
def test_a_stream_that_ends_before_its_message_does_was_cut_off(cut: int) -> None:
    # Quirk 8: the end of a stream without a finish is no success.
    body = (BEGIN + grow(0, text="half") + stop(0) + end())[:cut]
    if not body:
        body = BEGIN[:1]
    assert failure_of(body).kind == "cut_off"
    assert failure_of(BEGIN + end() + METADATA[:20]).kind == "cut_off"


def test_an_exception_inside_a_stream_is_a_failure_after_what_was_said() -> None:
    events = events_of(BEGIN, grow(0, text="半"), exception("throttlingException", message="慢"), end(), METADATA)
    assert TextDelta("半", begins=True) in events
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, events[-1].failure.message) == ("rate_limit", "慢")


def test_an_error_message_inside_a_stream_is_a_failure() -> None:
    headers = text_header(":message-type", "error") + text_header(":error-code", "InternalServerException")
    failure = failure_of(BEGIN, frame(headers + text_header(":error-message", "broken"), b""))
    assert (failure.kind, failure.message) == ("server_error", "broken")


def test_a_damaged_stream_is_a_failure_after_the_frames_before_it() -> None:
    damaged = bytearray(grow(0, text="x"))
    damaged[-1] ^= 1
    events = events_of(BEGIN + grow(0, text="半") + bytes(damaged))
    assert TextDelta("半", begins=True) in events
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind == "protocol"


def test_an_event_that_is_not_json_is_a_failure_and_one_of_a_later_kind_is_not() -> None:
    bad = frame(text_header(":event-type", "messageStart") + text_header(":message-type", "event"), b"[")
    assert failure_of(bad).kind == "protocol"
    assert events_of(event("initial-response"))[0] == Pinged()


def test_a_200_without_output_is_a_failure() -> None:
    # Quirk 63.
    assert failure_of(b'{"stopReason": "end_turn", "usage": {}}').kind == "protocol"
    assert failure_of(b'{"output": {"message": {"role": "assistant"}}}').kind == "protocol"
    unknown = {"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"}
    assert failure_of(json.dumps(unknown).encode()).kind == "model_gone"
    assert failure_of(b'{"message": "Input is too long for requested model."}').kind == "server_error"
    assert failure_of(b"").kind == "protocol"


def test_a_web_page_is_a_failure_at_once() -> None:
    parser = ConverseParser(Request("m", (HI,)), Target(BASE, CLAUDE))
    assert isinstance(parser.feed(b"<html>")[-1], Failed)


def test_an_empty_answer_is_an_answer() -> None:
    response = whole([])
    assert response.choices[0].parts == ()
    assert response.choices[0].finish_reason == "stop"


def test_what_the_answer_says_beside_its_message_is_kept() -> None:
    trace = {"guardrail": {"actionReason": "Guardrail masked."}}
    said = whole([{"text": "x"}], trace=trace, stopReason="guardrail_intervened")
    assert said.extra == {"trace": trace}
    assert said.choices[0].finish_reason == "content_filter"
    fields = {"stop_sequence": "停"}
    stopped = whole([{"text": "x"}], stopReason="stop_sequence", additionalModelResponseFields=fields)
    assert stopped.choices[0].extra == {"stop_sequence": "停"}
    streamed = fold(events_of(BEGIN, grow(0, text="x"), end("stop_sequence", additionalModelResponseFields=fields),
                              event("metadata", usage=USAGE, trace=trace)))  # fmt: skip
    assert streamed.choices[0].extra == {"stop_sequence": "停"}
    assert streamed.extra == {"trace": trace}


def test_usage_before_the_end_of_the_message_does_not_end_it() -> None:
    # Quirk 5.
    events = events_of(BEGIN, METADATA, grow(0, text="x"), end())
    assert isinstance(events[-1], Ended)
    assert fold(events).choices[0].parts == (Text("x"),)


def test_a_second_end_is_passed_over() -> None:
    events = events_of(BEGIN, grow(0, text="x"), end("max_tokens"), end("end_turn"), METADATA)
    assert fold(events).choices[0].finish_reason == "length"


@given(st.binary(max_size=200))
def test_whatever_comes_the_parser_raises_nothing_and_ends(body: bytes) -> None:
    for piece in (body, STREAM[:50] + body, BEGIN + body):
        events = events_of(piece)
        assert isinstance(events[-1], Ended | Failed)
        folder = Folder()
        for each in events:
            folder.take(each)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "start delta toolUse toolUseId name input text reasoningContent signature redactedContent citation content image"
                " source bytes usage inputTokens cacheDetails contentBlockIndex stopReason additionalModelResponseFields".split()
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
kinds = st.sampled_from(
    ["messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata", "other"]
)


@given(st.lists(st.tuples(kinds, json_values), max_size=6))
def test_events_of_any_shape_are_read_or_refused(given_events: list[tuple[str, Any]]) -> None:
    body = b"".join(
        frame(text_header(":event-type", kind) + text_header(":message-type", "event"), json.dumps(value).encode())
        for kind, value in given_events
    )
    events = events_of(BEGIN + body)
    assert isinstance(events[-1], Ended | Failed)
    fold(events)


def test_garbage_is_a_failure() -> None:
    check_garbage(DIALECT)
