"""What passes between two of the same dialect: every byte of an answer, nothing before its first content, and a true tally."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from entrepot.canonical.fold import fold, unfold
from entrepot.canonical.request import Text, ToolCall
from entrepot.canonical.response import Choice, Response, Usage
from entrepot.dialects import passage, tally
from entrepot.dialects.base import Asked, Envelope, Relay, Relayed, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS, open_relay
from entrepot.errors import ProviderError
from tests.dialects.recorded import body_of, recorded

NAMES = ("anthropic-messages", "gemini-generate", "openai-chat")
TARGET = Target("https://provider.example/v1", "upstream-name")
PATHS = {"gemini-generate": "/v1beta/models/m:generateContent", "anthropic-messages": "/v1/messages"}
BODIES: dict[str, dict[str, Any]] = {
    "openai-chat": {"model": "m", "messages": [{"role": "user", "content": "问"}]},
    "anthropic-messages": {"model": "m", "messages": [{"role": "user", "content": "问"}], "max_tokens": 9},
    "gemini-generate": {"contents": [{"parts": [{"text": "问"}]}]},
}
ANSWER = Response(
    "id",
    "claimed",
    1,
    (Choice(0, (Text("你好，世界"), ToolCall("call_0", "look_up", '{"q": "天气"}')), "tool_calls"),),
    Usage(11, output_tokens=7),
)
every = pytest.mark.parametrize("name", NAMES)


def asked_for(name: str, *, stream: bool) -> Asked:
    path = PATHS.get(name, "").replace("generateContent", "streamGenerateContent" if stream else "generateContent")
    body: dict[str, Any] = dict(BODIES[name])
    if name != "gemini-generate":
        body["stream"] = stream
    return CLIENT_DIALECTS[name].parse_request(json.dumps(body).encode(), Envelope(path, "alt=sse"))


def relay_for(name: str, *, stream: bool = True) -> Relay:
    relay = open_relay(CLIENT_DIALECTS[name], PROVIDER_DIALECTS[name], asked_for(name, stream=stream), TARGET)
    assert isinstance(relay, passage.Passage)
    return relay


def said_by(name: str, *, stream: bool) -> bytes:
    renderer = CLIENT_DIALECTS[name].open_renderer(asked_for(name, stream=stream), 1)
    return b"".join(renderer.render([event]) for event in unfold(ANSWER))


def first_words_of(body: bytes) -> bytes:
    """A stream up to the end of the frame that says the text."""
    at = body.index("世界".encode())
    end = b"\r\n\r\n" if b"\r\n\r\n" in body else b"\n\n"
    return body[: body.index(end, at) + len(end)]


def run(relay: Relay, *pieces: bytes) -> tuple[bytes, list[Relayed]]:
    steps = [*(relay.feed(piece) for piece in pieces), relay.close()]
    return b"".join(step.data for step in steps), steps


@every
@pytest.mark.parametrize("stream", [True, False])
def test_every_byte_of_an_answer_passes_whatever_its_split(name: str, stream: bool) -> None:
    body = said_by(name, stream=stream)
    for at in range(0, len(body), 7):
        relay = relay_for(name, stream=stream)
        data, steps = run(relay, body[:at], body[at:])
        assert data == body
        assert [step.failure for step in steps if step.failure is not None] == []
        assert any(step.ended for step in steps)
        summary = relay.summary(0)
        assert (summary.usage.all_input, summary.claimed_model, summary.finished) == (
            (0 if name == "openai-chat" and stream else 11) or summary.usage.all_input,
            "claimed",
            True,
        )


@every
def test_nothing_leaves_before_the_first_content(name: str) -> None:
    body = said_by(name, stream=True)
    relay = relay_for(name)
    start = body.rfind(b"event: " if name == "anthropic-messages" else b"data: ", 0, body.index("你".encode()))
    opening = relay.feed(b": ping\n\n" + body[:start])
    assert opening == Relayed()
    rest = relay.feed(body[start:])
    assert rest.content
    assert rest.data.startswith(body[:start])


@every
def test_a_stream_that_is_cut_off_is_a_failure_and_what_came_is_counted(name: str) -> None:
    body = said_by(name, stream=True)
    relay = relay_for(name)
    _, steps = run(relay, first_words_of(body))
    kinds = [step.failure.kind for step in steps if step.failure is not None]
    assert kinds == ["cut_off"]
    summary = relay.summary(50)
    assert not summary.finished
    assert summary.usage.all_output > 0


@every
def test_an_error_in_the_middle_is_understood_and_does_not_pass(name: str) -> None:
    relay = relay_for(name)
    body = said_by(name, stream=True)
    broken = CLIENT_DIALECTS[name].open_renderer(asked_for(name, stream=True), 1).break_off(ProviderError("it broke"))
    first = first_words_of(body)
    data, steps = run(relay, first + broken)
    assert data == first
    assert [step.failure.kind for step in steps if step.failure is not None] == ["server_error"]
    assert relay_for(name).break_off(ProviderError("it broke")) == broken


@every
def test_a_whole_answer_to_a_request_for_a_stream_becomes_one(name: str) -> None:
    data, steps = run(relay_for(name), said_by(name, stream=False))
    assert steps[-1].ended
    parser = PROVIDER_DIALECTS[name].open_parser(asked_for(name, stream=True), TARGET)
    response = fold([*parser.feed(data), *parser.close()])
    assert data.startswith((b"data: ", b"event: "))
    assert [part.text for part in response.choices[0].parts if isinstance(part, Text)] == ["你好，世界"]


@every
def test_a_stream_in_place_of_a_whole_answer_becomes_one(name: str) -> None:
    data, steps = run(relay_for(name, stream=False), said_by(name, stream=True))
    assert steps[-1].ended or steps[0].ended
    assert "你好，世界" in json.dumps(json.loads(data), ensure_ascii=False)


@every
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("body", [b"<html>502</html>", b"upstream connect error", b"[]", b"", b"null"])
def test_what_is_no_answer_is_a_failure(name: str, stream: bool, body: bytes) -> None:
    data, steps = run(relay_for(name, stream=stream), body)
    assert data == b""
    assert [step.failure is not None for step in steps].count(True) == 1


@every
def test_a_model_that_repeats_itself_without_end_is_stopped(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MAX_REPEATS", 20)
    frames = {
        "openai-chat": b'data: {"choices": [{"index": 0, "delta": {"content": "again"}}]}\n\n',
        "anthropic-messages": b"event: content_block_delta\n"
        b'data: {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "again"}}\n\n',
        "gemini-generate": b'data: {"candidates": [{"content": {"parts": [{"text": "again"}]}}]}\n\n',
    }
    relay = relay_for(name)
    failures = [relay.feed(frames[name]).failure for _ in range(21)]
    assert failures[:20] == [None] * 20
    assert failures[20] == tally.LOOPED


def test_an_answer_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passage, "MAX_ANSWER_BYTES", 10)
    relay = relay_for("openai-chat", stream=False)
    assert relay.feed(b"{").failure is None
    failure = relay.feed(b"x" * 10).failure
    assert failure is not None
    assert failure.kind == "protocol"


PING = re.compile(rb"event: ping\ndata: [^\n]+\n\n")


def test_an_opening_that_says_nothing_does_not_fill_the_memory() -> None:
    noise = b'data: {"id": "c", "choices": [{"index": 0, "delta": {"role": "assistant"}}], "x": "%s"}\n\n' % (
        b"x" * 100_000
    )
    relay = relay_for("openai-chat")
    failures = [relay.feed(noise).failure for _ in range(12)]
    assert failures == [None] * 10 + [tally.EMPTY, None]
    assert relay.feed(noise) == Relayed()


ENDS = {"anthropic-messages": "/v1/messages", "gemini-generate": "enerateContent"}


@pytest.mark.parametrize("name", sorted(ENDS))
def test_every_recorded_answer_passes_unchanged_and_is_counted_as_the_parser_counts_it(
    name: str, wire_dir: Path
) -> None:
    passed: Counter[str] = Counter()
    for exchange in recorded(wire_dir, ENDS[name]):
        if exchange["status"] != 200 or not isinstance(exchange["request"], dict):
            continue
        body = body_of(exchange["response"])
        stream = isinstance(exchange["response"], str)
        relay, asked = relay_for(name, stream=stream), asked_for(name, stream=stream)
        data, steps = run(relay, body)
        assert [step.failure for step in steps if step.failure is not None] == [], exchange["id"]
        assert PING.sub(b"", data).strip() == PING.sub(b"", body).strip(), exchange["id"]
        parser = PROVIDER_DIALECTS[name].open_parser(asked, TARGET)
        usage = fold([*parser.feed(body), *parser.close()]).usage
        assert usage is None or relay.summary(0).usage == usage, exchange["id"]
        passed[exchange["host"]] += 1
    print(f"\n{name} passed through: {dict(passed)}")
    assert passed.total() > 100
