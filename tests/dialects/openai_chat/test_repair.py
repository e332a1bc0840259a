"""What would break a strict client is mended on its way, and nothing else is touched."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from entrepot.dialects.base import Relayed
from entrepot.dialects.sse import FrameSplitter
from tests.dialects.openai_chat.test_relay import relay_for

USAGE = {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2}


def streamed(*choices: dict[str, Any], **more: Any) -> tuple[list[dict[str, Any]], Relayed]:
    """The chunks that a client sees of chunks with these choices, each of which the official types must take."""
    chunks = [
        {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice], **more}
        for choice in choices
    ]
    body = b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks)
    relayed = relay_for().feed(body)
    seen = [json.loads(frame.data) for frame in FrameSplitter().feed(relayed.data) if frame.data is not None]
    for chunk in seen:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return seen, relayed


def whole(choice: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A whole answer with this choice, as a client sees it and the official types take it."""
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": USAGE}
    relay = relay_for(stream=False)
    relay.feed(json.dumps({**answer, **more}).encode())
    seen: dict[str, Any] = json.loads(relay.close().data)
    ChatCompletion.model_validate(seen, strict=True)
    return seen


def delta(index: int | None = 0, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {**({} if index is None else {"index": index}), "delta": fields, "finish_reason": finish}


def call(index: int | None, arguments: Any = "", **fields: Any) -> dict[str, Any]:
    placed = {} if index is None else {"index": index}
    function = {"arguments": arguments, **({"name": fields.pop("name")} if "name" in fields else {})}
    return {**placed, **fields, "function": function}


def calls_of(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [piece for chunk in chunks for piece in chunk["choices"][0]["delta"].get("tool_calls", ())]


def test_a_role_and_a_type_of_null_are_left_out() -> None:
    pieces = [call(0, "{}", id="a", name="f", type=None)]
    chunks, _ = streamed(delta(role=None, content="你好"), delta(role=None, tool_calls=pieces))
    assert chunks[0]["choices"][0]["delta"] == {"content": "你好"}
    assert calls_of(chunks) == [call(0, "{}", id="a", name="f", type="function")]


def test_a_text_that_speaks_of_null_is_no_null() -> None:
    said = delta(content='{"role":null, "type": null}')
    chunks, relayed = streamed(said)
    assert chunks[0]["choices"] == [said]
    assert relayed.data == b"data: " + json.dumps(chunks[0]).encode() + b"\n\n"


def test_pieces_without_an_index_get_the_index_of_their_call() -> None:
    chunks, _ = streamed(
        delta(tool_calls=[call(None, "", id="a", name="f")]),
        delta(tool_calls=[call(None, '{"q"', id="a")]),
        delta(tool_calls=[call(None, ": 1}")]),
        delta(tool_calls=[call(None, "{}", id="b", name="g")]),
    )
    pieces = calls_of(chunks)
    assert [piece["index"] for piece in pieces] == [0, 0, 0, 1]
    assert [piece.get("id") for piece in pieces] == ["a", None, None, "b"]


def test_a_repeated_name_is_said_once_because_clients_join_what_is_repeated() -> None:
    chunks, _ = streamed(
        delta(tool_calls=[call(0, "", id="a", name="search", type="function")]),
        delta(tool_calls=[call(0, '{"q":', id="a", name="search", type="function")]),
        delta(tool_calls=[call(0, "1}", id="", name="")]),
    )
    pieces = calls_of(chunks)
    assert "".join(piece["function"].get("name", "") for piece in pieces) == "search"
    assert "".join(piece.get("id") or "" for piece in pieces) == "a"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"q":1}'


def test_calls_that_all_have_the_index_0_are_told_apart() -> None:
    chunks, _ = streamed(
        delta(tool_calls=[call(0, "{}", id="a", name="f")]),
        delta(tool_calls=[call(0, "{}", id="b", name="g")]),
    )
    assert [(piece["index"], piece["id"]) for piece in calls_of(chunks)] == [(0, "a"), (1, "b")]


def test_a_call_without_an_id_gets_one_and_an_object_for_arguments_becomes_its_text() -> None:
    chunks, _ = streamed(delta(tool_calls=[call(0, {"城市": "北京"}, name="f")]))
    (piece,) = calls_of(chunks)
    assert piece["id"]
    assert json.loads(piece["function"]["arguments"]) == {"城市": "北京"}
    message = {"role": "assistant", "content": None, "tool_calls": [call(None, {"a": 1}, name="f", id="")]}
    seen = whole({"index": 0, "message": message, "finish_reason": "tool_calls"})
    (called,) = seen["choices"][0]["message"]["tool_calls"]
    assert called["id"]
    assert (called["type"], called["function"]["arguments"]) == ("function", '{"a":1}')


def test_lists_of_parts_become_a_text_and_its_reasoning() -> None:
    parts = [
        {"type": "thinking", "thinking": [{"type": "text", "text": "想"}]},
        {"type": "text", "text": "答"},
    ]
    chunks, _ = streamed(delta(content=parts))
    assert chunks[0]["choices"][0]["delta"] == {"content": "答", "reasoning_content": "想"}
    seen = whole({"index": 0, "message": {"role": "assistant", "content": parts}, "finish_reason": "stop"})
    assert seen["choices"][0]["message"] == {"role": "assistant", "content": "答", "reasoning_content": "想"}


@pytest.mark.parametrize(
    ("word", "known"),
    [("eos", "stop"), ("eos_token", "stop"), ("sensitive", "content_filter"), ("model_length", "length"), ("", None)],
)
def test_a_finish_reason_that_no_client_knows_becomes_one_that_it_does(word: str, known: str | None) -> None:
    chunks, _ = streamed(delta(content="x"), delta(finish=word))
    assert chunks[-1]["choices"][0]["finish_reason"] == known


@pytest.mark.parametrize(("word", "known"), [("on_demand", "default"), ("performance", "priority"), ("flex", "flex")])
def test_a_service_tier_that_no_client_knows_becomes_one_that_it_does(word: str, known: str) -> None:
    choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}
    assert whole(choice, service_tier=word)["service_tier"] == known
    chunks, _ = streamed(delta(content="x"), service_tier=word)
    assert chunks[0]["service_tier"] == known


def test_choices_without_an_index_are_numbered() -> None:
    chunks, _ = streamed(delta(None, content="x"))
    assert chunks[0]["choices"][0]["index"] == 0


def test_a_chunk_without_choices_gets_none() -> None:
    relay = relay_for()
    body = b'data: {"id": "c", "model": "m", "choices": null}\n\n'
    relayed = relay.feed(b'data: {"choices": [{"index": 0, "delta": {"content": "x"}}]}\n\n' + body)
    last = FrameSplitter().feed(relayed.data)[-1]
    assert last.data is not None
    assert json.loads(last.data)["choices"] == []


@pytest.mark.parametrize("word", ["network_error", "error", "insufficient_system_resource"])
def test_a_finish_reason_that_tells_of_a_failure_is_one(word: str) -> None:
    _, relayed = streamed(delta(content="x"), delta(finish=word))
    assert relayed.failure is not None
    assert (relayed.failure.kind, relayed.failure.code) == ("server_error", word)
