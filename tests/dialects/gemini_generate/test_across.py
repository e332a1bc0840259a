"""Recorded exchanges between this dialect and the others: what is said in one is taken by the other, or refused for a reason."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from anthropic.types.beta import BetaMessage
from openai.types.chat import ChatCompletion

from entrepot.dialects.base import Asked, Envelope, ProviderDialect, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS, open_relay
from entrepot.errors import InvalidRequest
from tests.dialects.gemini_generate.asking import DIALECT, GEMINI_3
from tests.dialects.gemini_generate.test_recorded import answered, asked_of, recorded

SDK_TYPES: dict[str, Any] = {"openai-chat": ChatCompletion, "anthropic-messages": BetaMessage}
PATHS = {"openai-chat": "/chat/completions", "anthropic-messages": "/v1/messages"}
REASONS = (
    "a tool that only another maker's models have",
    "another provider keeps",
    "kept by another provider",
    "which this model's provider cannot take",
    "which gemini-generate cannot say",
    "wants a user message first",
    "holds no turn of a user",
)
ASKED = b'{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"?"}]}'


def exchanges_of(wire_dir: Path, path: str) -> list[dict[str, Any]]:
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [each for each in map(json.loads, lines) if each["url"].split("?")[0].endswith(path)]


@pytest.mark.parametrize("name", sorted(SDK_TYPES))
def test_every_recorded_answer_is_one_that_the_other_dialects_sdk_takes(
    name: str, wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    client = CLIENT_DIALECTS[name]
    counted: Counter[str] = Counter()
    for exchange in answered(wire_dir):
        relay = open_relay(client, DIALECT, client.parse_request(ASKED), GEMINI_3, 1)
        fed, closed = relay.feed(json.dumps(exchange["response"]).encode()), relay.close()
        assert closed.failure is None, exchange["id"]
        body = json.loads(fed.data + closed.data)
        SDK_TYPES[name].model_validate(body)
        parts = exchange["response"]["candidates"][0]["content"].get("parts", ())
        texts = [part["text"] for part in parts if part.get("text") and not part.get("thought")]
        calls = [part["functionCall"]["name"] for part in parts if "functionCall" in part]
        assert said_by(name, body) == ("".join(texts), calls), exchange["id"]
        counted[exchange["host"]] += 1
    with capsys.disabled():
        print(f"\nGemini's answers taken by {name}: {dict(counted)}", end="")
    assert counted.total() == 155


def said_by(name: str, body: dict[str, Any]) -> tuple[str, list[str]]:
    if name == "openai-chat":
        message = body["choices"][0]["message"]
        return message["content"] or "", [call["function"]["name"] for call in message.get("tool_calls") or ()]
    texts = [block["text"] for block in body["content"] if block["type"] == "text"]
    return "".join(texts), [block["name"] for block in body["content"] if block["type"] == "tool_use"]


def unreasonable(counted: Counter[str]) -> list[str]:
    """The outcomes for which there is no reason that a reader would accept."""
    return [outcome for outcome in counted if outcome != "taken" and not any(each in outcome for each in REASONS)]


def outcome_of(provider: ProviderDialect, asked: Asked, target: Target) -> str:
    """`taken`, or the reason of the refusal without the place that it names."""
    try:
        provider.render_request(asked, target, 4096)
    except InvalidRequest as refused:
        return refused.message.removeprefix("'").removeprefix(refused.param or "no place is named").strip("': ")
    return "taken"


@pytest.mark.parametrize("name", sorted(PATHS))
def test_every_recorded_request_is_taken_by_other_providers_or_refused_for_a_reason(
    name: str, wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = Target("https://host/v1", "model", max_output_tokens=4096)
    counted: Counter[str] = Counter()
    for exchange in recorded(wire_dir):
        counted[outcome_of(PROVIDER_DIALECTS[name], asked_of(exchange), target)] += 1
    with capsys.disabled():
        print(f"\nGemini's requests to {name}: {dict(counted)}", end="")
    assert counted.total() == 156
    assert counted["taken"] >= 110
    assert unreasonable(counted) == []


@pytest.mark.parametrize("name", sorted(PATHS))
def test_every_recorded_request_of_another_dialect_is_taken_or_refused_for_a_reason(
    name: str, wire_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    counted: Counter[str] = Counter()
    for exchange in exchanges_of(wire_dir, PATHS[name]):
        if not isinstance(exchange["request"], dict):
            continue
        body = json.dumps({"model": "m", **exchange["request"]}).encode()
        asked: Asked = CLIENT_DIALECTS[name].parse_request(body, Envelope(PATHS[name]))
        counted[outcome := outcome_of(DIALECT, asked, GEMINI_3)] += 1
        if outcome != "taken":
            continue
        wire = DIALECT.render_request(asked, GEMINI_3, None)
        path = f"/v1beta/models/m:{'streamGenerateContent' if asked.request.stream else 'generateContent'}"
        again = DIALECT.parse_request(wire.body, Envelope(path)).request
        assert len(again.tools) == len(asked.request.tools)
        assert "".join(part_text(again)) == "".join(part_text(asked.request)), exchange["id"]
    with capsys.disabled():
        print(f"\n{name}'s requests to Gemini: {dict(counted)}", end="")
    assert counted["taken"] >= 90
    assert unreasonable(counted) == []


def part_text(request: Any) -> list[str]:
    said = [part.text for part in request.parts() if type(part).__name__ in ("Text", "Refusal")]
    return sorted(said)
