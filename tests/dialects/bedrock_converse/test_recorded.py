"""Recorded exchanges with Bedrock: nothing that they say is lost, and what they ask we would ask alike.

No client speaks Converse to us: recorded requests are read by `recorded.py` and must come out equal in meaning.
"""

from __future__ import annotations

import base64
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Reasoning, Request, Text, ToolCall
from entrepot.canonical.response import Response
from entrepot.canonical.stream import Ended, StreamEvent
from entrepot.dialects.base import AnswerParser, Asked, Target
from tests.dialects.bedrock_converse.asking import DIALECT
from tests.dialects.bedrock_converse.recorded import asked_in, bytes_of, exchanges, meaning, model_of, streams
from tests.dialects.recorded import Exchange
from tests.dialects.sdk_types import CLIENTS, rendered, text_in_stream, text_in_whole


def parser_for(exchange: Exchange) -> AnswerParser:
    asked = Asked(Request("m", (), stream=streams(exchange)), "another-dialect", {})
    return DIALECT.open_parser(asked, target_of(exchange))


def target_of(exchange: Exchange) -> Target:
    return Target(exchange["url"].split("/model/")[0], model_of(exchange))


def parsed(exchange: Exchange, *pieces: bytes) -> list[StreamEvent]:
    parser = parser_for(exchange)
    return [*(event for piece in pieces for event in parser.feed(piece)), *parser.close()]


def answers(wire_dir: Path) -> list[Exchange]:
    return [each for each in exchanges(wire_dir) if each["status"] == 200]


def report(capsys: pytest.CaptureFixture[str], what: str, held: Counter[str], of: Counter[str]) -> None:
    with capsys.disabled():
        for host in sorted(of):
            print(f"\n{host}: {what}: {held[host]} of {of[host]}", end="")


def test_every_recorded_answer_is_understood_whatever_its_split(
    wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for exchange in answers(wire_dir):
        of[exchange["host"]] += 1
        body = bytes_of(exchange)
        events = parsed(exchange, body)
        assert isinstance(events[-1], Ended), (exchange["id"], events[-1])
        step = max(1, len(body) // 97)
        pieces = [body[at : at + step] for at in range(0, len(body), step)]
        assert parsed(exchange, *pieces) == events, exchange["id"]
        assert parsed(exchange, *(body[i : i + 1] for i in range(len(body)))) == events, exchange["id"]
        held[exchange["host"]] += 1
    report(capsys, "answers understood", held, of)
    assert held == of
    assert of.total() >= 80


def test_every_block_of_every_whole_answer_is_a_part(wire_dir: Path) -> None:
    counted = 0
    for exchange in answers(wire_dir):
        if streams(exchange):
            continue
        blocks = exchange["response"]["output"]["message"]["content"]
        response = fold(parsed(exchange, bytes_of(exchange)))
        assert [said(block) for block in blocks] == [words(part) for part in response.choices[0].parts], exchange["id"]
        counted += len(blocks)
    assert counted >= 80


def said(block: dict[str, Any]) -> object:
    """What a block of the wire says, however it says it."""
    match block:
        case {"text": text}:
            return text
        case {"toolUse": {"toolUseId": id, "name": name, "input": given}}:
            return id, name, given
        case {"reasoningContent": {"reasoningText": said_text}}:
            return "reasoning", said_text["text"], said_text.get("signature")
        case {"reasoningContent": {"redactedContent": content}}:
            return "redacted", content
    raise AssertionError(block)


def words(part: object) -> object:
    match part:
        case Text(text):
            return text
        case ToolCall(id, name, arguments):
            return id, name, json.loads(arguments)
        case Reasoning(redacted=True):
            # Claude's own text of it, which on this wire is in base64 once more.
            assert part.bound_to == "anthropic-messages"
            return "redacted", base64.b64encode((part.signature or "").encode()).decode()
        case Reasoning(text, signature):
            return "reasoning", text, signature
    raise AssertionError(part)


def test_the_usage_of_every_recorded_answer_is_counted_in_full(wire_dir: Path) -> None:
    cached = 0
    for exchange in answers(wire_dir):
        usage = fold(parsed(exchange, bytes_of(exchange))).usage
        assert usage is not None
        wire = usage.extra
        assert usage.all_input + usage.all_output == wire["totalTokens"], exchange["id"]
        assert usage.input_tokens == wire["inputTokens"]
        assert usage.output_tokens == wire["outputTokens"]
        assert usage.cache_read_tokens == wire.get("cacheReadInputTokens", 0)
        assert usage.cache_write_tokens == wire.get("cacheWriteInputTokens", 0)
        cached += usage.cache_read_tokens > 0
    assert cached >= 2


@pytest.mark.parametrize("client", CLIENTS)
def test_every_recorded_answer_renders_for_every_client_as_its_sdk_takes_it(
    client: str, wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for exchange in answers(wire_dir):
        of[exchange["host"]] += 1
        events, request = parsed(exchange, bytes_of(exchange)), asked_in(exchange)
        text = text_of(fold(events))
        assert text_in_whole(client, rendered(client, events, request, stream=False)) == text, exchange["id"]
        assert text_in_stream(client, rendered(client, events, request, stream=True)) == text, exchange["id"]
        held[exchange["host"]] += 1
    report(capsys, f"answers to clients of {client}", held, of)
    assert held == of


def text_of(response: Response) -> str:
    return "".join(part.text for part in response.choices[0].parts if isinstance(part, Text))


def test_every_recorded_request_is_sent_equal_in_meaning(wire_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    held: Counter[str] = Counter()
    for exchange in exchanges(wire_dir):
        asked = Asked(asked_in(exchange), "another-dialect", {})
        sent = DIALECT.render_request(asked, target_of(exchange), None)
        assert sent.url == exchange["url"]
        assert meaning(json.loads(sent.body)) == meaning(exchange["request"]), exchange["id"]
        held[exchange["host"]] += 1
    report(capsys, "requests sent equal in meaning", held, held)
    assert held.total() >= 80


def test_every_recorded_error_is_classified(wire_dir: Path) -> None:
    failed = [each for each in exchanges(wire_dir) if each["status"] != 200]
    kinds = {DIALECT.parse_failure(e["status"], {}, bytes_of(e)).kind for e in failed}
    assert kinds == {"bad_request"}
