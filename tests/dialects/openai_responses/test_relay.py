from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.dialects.base import Asked, Relayed
from entrepot.dialects.openai_responses.answer import ResponseParser
from entrepot.errors import ProviderError
from tests.dialects.openai_responses.asking import DIALECT, TARGET, ask, events_in, frames
from tests.dialects.openai_responses.test_answer import COMPLETED, CREATED, delta, whole

STREAM = frames(CREATED, {"type": "response.made_up", "x": "新"}, delta("你"), delta("好"), COMPLETED)
WHOLE = json.dumps(whole(), ensure_ascii=False).encode()


def relayed(asked: Asked, *pieces: bytes) -> tuple[Relayed, bytes]:
    relay = DIALECT.open_relay(asked, TARGET)
    steps = [*(relay.feed(piece) for piece in pieces), relay.close()]
    last = next((step for step in steps if step.ended or step.failure), steps[-1])
    return last, b"".join(step.data for step in steps)


@pytest.mark.parametrize("split", range(0, len(STREAM), 37))
def test_a_stream_passes_through_byte_for_byte_whatever_its_split(split: int) -> None:
    last, said = relayed(ask(stream=True), STREAM[:split], STREAM[split:])
    assert said == STREAM
    assert last.ended


def test_a_whole_answer_passes_through_byte_for_byte() -> None:
    last, said = relayed(ask(), WHOLE[:20], WHOLE[20:])
    assert said == WHOLE
    assert last.ended
    assert last.content


def test_nothing_leaves_before_the_first_content_nor_half_an_event() -> None:
    relay = DIALECT.open_relay(ask(stream=True), TARGET)
    assert relay.feed(b"\n") == Relayed()
    assert relay.feed(frames(CREATED)) == Relayed()
    told = relay.feed(frames(delta("你")) + frames(delta("好"))[:30])
    assert told.data == b"\n" + frames(CREATED, delta("你"))
    assert told.content


def test_usage_and_the_claimed_model_are_tapped() -> None:
    relay = DIALECT.open_relay(ask(stream=True), TARGET)
    assert relay.summary(11).usage.input_tokens == 11
    relay.feed(STREAM)
    summary = relay.summary(0)
    assert (summary.usage.all_input, summary.usage.all_output, summary.finished) == (9, 4, True)
    assert summary.claimed_model == "claimed"


def test_what_the_gateway_says_of_an_answer_is_in_every_response_object() -> None:
    echo = {"id": "resp_ours", "store": True, "previous_response_id": "resp_0"}
    _, said = relayed(msgspec.structs.replace(ask(stream=True), echo=echo), STREAM)
    objects = [event["response"] for event in events_in(said) if "response" in event]
    assert len(objects) == 2
    assert all({name: each[name] for name in echo} == echo for each in objects)
    assert [event for event in events_in(said) if "response" not in event] == [
        event for event in events_in(STREAM) if "response" not in event
    ]
    _, body = relayed(msgspec.structs.replace(ask(), echo=echo), WHOLE)
    assert json.loads(body) == {**whole(), **echo}


FAILED: dict[str, Any] = {"type": "response.failed", "response": whole(status="failed", error={"code": "server_error"})}


@pytest.mark.parametrize(
    ("rest", "kind"),
    [(frames(FAILED), "server_error"), (b"data: {\n\n", "protocol"), (b"", "cut_off"), (b"data: [DONE]", "cut_off")],
)
def test_a_failure_is_told_by_us_after_what_was_said_before_it(rest: bytes, kind: str) -> None:
    relay = DIALECT.open_relay(ask(stream=True), TARGET)
    steps = [relay.feed(frames(CREATED, delta("你")) + rest), relay.close()]
    (failure,) = [step.failure for step in steps if step.failure]
    assert failure.kind == kind
    said = b"".join(step.data for step in steps) + relay.break_off(ProviderError("断了"))
    events = events_in(said)
    assert [event["type"] for event in events] == [
        "response.created",
        "response.output_text.delta",
        "response.failed",
        "error",
    ]
    assert events[2]["response"]["id"] == "resp_1"


def test_an_answer_of_the_other_kind_is_translated() -> None:
    last, said = relayed(ask(stream=True), WHOLE)
    assert last.ended
    assert events_in(said)[-1]["response"]["output"][0]["content"][0]["text"] == "你好"
    last, said = relayed(ask(), STREAM)
    assert last.ended
    assert json.loads(said)["output"] == whole()["output"]


@pytest.mark.parametrize("body", [b"", b" ", b"<html>", b"data: []\n\n", b"\xff\x00", b'{"error": {"message": "x"}}'])
@pytest.mark.parametrize("stream", [False, True])
def test_what_is_no_answer_is_a_failure_and_nothing_leaves(body: bytes, stream: bool) -> None:
    last, said = relayed(ask(stream=stream), body)
    assert last.failure is not None
    assert said == b""


def test_the_relay_understands_what_the_parser_does() -> None:
    parser = ResponseParser()
    assert [*parser.feed(STREAM), *parser.close()]
    relay = DIALECT.open_relay(ask(stream=True), TARGET)
    assert relay.content_type.startswith(b"text/event-stream")
