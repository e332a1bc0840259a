"""Recorded exchanges with Ollama's own chat: nothing that they say is lost, and what they ask we would ask alike."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Media, Message, OutputFormat, Part, Request, Text, Tool, ToolCall, ToolResult
from entrepot.canonical.stream import Ended, StreamEvent
from entrepot.dialects.base import Asked, Target
from tests.dialects.ollama_chat.asking import DIALECT
from tests.dialects.recorded import Exchange, body_of, recorded
from tests.dialects.sdk_types import CLIENTS, rendered, text_in_stream, text_in_whole

OPTIONS = {
    "num_predict": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "seed": "seed",
}


def exchanges(wire_dir: Path) -> list[Exchange]:
    return recorded(wire_dir, "/api/chat")


def parsed(exchange: Exchange, *pieces: bytes) -> list[StreamEvent]:
    asked = Asked(asked_in(exchange), "another-dialect", {})
    parser = DIALECT.open_parser(asked, Target(exchange["url"], exchange["request"]["model"]))
    return [*(event for piece in pieces for event in parser.feed(piece)), *parser.close()]


def asked_in(exchange: Exchange) -> Request:
    """The recorded request in canonical form, as far as such requests were recorded."""
    given = exchange["request"]
    options = given.get("options") or {}
    form = given.get("format")
    names: dict[str, list[str]] = {}
    return Request(
        given["model"],
        tuple(message_in(each, names) for each in given["messages"]),
        tools=tuple(tool_in(each["function"]) for each in given.get("tools") or ()),
        output_format=OutputFormat("json" if form == "json" else "text")
        if not isinstance(form, dict)
        else OutputFormat("json_schema", form),
        stream=given.get("stream", True),
        stop=tuple(options.get("stop") or ()),
        extra={} if given.get("keep_alive") is None else {"keep_alive": given["keep_alive"]},
        **{ours: options[theirs] for theirs, ours in OPTIONS.items() if theirs in options},
    )


def message_in(given: dict[str, Any], names: dict[str, list[str]]) -> Message:
    if given["role"] == "tool":
        id = names[given["tool_name"]].pop(0)
        return Message("tool", (ToolResult(id, (Text(given["content"]),)),))
    parts: list[Part] = [Text(given["content"])] if given.get("content") else []
    parts += [Media("image", data=image) for image in given.get("images") or ()]
    for call in given.get("tool_calls") or ():
        function = call["function"]
        waiting = names.setdefault(function["name"], [])
        waiting.append(f"{function['name']}-{len(names)}-{len(waiting)}")
        parts.append(ToolCall(waiting[-1], function["name"], json.dumps(function["arguments"])))
    return Message(given["role"], tuple(parts))


def tool_in(function: dict[str, Any]) -> Tool:
    return Tool(function["name"], function.get("description"), function.get("parameters"))


def meaning(body: dict[str, Any]) -> dict[str, Any]:
    """A request without what says nothing, and without what only we say: the context and the refusal to be cut."""
    options = {name: value for name, value in (body.get("options") or {}).items() if name != "num_ctx"}
    messages = [{name: value for name, value in each.items() if value} for each in body["messages"]]
    kept = {**body, "options": options, "messages": messages, "stream": body.get("stream", True)}
    kept.pop("truncate", None)
    return {name: value for name, value in kept.items() if value not in (None, "", [], {})}


def test_every_recorded_answer_is_understood_whatever_its_split(
    wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held: Counter[str] = Counter()
    for exchange in exchanges(wire_dir):
        body = body_of(exchange["response"])
        events = parsed(exchange, body)
        assert isinstance(events[-1], Ended), (exchange["id"], events[-1])
        assert parsed(exchange, *(body[i : i + 1] for i in range(len(body)))) == events
        lines = [json.loads(line) for line in body.splitlines()]
        response = fold(events)
        said = "".join(line["message"]["content"] for line in lines)
        assert response.choices[0].parts == (Text(said),)
        assert response.model == lines[0]["model"]
        assert response.usage is not None
        assert response.usage.all_input == lines[-1].get("prompt_eval_count", 0)
        assert response.usage.all_output == lines[-1]["eval_count"]
        held[exchange["host"]] += 1
    with capsys.disabled():
        print(f"\nOllama answers understood: {dict(held)}", end="")
    assert held.total() >= 2


@pytest.mark.parametrize("client", CLIENTS)
def test_every_recorded_answer_renders_for_every_client_as_its_sdk_takes_it(client: str, wire_dir: Path) -> None:
    for exchange in exchanges(wire_dir):
        events, request = parsed(exchange, body_of(exchange["response"])), asked_in(exchange)
        text = "".join(part.text for part in fold(events).choices[0].parts if isinstance(part, Text))
        assert text
        assert text_in_whole(client, rendered(client, events, request, stream=False)) == text
        assert text_in_stream(client, rendered(client, events, request, stream=True)) == text


def test_every_recorded_request_is_sent_equal_in_meaning(wire_dir: Path) -> None:
    for exchange in exchanges(wire_dir):
        target = Target(exchange["url"], exchange["request"]["model"])
        sent = DIALECT.render_request(Asked(asked_in(exchange), "another-dialect", {}), target, None)
        assert sent.url == exchange["url"]
        assert meaning(json.loads(sent.body)) == meaning(exchange["request"]), exchange["id"]
