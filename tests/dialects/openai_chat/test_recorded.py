"""Recorded exchanges with live providers of this dialect: what they answered passes through unchanged and is understood."""

from __future__ import annotations

import base64
import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

from entrepot.canonical.fold import Folder
from entrepot.canonical.request import Reasoning, Text, ToolCall
from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.dialect import OpenAIChat
from entrepot.dialects.openai_chat.request import parse_request
from entrepot.dialects.sse import FrameSplitter


def recorded(wire_dir: Path) -> list[dict[str, Any]]:
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        exchanges = [json.loads(line) for line in lines]
    chats = [each for each in exchanges if each["url"].split("?")[0].endswith("/chat/completions")]
    for each in chats:
        each["response"] = unpacked(each["response"])
    return chats


def unpacked(response: Any) -> Any:
    """Some bodies were recorded as they came: gzip, in base64."""
    if not isinstance(response, str) or not response.startswith("H4sI"):
        return response
    text = gzip.decompress(base64.b64decode(response)).decode()
    return json.loads(text) if text.startswith("{") else text


def test_every_recorded_request_is_understood_and_loses_nothing(wire_dir: Path) -> None:
    seen = 0
    for exchange in recorded(wire_dir):
        if not isinstance(exchange["request"], dict) or "model" not in exchange["request"]:
            continue  # Azure names the model in the address
        asked = parse_request(json.dumps(exchange["request"]).encode())
        assert {name: json.loads(bytes(raw)) for name, raw in asked.fields.items()} == exchange["request"], exchange[
            "id"
        ]
        assert len(asked.request.messages) == len(exchange["request"]["messages"])
        seen += 1
    assert seen > 200


# Hosts whose answers a strict client of the dialect would not take, and for what.
MENDED = {
    "api.groq.com": "a service tier of its own",
    "api.mistral.ai": "a list for a content",
    "generativelanguage.googleapis.com": "calls without an id",
    "myorg-myaccount.snowflakecomputing.com": "empty texts for a finish reason and a service tier",
    "openrouter.ai": "a service tier of its own",
}


def said_in(body: bytes) -> list[tuple[str, str, str]]:
    """What an answer's first choice says, reasons and calls."""
    parser = ChatParser()
    folder = Folder()
    for event in (*parser.feed(body), *parser.close()):
        folder.take(event)
    assert folder.ended
    said = []
    for part in folder.response().choices[0].parts:
        match part:
            case Text(text) | Reasoning(text):
                said.append((type(part).__name__, text, ""))
            case ToolCall():
                said.append((part.id, part.name, part.arguments))
    return said


def test_every_recorded_answer_passes_through_unchanged_or_mended(wire_dir: Path) -> None:
    counted: Counter[str] = Counter()
    mended: Counter[str] = Counter()
    for exchange in recorded(wire_dir):
        answer = exchange["response"]
        if exchange["status"] != 200 or not isinstance(exchange["request"], dict):
            continue
        wanted = {**exchange["request"], "stream": isinstance(answer, str), "stream_options": {"include_usage": True}}
        wanted.setdefault("model", "named-in-the-address")
        relay = OpenAIChat.open_relay(parse_request(json.dumps(wanted).encode()), Target("https://host", "m"))
        assert relay is not None
        body = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
        fed = relay.feed(body)
        closed = relay.close()
        assert fed.failure is None, (exchange["id"], fed.failure)
        assert closed.failure is None, (exchange["id"], closed.failure)
        passed = fed.data + closed.data
        if isinstance(answer, str):
            frames = [frame for frame in FrameSplitter().feed(body + b"\n\n") if frame.data is not None]
            kept = [frame for frame in FrameSplitter().feed(passed) if frame.data is not None]
            same = [frame.data for frame in kept] == [frame.data for frame in frames]
        else:
            same = passed == body
        if not same:
            mended[exchange["host"]] += 1
            assert said_in(passed) == said_in(body), exchange["id"]
        summary = relay.summary(0)
        assert summary.finished
        if isinstance(answer, dict) and (answer.get("usage") or {}).get("prompt_tokens"):
            assert summary.usage.all_input == answer["usage"]["prompt_tokens"], exchange["id"]
            assert summary.usage.all_output >= answer["usage"]["completion_tokens"], exchange["id"]
            assert not summary.usage.estimated
        counted[exchange["host"]] += 1
    assert counted["api.openai.com"] > 100
    assert len(counted) > 15
    print(f"\nmended on their way: {dict(mended)}")
    assert mended.keys() == MENDED.keys()


def test_every_recorded_error_is_classified(wire_dir: Path) -> None:
    kinds = Counter(
        OpenAIChat.parse_failure(
            exchange["status"],
            {},
            exchange["response"].encode()
            if isinstance(exchange["response"], str)
            else json.dumps(exchange["response"]).encode(),
        ).kind
        for exchange in recorded(wire_dir)
        if exchange["status"] != 200
    )
    assert set(kinds) <= {"bad_request", "model_gone", "context_length", "content_filter"}
    assert kinds.total() == 7
