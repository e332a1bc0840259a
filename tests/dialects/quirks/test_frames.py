"""Quirks 1 to 15: how streams are cut into frames, and what stands in them."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest

from entrepot.canonical.fold import Folder
from entrepot.canonical.request import Text, ToolCall
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Failed, Failure, StreamEvent
from entrepot.dialects import tally
from entrepot.dialects.base import Asked, Envelope, Relay, Relayed, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS, open_relay
from entrepot.exchange.events import DeadlinePassed, UpstreamChunk
from entrepot.exchange.plan import Deadlines
from tests.exchange.frames import chunk as content_chunk
from tests.exchange.frames import kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

CHAT = PROVIDER_DIALECTS["openai-chat"]
TARGET = Target("https://host/v1", "m")
CLIENTS = ("openai-chat", "openai-responses", "anthropic-messages", "gemini-generate")
every_client = pytest.mark.parametrize("name", CLIENTS)


def asked_by(name: str, *, usage: bool = False, stream: bool = True) -> Asked:
    """A question of a client of this dialect, for a stream."""
    question = {"role": "user", "content": "问"}
    bodies: dict[str, dict[str, Any]] = {
        "openai-chat": {"messages": [question], "stream_options": {"include_usage": usage}},
        "openai-responses": {"input": "问"},
        "anthropic-messages": {"messages": [question], "max_tokens": 9},
        "gemini-generate": {"contents": [{"parts": [{"text": "问"}]}]},
    }
    own = {} if name == "gemini-generate" else {"model": "m", "stream": stream}
    action = "streamGenerateContent" if stream else "generateContent"
    envelope = Envelope(f"/v1beta/models/m:{action}", "alt=sse")
    return CLIENT_DIALECTS[name].parse_request(json.dumps({**own, **bodies[name]}).encode(), envelope)


def relay_to(name: str, *, usage: bool = False) -> Relay:
    return open_relay(CLIENT_DIALECTS[name], CHAT, asked_by(name, usage=usage), TARGET, 1)


def frame(value: object, end: bytes = b"\n\n") -> bytes:
    return b"data: " + json.dumps(value, ensure_ascii=False).encode() + end


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return frame({"id": "c", "model": "m", "created": 1, "choices": [choice]})


def run(relay: Relay, *pieces: bytes) -> tuple[bytes, list[Failure]]:
    """What a client gets of these pieces, and what failed."""
    steps: list[Relayed] = [*(relay.feed(piece) for piece in pieces), relay.close()]
    return b"".join(step.data for step in steps), [step.failure for step in steps if step.failure is not None]


def read(name: str, data: bytes) -> tuple[str, bool]:
    """The text that a client of this dialect reads, and whether it takes the answer for complete."""
    parser = PROVIDER_DIALECTS[name].open_parser(asked_by(name), TARGET)
    folder = Folder()
    for event in (*parser.feed(data), *parser.close()):
        folder.take(event)
    parts = folder.response().choices[0].parts
    return "".join(part.text for part in parts if isinstance(part, Text)), folder.ended


def folded(*pieces: bytes) -> Folder:
    """What a parser understands of these pieces."""
    parser = CHAT.open_parser(asked_by("openai-chat"), TARGET)
    events: list[StreamEvent] = [event for piece in pieces for event in parser.feed(piece)]
    folder = Folder()
    for event in (*events, *parser.close()):
        folder.take(event)
    return folder


HELLO, STOP, DONE = chunk(content="你好"), chunk("stop"), b"data: [DONE]\n\n"
COUNT = {"prompt_tokens": 4, "completion_tokens": 2, "total_tokens": 6}
STOP_AND_USAGE = frame({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": COUNT})
USAGE = frame({"id": "c", "model": "m", "choices": [], "usage": COUNT})


@every_client
@pytest.mark.parametrize("end", [b"\n\n", b"\r\n\r\n", b"\r\r"])
def test_quirk_01_lines_end_in_three_ways_and_bytes_are_cut_anywhere(name: str, end: bytes) -> None:
    stream = (HELLO + STOP + DONE).replace(b"\n\n", end)
    for at in range(len(stream)):
        data, failures = run(relay_to(name), stream[:at], stream[at:])
        assert (read(name, data), failures) == (("你好", True), [])


@every_client
@pytest.mark.parametrize("ping", [b": OPENROUTER PROCESSING\n\n", b": ping - 2026-11-21\n\n", b": keep-alive\r\n\r\n"])
def test_quirk_02_comments_are_no_data(name: str, ping: bytes) -> None:
    relay = relay_to(name)
    assert relay.feed(ping * 3) == Relayed()
    data, failures = run(relay, HELLO + ping + STOP + DONE)
    assert failures == []
    assert "你好" in data.decode()
    assert b"PROCESSING" not in data or name == "openai-chat"


def test_quirk_02_a_ping_resets_the_idle_timer_and_not_the_first_tokens() -> None:
    ping = UpstreamChunk(0, b": ping\n\n")
    deadlines = Deadlines(first_byte_s=10, idle_s=5, total_s=60, keep_alive_s=0)
    story = Story(plan_for(candidate("a/m"), candidate("b/m"), deadlines=deadlines))
    story.happens(ok(), ping, after_s=9)
    assert story.waiting_until_s == 110.0
    assert kinds(story.happens(DeadlinePassed(), after_s=1)) == ["CancelUpstream", "CallUpstream"]
    begun = Story(plan_for(candidate("a/m"), deadlines=deadlines))
    begun.happens(ok(), content_chunk("x"))
    begun.happens(ping, after_s=4)
    assert begun.waiting_until_s == begun.now_s + 5


def test_quirk_03_usage_is_always_asked_for_and_hidden_from_who_did_not_ask() -> None:
    sent = json.loads(CHAT.render_request(asked_by("openai-chat"), TARGET, None).body)
    assert sent["stream_options"] == {"include_usage": True}
    for usage in (False, True):
        relay = relay_to("openai-chat", usage=usage)
        data, _ = run(relay, HELLO + STOP + USAGE + DONE)
        assert (b'"usage"' in data) is usage
        counted = relay.summary(0).usage
        assert (counted.input_tokens, counted.output_tokens, counted.estimated) == (4, 2, False)


@every_client
def test_quirk_04_the_first_chunk_may_have_no_choices(name: str) -> None:
    filters = frame({"id": "", "model": "", "choices": [], "prompt_filter_results": [{"prompt_index": 0}]})
    data, failures = run(relay_to(name), filters + HELLO + STOP + DONE)
    assert failures == []
    assert "你好" in data.decode()


@every_client
@pytest.mark.parametrize("last", [STOP + USAGE, STOP_AND_USAGE])
def test_quirk_05_usage_after_the_finish_reason_or_with_it_counts(name: str, last: bytes) -> None:
    relay = relay_to(name)
    _, failures = run(relay, HELLO + last + DONE)
    assert failures == []
    assert msgspec.structs.replace(relay.summary(0).usage, extra={}) == Usage(4, output_tokens=2)


@every_client
@pytest.mark.parametrize(
    ("event", "kind"),
    [
        (frame({"error": {"message": "x", "code": 429, "metadata": {"error_type": "rate_limit_exceeded"}}}), "rate_limit"),
        (frame({"error": {"message": "Overloaded", "type": "overloaded_error"}}), "overloaded"),
        (frame({"code": "Throttling.RateQuota", "message": "x", "request_id": "r"}), "rate_limit"),
        (frame({"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}, "choices": None}), "quota"),
        (b"event: error\ndata: " + json.dumps({"message": "余额不足"}).encode() + b"\n\n", "quota"),
    ],
)  # fmt: skip
def test_quirk_06_an_error_under_status_200_is_a_failure_before_and_after_the_first_content(
    name: str, event: bytes, kind: str
) -> None:
    for begun in (b"", HELLO):
        relay = relay_to(name)
        data, failures = run(relay, begun + event)
        assert [failure.kind for failure in failures] == [kind]
        assert bool(data) is bool(begun)
        assert "余额" not in data.decode()


WHOLE = {
    "id": "c",
    "created": 1,
    "model": "m",
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "你好"}, "finish_reason": "stop"}],
    "usage": COUNT,
}


@every_client
def test_quirk_07_plain_json_in_place_of_a_stream_becomes_one_and_a_web_page_is_a_failure(name: str) -> None:
    relay = relay_to(name)
    data, failures = run(relay, json.dumps(WHOLE, ensure_ascii=False).encode())
    assert failures == []
    assert data.startswith((b"data: ", b"event: "))
    assert "你好" in data.decode()
    assert relay.summary(0).usage.all_output == 2
    for page in (b"<!DOCTYPE html><html>502</html>", b"\n <html>", b"upstream connect error or disconnect/reset"):
        data, failures = run(relay_to(name), page)
        assert [failure.kind for failure in failures] == ["protocol"]
        assert data == b""


@every_client
def test_quirk_08_a_missing_done_is_no_cut_and_a_missing_finish_is(name: str) -> None:
    data, failures = run(relay_to(name), HELLO + STOP)
    assert failures == []
    assert read(name, data) == ("你好", True)
    for cut in (HELLO, HELLO + DONE):
        _, failures = run(relay_to(name), cut)
        assert [failure.kind for failure in failures] == ["cut_off"]


def piece(arguments: str, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({"name": fields.pop("name")} if "name" in fields else {})}
    return {**fields, "function": function}


CALLS = [
    # as documented: id and name first, then by index, and 0 is an index
    ([piece("", index=0, id="a", name="f")], [piece('{"q"', index=0)], [piece(":1}", index=0)],
     [piece("{}", index=1, id="b", name="g")]),
    # no index at all: by id, then by position
    ([piece("", id="a", name="f")], [piece('{"q"', id="a")], [piece(":1}")], [piece("{}", id="b", name="g")]),
    # the name and the id repeated in every piece
    ([piece("", index=0, id="a", name="f")], [piece('{"q"', index=0, id="a", name="f")],
     [piece(":1}", index=0, id="a", name="f")], [piece("{}", index=1, id="b", name="g")]),
    # every call has the index 0
    ([piece('{"q":1}', index=0, id="a", name="f")], [piece("{}", index=0, id="b", name="g")]),
    # whole calls in one piece each, both at once
    ([piece('{"q":1}', index=0, id="a", name="f"), piece("{}", index=1, id="b", name="g")],),
]  # fmt: skip


@pytest.mark.parametrize("deltas", CALLS)
def test_quirk_09_pieces_of_calls_are_joined_however_they_are_marked(deltas: tuple[list[dict[str, Any]], ...]) -> None:
    stream = b"".join(chunk(tool_calls=pieces) for pieces in deltas) + chunk("tool_calls") + DONE
    wanted = [("a", "f", '{"q":1}'), ("b", "g", "{}")]
    parts = folded(stream).response().choices[0].parts
    assert [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)] == wanted
    passed, _ = run(relay_to("openai-chat"), stream)  # and a client that goes by the index alone sees the same
    joined: dict[int, list[str]] = {}
    for line in passed.split(b"\n\n"):
        if line.startswith(b"data: {"):
            delta = json.loads(line[6:])["choices"][0]["delta"]
            for call in delta.get("tool_calls", ()):
                known = joined.setdefault(call["index"], ["", "", ""])
                known[0] += call.get("id") or ""
                known[1] += call["function"].get("name") or ""
                known[2] += call["function"].get("arguments") or ""
    assert [tuple(joined[index]) for index in sorted(joined)] == wanted


def test_quirk_10_a_role_and_a_type_of_null_reach_no_client() -> None:
    calls = [{"index": 0, "id": "a", "type": None, "function": {"name": "f", "arguments": "{}"}}]
    stream = chunk(role=None, content="你好") + chunk(role=None, tool_calls=calls) + chunk("tool_calls") + DONE
    data, failures = run(relay_to("openai-chat"), stream)
    assert failures == []
    assert re.search(rb'"(role|type)": ?null', data) is None
    assert [part.text for part in folded(stream).response().choices[0].parts if isinstance(part, Text)] == ["你好"]


@every_client
@pytest.mark.parametrize("delta", [{"content": "again "}, {"reasoning_content": "想想 "}])
def test_quirk_12_a_model_that_repeats_itself_without_end_is_stopped(
    name: str, delta: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tally, "MAX_REPEATS", 50)
    relay = relay_to(name)
    failures = [relay.feed(chunk(**delta)).failure for _ in range(51)]
    assert failures[:50] == [None] * 50
    assert failures[50] is not None
    assert failures[50].code == "repetition"


@every_client
def test_quirk_15_a_client_that_waits_is_told_that_we_are_alive(name: str) -> None:
    asked, client = asked_by(name), CLIENT_DIALECTS[name]
    sign = client.keep_alive(asked)
    assert sign
    own = PROVIDER_DIALECTS[name].open_parser(asked, TARGET)
    assert not any(isinstance(event, Failed) for event in own.feed(sign * 3))
    assert not client.keep_alive(asked_by(name, stream=False))
