from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import Folder, fold
from entrepot.canonical.request import Media, Reasoning, Refusal, Text, ToolCall, Unknown
from entrepot.canonical.response import Response
from entrepot.canonical.stream import Ended, Failed, Pinged, StreamEvent
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.render import render_response

OWN = "openai-chat"


def parse(*pieces: bytes) -> list[StreamEvent]:
    parser = ChatParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "m", "choices": choices, **more}).encode() + b"\n\n"


def streamed(*deltas: dict[str, Any], finish: str = "stop") -> Response:
    events = parse(*(chunk(delta) for delta in deltas), chunk({}, finish), b"data: [DONE]\n\n")
    assert isinstance(events[-1], Ended)
    return fold(events)


def whole(message: dict[str, Any], finish: str | None = "stop", **more: Any) -> Response:
    body = {"id": "c", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}
    return fold(parse(json.dumps(body).encode()))


def piece(arguments: str = "", id_: str | None = None, name: str | None = None, **more: Any) -> dict[str, Any]:
    function = {"arguments": arguments, **({} if name is None else {"name": name})}
    return {"function": function, **({} if id_ is None else {"id": id_}), **more}


def calls_of(*pieces: dict[str, Any]) -> list[tuple[str, str, str]]:
    parts = streamed(*({"tool_calls": [each]} for each in pieces)).choices[0].parts
    return [(part.id, part.name, part.arguments) for part in parts if isinstance(part, ToolCall)]


def test_calls_are_joined_by_index_and_0_is_an_index() -> None:
    pieces = (
        piece("", "a", "f", index=0),
        piece('{"x"', index=0),
        piece("", "b", "g", index=1),
        piece(": 1}", index=0),
        piece("[]", index=1),
    )
    assert calls_of(*pieces) == [("a", "f", '{"x": 1}'), ("b", "g", "[]")]


@pytest.mark.parametrize(
    "pieces",
    [
        # no index: joined by id, or by position where there is none
        (piece('{"x"', "a", "f"), piece(": 1}", "a", "f"), piece("{}", "b", "g")),
        (piece('{"x"', "a", "f"), piece(": 1}"), piece("{}", "b", "g")),
        # every call has the index 0
        (piece('{"x": 1}', "a", "f", index=0), piece("{}", "b", "g", index=0)),
        # the name is said in every piece
        (piece('{"x"', "a", "f", index=0), piece(": 1}", "a", "f", index=0), piece("", "b", "g", index=1)),
    ],
)
def test_hosts_that_index_calls_otherwise_are_understood(pieces: tuple[dict[str, Any], ...]) -> None:
    assert calls_of(*pieces) == [("a", "f", '{"x": 1}'), ("b", "g", "{}")]


def test_a_call_without_an_id_gets_one_of_its_own() -> None:
    ids = [id_ for id_, _, _ in calls_of(piece("{}", None, "f", index=0), piece("{}", None, "f", index=1))]
    assert all(ids)
    assert len(set(ids)) == 2


def test_arguments_given_as_an_object_become_text() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "f", "arguments": {"城市": "北京"}}}
    assert whole({"tool_calls": [call]}).choices[0].parts == (ToolCall("a", "f", '{"城市":"北京"}', extra={}),)


def test_calls_decide_the_reason_where_a_host_says_stop() -> None:
    assert streamed({"tool_calls": [piece("{}", "a", "f", index=0)]}).choices[0].finish_reason == "tool_calls"


@pytest.mark.parametrize("fields", [["reasoning_content"], ["reasoning"], ["reasoning", "reasoning_content"]])
def test_reasoning_is_read_once_whatever_it_is_called(fields: list[str]) -> None:
    part = whole({"content": "x", **dict.fromkeys(fields, "想")}).choices[0].parts[0]
    assert part == Reasoning("想", bound_to=OWN, extra={"fields": fields})


def test_sealed_reasoning_keeps_whose_it_is() -> None:
    details = [
        {"type": "reasoning.text", "text": "hm", "signature": "sig", "format": "anthropic-claude-v1", "index": 0},
        {"type": "reasoning.encrypted", "data": "opaque", "format": "entrepot:gemini-generate", "index": 1},
    ]
    one, two = whole({"content": None, "reasoning": "hm", "reasoning_details": details}).choices[0].parts
    assert isinstance(one, Reasoning)
    assert (one.text, one.signature, one.bound_to) == ("hm", "sig", "anthropic-messages")
    assert isinstance(two, Reasoning)
    assert (two.redacted, two.signature, two.bound_to) == (True, "opaque", "gemini-generate")


def test_lists_of_parts_images_sound_and_refusals_are_read() -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "想"}]}
    listed = whole({"content": [thinking, {"type": "text", "text": "好"}, {"type": "reference", "reference_ids": [1]}]})
    kinds = [type(part) for part in listed.choices[0].parts]
    assert kinds == [Reasoning, Text, Unknown]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    parts = (
        whole({"content": "", "images": [image], "refusal": "不", "audio": {"id": "a", "data": "BB"}}).choices[0].parts
    )
    assert parts == (
        Refusal("不"),
        Media("image", "image/png", data="AAAA"),
        Media("audio", data="BB", extra={"id": "a"}),
    )


def test_streamed_sound_is_joined() -> None:
    parts = streamed(
        {"audio": {"id": "a", "data": "AA", "transcript": "你"}}, {"audio": {"data": "BB", "transcript": "好"}}
    )
    assert parts.choices[0].parts == (Media("audio", data="AABB", extra={"id": "a", "transcript": "你好"}),)


def test_an_opening_chunk_without_choices_and_usage_after_the_reason_are_read() -> None:
    first = chunk(prompt_filter_results=[{"severity": "safe"}])
    usage = chunk(usage={"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}})
    response = fold(
        parse(first, b": PROCESSING\n\n", chunk({"content": "x"}), chunk({}, "stop"), usage, b"data: [DONE]\n\n")
    )
    assert response.usage is not None
    assert (response.usage.input_tokens, response.usage.cache_read_tokens) == (4, 5)
    assert Pinged() in parse(b": PROCESSING\n\n", chunk({}, "stop"))


def test_a_whole_answer_to_a_request_for_a_stream_is_taken() -> None:
    body = b'\n{"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}'
    assert fold(parse(body[:1], body[1:2], body[2:])).choices[0].parts == (Text("hi"),)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (chunk({"content": "x"}), "cut_off"),
        (chunk({"content": "x"}) + b"data: [DONE]\n\n", "cut_off"),
        (chunk({"content": "x"}, "network_error"), "server_error"),
        (b'data: {"error": {"message": "x", "code": "overloaded"}}\n\n', "overloaded"),
        (b'[{"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED rate_limit"}}]', "rate_limit"),
        (b"<html>", "protocol"),
        (b'{"choices": []}', "protocol"),
    ],
)
def test_what_is_no_answer_is_a_failure(body: bytes, kind: str) -> None:
    folder = Folder()
    events = parse(body)
    for event in events:
        folder.take(event)
    assert isinstance(events[-1], Failed)
    assert folder.failure is not None
    assert folder.failure.kind == kind


def test_what_has_no_name_is_kept_and_rendered_back() -> None:
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 5,
        "model": "m",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "你好", "refusal": None, "annotations": []},
                "logprobs": {"content": [{"token": "你", "logprob": -0.1}]},
                "finish_reason": "eos",
                "novelty": 1,
            }
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3, "novelty": 4},
    }
    assert render_response(fold(parse(json.dumps(body).encode()))) == body
