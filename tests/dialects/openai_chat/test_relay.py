from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.dialects.base import Relay, Relayed, Target
from entrepot.dialects.openai_chat.dialect import OpenAIChat
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.errors import ProviderError

TARGET = Target("https://host", "m")


def bare(usage: Usage) -> Usage:
    """A count without the wire's own words for it."""
    return msgspec.structs.replace(usage, extra={})


def relay_for(*, stream: bool = True, include_usage: bool = False) -> Relay:
    request: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    if include_usage:
        request["stream_options"] = {"include_usage": True}
    relay = OpenAIChat.open_relay(parse_request(json.dumps(request).encode()), TARGET)
    assert relay is not None
    return relay


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "claimed", "choices": choices, **more}).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "Hello"})
STOP = chunk({}, "stop")
USAGE = chunk(usage={"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}})
DONE = b"data: [DONE]\n\n"


def run(relay: Relay, *pieces: bytes) -> tuple[bytes, list[Relayed]]:
    steps = [relay.feed(piece) for piece in pieces]
    steps.append(relay.close())
    return b"".join(step.data for step in steps), steps


def test_a_stream_passes_through_byte_for_byte() -> None:
    stream = b": ping\n\n" + ROLE + HELLO + b": ping\n\n" + STOP + USAGE + DONE
    data, steps = run(relay_for(include_usage=True), stream)
    assert data == stream.removeprefix(b": ping\n\n")
    assert steps[0].ended
    assert steps[0].content


def test_nothing_leaves_before_the_first_content() -> None:
    relay = relay_for()
    assert relay.feed(b": ping\n\n" + ROLE) == Relayed()
    assert relay.feed(HELLO) == Relayed(data=ROLE + HELLO, content=True)


def test_the_usage_chunk_is_hidden_from_a_client_that_did_not_ask() -> None:
    relay = relay_for()
    data, _ = run(relay, ROLE + HELLO + STOP + USAGE + DONE)
    assert data == ROLE + HELLO + STOP + DONE
    assert bare(relay.summary(0).usage) == Usage(input_tokens=4, cache_read_tokens=5, output_tokens=4)
    assert relay.summary(0).claimed_model == "claimed"


def test_every_split_of_a_stream_passes_the_same_bytes() -> None:
    stream = ROLE + HELLO + chunk({"content": "你好"}) + STOP + USAGE + DONE
    whole, _ = run(relay_for(), stream)
    for at in range(len(stream)):
        relay = relay_for()
        assert run(relay, stream[:at], stream[at:])[0] == whole
        assert relay.summary(0).finished


def test_a_finished_stream_without_its_end_marker_gets_one() -> None:
    data, steps = run(relay_for(), ROLE + HELLO + STOP)
    assert data == ROLE + HELLO + STOP + DONE
    assert steps[-1].ended


@pytest.mark.parametrize("stream", [ROLE + HELLO, ROLE + HELLO + DONE, ROLE + HELLO + b"data: {", b""])
def test_a_stream_that_ends_unfinished_was_cut_off(stream: bytes) -> None:
    _, steps = run(relay_for(), stream)
    kinds = [step.failure.kind for step in steps if step.failure is not None]
    assert kinds[:1] in (["cut_off"], ["protocol"])
    assert not any(step.ended for step in steps)


def test_a_host_that_gives_no_reason_but_bills_has_finished() -> None:
    data, steps = run(relay_for(), ROLE + HELLO + USAGE + DONE)
    assert data == ROLE + HELLO + DONE
    assert steps[0].ended


def test_an_error_inside_a_stream_is_a_failure_and_its_bytes_do_not_pass() -> None:
    error = b'data: {"error": {"message": "overloaded", "code": "overloaded", "type": "server_error"}}\n\n'
    relayed = relay_for().feed(ROLE + HELLO + error)
    assert relayed.data == ROLE + HELLO
    assert relayed.failure is not None
    assert relayed.failure.kind == "overloaded"


def test_malformed_json_in_a_stream_is_a_failure() -> None:
    relayed = relay_for().feed(ROLE + b"data: {oops\n\n")
    assert relayed.failure is not None
    assert relayed.failure.kind == "protocol"


def test_what_was_delivered_is_counted_where_the_provider_did_not() -> None:
    relay = relay_for()
    relay.feed(ROLE + chunk({"content": "a" * 400}) + chunk({"reasoning_content": "b" * 40}))
    assert bare(relay.summary(7).usage) == Usage(input_tokens=7, output_tokens=110, estimated=True)
    assert not relay.summary(7).finished


def test_a_broken_stream_ends_in_the_dialects_error_and_not_in_done() -> None:
    data = relay_for().break_off(ProviderError("the answer broke off", code="cut_off"))
    assert json.loads(data.removeprefix(b"data: "))["error"]["code"] == "cut_off"
    assert b"[DONE]" not in data


WHOLE = {
    "id": "c",
    "model": "claimed",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}


def test_a_whole_answer_passes_byte_for_byte() -> None:
    body = json.dumps(WHOLE, indent=1).encode()
    relay = relay_for(stream=False)
    data, steps = run(relay, body[:7], body[7:])
    assert data == body
    assert steps[-1].ended
    assert bare(relay.summary(0).usage) == Usage(input_tokens=3, output_tokens=2)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"<html>", "protocol"),
        (b"", "protocol"),
        (b'{"choices": []}', "protocol"),
        (b'{"error": {"message": "no balance", "code": "insufficient_balance"}}', "quota"),
        (b'{"error": "overloaded"}', "overloaded"),
    ],
)
def test_status_200_does_not_make_an_answer(body: bytes, kind: str) -> None:
    data, steps = run(relay_for(stream=False), body)
    assert data == b""
    assert [step.failure.kind for step in steps if step.failure is not None] == [kind]


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 10**20, "completion_tokens": 1},
        {"prompt_tokens": 1, "completion_tokens": 10**10},
        {"prompt_tokens": 1, "completion_tokens": 1, "completion_tokens_details": {"reasoning_tokens": 10**400}},
        {"prompt_tokens": 0, "completion_tokens": 0},
    ],
)
def test_an_absurd_count_is_replaced_by_our_own(usage: dict[str, Any]) -> None:
    relay = relay_for()
    run(relay, HELLO + STOP + chunk(usage=usage) + DONE)
    assert bare(relay.summary(7).usage) == Usage(input_tokens=7, output_tokens=1, estimated=True)


def test_a_name_that_a_provider_claims_is_kept_short() -> None:
    relay = relay_for()
    relay.feed(chunk({"content": "x"}).replace(b"claimed", b"m" * 100_000))
    assert relay.summary(1).claimed_model == "m" * 200


def test_an_error_in_place_of_a_stream_is_read_as_the_error_it_is() -> None:
    relay = relay_for()
    relay.feed(b'{"error": {"message": "The server is overloaded."}}')
    failure = relay.close().failure
    assert failure is not None
    assert failure.kind == "overloaded"


@pytest.mark.parametrize("body", [b'{"id": "x", "choices": []}', b"<html>", b"[[", b'"\xff"'])
def test_anything_else_in_place_of_a_stream_is_malformed(body: bytes) -> None:
    relay = relay_for()
    failures = [relay.feed(body).failure, relay.close().failure]
    assert [failure.kind for failure in failures if failure is not None] == ["protocol"]
