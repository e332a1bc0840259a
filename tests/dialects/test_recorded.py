"""Recorded exchanges of every dialect that is spoken to providers, through every dialect that is spoken to clients.

Each dialect is a row of DIALECTS; the tests count what holds per host, print it, and ask for all of it but for what is listed
with its reason.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
from anthropic.types.beta import BetaMessage, BetaRawMessageStreamEvent
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response as OpenAIResponse
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Part, Refusal, Text, Unknown
from entrepot.canonical.stream import Ended, Pinged, StreamEvent
from entrepot.dialects.base import AnswerParser, Asked, Envelope, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS
from entrepot.dialects.sse import FrameSplitter
from entrepot.errors import InvalidRequest
from tests.dialects.recorded import Exchange, body_of, recorded

TARGET = Target("https://provider.example/v1", "upstream-name", max_output_tokens=4096)
ENDS = {"openai-chat": "/chat/completions", "openai-responses": "/responses", "anthropic-messages": "/v1/messages"}
EVENT = TypeAdapter[Any](BetaRawMessageStreamEvent)
RESPONSE_EVENT = TypeAdapter[Any](ResponseStreamEvent)
dialects = pytest.mark.parametrize("name", sorted(ENDS))
# Within a dialect nothing is translated that the SDK has not taken before: that it stays equal is tested above.
pairs = pytest.mark.parametrize(
    ("name", "other"), [(name, other) for name in sorted(ENDS) for other in sorted(ENDS) if name != other]
)


def asked_of(name: str, exchange: Exchange, stream: bool) -> Asked:
    """The recorded request as its own dialect understands it."""
    body = {"model": "named-in-the-address", **exchange["request"], "stream": stream}
    return CLIENT_DIALECTS[name].parse_request(json.dumps(body).encode(), Envelope("/v1/messages"))


def answers(name: str, wire_dir: Path) -> list[tuple[Exchange, Asked]]:
    return [
        (each, asked_of(name, each, isinstance(each["response"], str)))
        for each in recorded(wire_dir, ENDS[name])
        if each["status"] == 200 and isinstance(each["request"], dict)
    ]


def parsed(parser: AnswerParser, *pieces: bytes) -> list[StreamEvent]:
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [event for event in (*events, *parser.close()) if not isinstance(event, Pinged)]


def report(what: str, held: Counter[str], of: Counter[str]) -> None:
    print(f"\n{what}: {held.total()} of {of.total()}")
    for host in sorted(of):
        print(f"  {host}: {held[host]} of {of[host]}")


@dialects
def test_every_recorded_answer_is_understood_whatever_its_split(name: str, wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for exchange, asked in answers(name, wire_dir):
        of[exchange["host"]] += 1
        body = body_of(exchange["response"])
        provider = PROVIDER_DIALECTS[name]
        events = parsed(provider.open_parser(asked, TARGET), body)
        assert isinstance(events[-1], Ended), (exchange["id"], events[-1])
        step = max(1, len(body) // 97)
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        assert parsed(provider.open_parser(asked, TARGET), *pieces) == events, exchange["id"]
        held[exchange["host"]] += 1
    report(f"{name} answers understood", held, of)
    assert held == of
    assert of.total() > 100


@dialects
def test_every_whole_recorded_answer_renders_back_equal(name: str, wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    different = []
    for exchange, asked in answers(name, wire_dir):
        if isinstance(exchange["response"], str):
            continue
        of[exchange["host"]] += 1
        events = parsed(PROVIDER_DIALECTS[name].open_parser(asked, TARGET), body_of(exchange["response"]))
        if json.loads(CLIENT_DIALECTS[name].open_renderer(asked, 0).render(events)) == exchange["response"]:
            held[exchange["host"]] += 1
        else:
            different.append(exchange["id"])
    report(f"{name} whole answers rendered back equal", held, of)
    assert different == []


@dialects
def test_every_recorded_stream_renders_to_a_stream_that_says_the_same(name: str, wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    for exchange, asked in answers(name, wire_dir):
        if not isinstance(exchange["response"], str):
            continue
        provider = PROVIDER_DIALECTS[name]
        events = parsed(provider.open_parser(asked, TARGET), body_of(exchange["response"]))
        rendered = CLIENT_DIALECTS[name].open_renderer(streaming(asked), 1).render(events)
        once, again = fold(events), fold(parsed(provider.open_parser(asked, TARGET), rendered))
        for one, other in zip(once.choices, again.choices, strict=True):
            assert [plain(part) for part in one.parts] == [plain(part) for part in other.parts], exchange["id"]
            said = "stop" if one.finish_reason == "unknown" else one.finish_reason
            assert other.finish_reason == said, exchange["id"]
        if once.usage is not None:
            assert again.usage is not None
            assert again.usage.all_input == once.usage.all_input
            assert again.usage.all_output == once.usage.all_output
        held[exchange["host"]] += 1
    report(f"{name} streams that say the same again", held, held)
    assert held.total() >= 9


def plain(part: Part) -> Part:
    """A part without the words that only its own dialect has for it."""
    return part if isinstance(part, Refusal | Unknown) else msgspec.structs.replace(part, extra={})


@pairs
def test_every_recorded_answer_renders_for_every_client_as_its_sdk_takes_it(
    name: str, other: str, wire_dir: Path
) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for exchange, asked in answers(name, wire_dir):
        of[exchange["host"]] += 1
        events = parsed(PROVIDER_DIALECTS[name].open_parser(asked, TARGET), body_of(exchange["response"]))
        response = fold(events)
        whole = json.loads(CLIENT_DIALECTS[other].open_renderer(at_once(asked), 1).render(events))
        renderer = CLIENT_DIALECTS[other].open_renderer(streaming(asked), 1)
        frames = FrameSplitter().feed(renderer.render(events))
        data = [frame.data for frame in frames if frame.data is not None]
        read = READERS[other](whole, data)
        spoken = (Text, Refusal) if other == "anthropic-messages" else Text
        texts = [part.text for part in response.choices[0].parts if isinstance(part, spoken)]
        assert read == ("".join(texts), "".join(texts)), exchange["id"]
        held[exchange["host"]] += 1
    report(f"{name} answers to clients of {other}", held, of)
    assert held == of


def streaming(asked: Asked) -> Asked:
    """The same, for a stream with its usage."""
    return msgspec.structs.replace(
        asked, request=msgspec.structs.replace(asked.request, stream=True, include_usage=True)
    )


def at_once(asked: Asked) -> Asked:
    """The same, for an answer in one piece."""
    return msgspec.structs.replace(asked, request=msgspec.structs.replace(asked.request, stream=False))


def read_as_openai(whole: dict[str, Any], data: list[bytes]) -> tuple[str, str]:
    """The text of an answer, whole and streamed, as the SDK's own strict types read it."""
    completion = ChatCompletion.model_validate(whole)
    assert data[-1] == b"[DONE]"
    chunks = [ChatCompletionChunk.model_validate_json(each) for each in data[:-1]]
    deltas = [choice.delta.content or "" for chunk in chunks for choice in chunk.choices if choice.index == 0]
    content = whole["choices"][0]["message"].get("content")
    if isinstance(content, list):  # Mistral's own lists of parts, given back as they were
        return "".join(part.get("text", "") for part in content if part["type"] == "text"), "".join(deltas)
    return completion.choices[0].message.content or "", "".join(deltas)


def read_as_anthropic(whole: dict[str, Any], data: list[bytes]) -> tuple[str, str]:
    message = BetaMessage.model_validate(whole)
    texts = [block.text for block in message.content if block.type == "text"]
    streamed: dict[int, str] = {}
    for each in data:
        value = json.loads(each)
        if value["type"] == "ping":
            continue
        event = EVENT.validate_python(value)
        if event.type == "content_block_start":
            assert event.index == len(streamed)
            streamed[event.index] = ""
        elif event.type == "content_block_delta" and event.delta.type == "text_delta":
            streamed[event.index] += event.delta.text
    assert json.loads(data[-1])["type"] == "message_stop"
    return "".join(texts), "".join(streamed.values())


def read_as_responses(whole: dict[str, Any], data: list[bytes]) -> tuple[str, str]:
    response = OpenAIResponse.model_validate(whole)
    events = [RESPONSE_EVENT.validate_json(each) for each in data]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert [event.type for event in events[:2]] == ["response.created", "response.in_progress"]
    assert events[-1].type in ("response.completed", "response.incomplete")
    added = [event for event in events if event.type == "response.output_item.added"]
    done = {event.output_index: event.item for event in events if event.type == "response.output_item.done"}
    assert [event.output_index for event in added] == list(range(len(added)))
    assert [done[index] for index in sorted(done)] == events[-1].response.output
    assert [event.item.id for event in added] == [item.id for item in events[-1].response.output]
    deltas = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert deltas == events[-1].response.output_text
    return response.output_text, deltas


READERS = {
    "openai-chat": read_as_openai,
    "openai-responses": read_as_responses,
    "anthropic-messages": read_as_anthropic,
}


@dialects
def test_the_usage_of_every_recorded_answer_is_counted_in_full(name: str, wire_dir: Path) -> None:
    counted = 0
    for exchange, asked in answers(name, wire_dir):
        answer = exchange["response"]
        if not isinstance(answer, dict) or not answer.get("usage"):
            continue
        wire = answer["usage"]
        usage = fold(parsed(PROVIDER_DIALECTS[name].open_parser(asked, TARGET), body_of(answer))).usage
        assert usage is not None
        if name == "anthropic-messages":
            cached = (wire.get("cache_read_input_tokens") or 0) + (wire.get("cache_creation_input_tokens") or 0)
            assert usage.all_input == wire["input_tokens"] + cached, exchange["id"]
            assert usage.all_output == wire["output_tokens"], exchange["id"]
        elif name == "openai-responses":
            assert usage.all_input == wire["input_tokens"], exchange["id"]
            assert usage.cache_read_tokens == wire["input_tokens_details"]["cached_tokens"]
            assert usage.all_output == wire["output_tokens"], exchange["id"]
            assert usage.reasoning_tokens == wire["output_tokens_details"]["reasoning_tokens"]
        else:
            assert usage.all_input == wire["prompt_tokens"], exchange["id"]
            assert usage.all_output >= wire["completion_tokens"], exchange["id"]
        counted += 1
    print(f"\n{name}: usage counted in {counted}")
    assert counted > 100


@dialects
def test_every_recorded_request_is_understood_and_sent_on_equal(name: str, wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    for exchange in recorded(wire_dir, ENDS[name]):
        if not isinstance(exchange["request"], dict):
            continue
        body = json.dumps({"model": "named-in-the-address", **exchange["request"]}).encode()
        asked = CLIENT_DIALECTS[name].parse_request(body)
        newer = frozenset({"max_completion_tokens"} & exchange["request"].keys())
        target = msgspec.structs.replace(TARGET, quirks=newer)
        sent = json.loads(PROVIDER_DIALECTS[name].render_request(asked, target, None).body)
        kept = {**exchange["request"], "model": "upstream-name"}
        assert {key: value for key, value in sent.items() if key in kept} == kept | (
            {"stream_options": sent["stream_options"]} if "stream_options" in kept else {}
        ), exchange["id"]
        held[exchange["host"]] += 1
    report(f"{name} requests sent on equal", held, held)
    assert held.total() > 100


@pairs
def test_every_recorded_request_is_taken_by_the_other_dialects_or_refused_for_a_reason(
    name: str, other: str, wire_dir: Path
) -> None:
    taken: Counter[str] = Counter()
    of: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for exchange in recorded(wire_dir, ENDS[name]):
        if not isinstance(exchange["request"], dict):
            continue
        of[exchange["host"]] += 1
        asked = asked_of(name, exchange, stream=False)
        try:
            sent = PROVIDER_DIALECTS[other].render_request(asked, TARGET, None)
        except InvalidRequest as error:
            reasons[f"{error.param}: {error.message[:160]}"] += 1
            continue
        again = CLIENT_DIALECTS[other].parse_request(sent.body).request
        words = [message.text() for message in asked.request.messages if message.role == "user" and message.text()]
        said = "\n".join(message.text() for message in again.messages)
        assert all(line in said for text in words for line in text.split("\n")), exchange["id"]
        taken[exchange["host"]] += 1
    report(f"{name} requests to providers of {other}", taken, of)
    for reason, times in reasons.most_common():
        print(f"  refused {times}: {reason}")
