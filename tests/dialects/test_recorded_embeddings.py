"""Recorded embeddings of live providers: understood, counted, given back as they were, and in the other form.

Hosts whose wire is another one (Bedrock's `invoke`, a form for each maker) are not spoken to and not counted.
"""

from __future__ import annotations

import json
from array import array
from base64 import b64decode
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from google.genai import types
from openai.types import CreateEmbeddingResponse

from entrepot.canonical.fold import fold
from entrepot.canonical.stream import Ended, StreamEvent
from entrepot.dialects.base import Asked, Envelope, ProviderDialect, Target
from entrepot.dialects.gemini_embed.answer import render_answer as render_gemini
from entrepot.dialects.gemini_embed.request import BATCH
from entrepot.dialects.ollama_embed import OllamaEmbed
from entrepot.dialects.openai_embeddings.answer import render_answer as render_openai
from entrepot.dialects.registry import EMBEDDING_CLIENTS, EMBEDDING_DIALECTS
from entrepot.errors import InvalidRequest
from tests.dialects.recorded import Exchange, body_of, recorded

TARGET = Target("https://provider.example/v1", "upstream-name")
ENDS = {
    "openai-embeddings": ("/embeddings",),
    "gemini-embed": (":embedContent", ":batchEmbedContents", ":predict"),
    "ollama-embed": ("/api/embed",),
}
FLOAT64_HOSTS = {"localhost:8000"}
"""Older versions of vLLM gave base64 of 64-bit numbers, which no client could read."""


def exchanges(wire_dir: Path, dialect: str) -> list[Exchange]:
    return [each for end in ENDS[dialect] for each in recorded(wire_dir, end) if isinstance(each["request"], dict)]


def asked_of(dialect: str, exchange: Exchange) -> Asked:
    """The recorded request as its own dialect understands it; Ollama's and Vertex's own shapes as the texts they hold."""
    request = dict(exchange["request"])
    path = exchange["url"].split("?")[0]
    if dialect == "ollama-embed":
        return asked_of("openai-embeddings", {"request": {"model": "m", "input": request["input"]}, "url": ""})
    if path.endswith(":predict"):
        contents = [{"content": {"parts": [{"text": each["content"]}]}} for each in request["instances"]]
        request, path = {"requests": contents}, "/v1/models/m:batchEmbedContents"
    body = {"model": "named-in-the-address", **request} if dialect == "openai-embeddings" else request
    return EMBEDDING_CLIENTS[dialect].parse_request(json.dumps(body).encode(), Envelope(path))


def parsed(dialect: str, asked: Asked, *pieces: bytes) -> list[StreamEvent]:
    spoken = OllamaEmbed() if dialect == "ollama-embed" else _provider(dialect)
    parser = spoken.open_parser(asked, TARGET)
    return [event for piece in pieces for event in parser.feed(piece)] + list(parser.close())


def _provider(dialect: str) -> ProviderDialect:
    return next(each for each in EMBEDDING_DIALECTS.values() if each.name == dialect)


def counted_by_the_wire(answer: Any) -> int | None:
    """The tokens that the recorded answer says it read."""
    if "predictions" in answer:
        return sum(int(each["embeddings"]["statistics"]["token_count"]) for each in answer["predictions"])
    usage = answer.get("usage") or answer.get("usageMetadata") or answer
    found = usage.get("prompt_tokens", usage.get("promptTokenCount", usage.get("prompt_eval_count")))
    return None if found is None else int(found)


def test_every_recorded_answer_is_understood_counted_and_given_back_equal(wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for dialect in ENDS:
        for exchange in exchanges(wire_dir, dialect):
            answer = exchange["response"]
            if exchange["status"] != 200 or not isinstance(answer, dict):
                continue
            of[f"{dialect} {exchange['host']}"] += 1
            asked = asked_of(dialect, exchange)
            body = body_of(answer)
            events = parsed(dialect, asked, body)
            assert events[-1] == Ended(), (exchange["id"], events[-1])
            step = max(1, len(body) // 13)
            assert parsed(dialect, asked, *(body[at : at + step] for at in range(0, len(body), step))) == events
            response = fold(events)
            assert len(response.vectors) == len(asked.request.messages)
            tokens = counted_by_the_wire(answer)
            assert (None if response.usage is None else response.usage.all_input) == tokens, exchange["id"]
            if dialect == "openai-embeddings":
                assert json.loads(msgspec.json.encode(render_openai(response, asked.request))) == answer, exchange["id"]
            elif dialect == "gemini-embed" and "predictions" not in answer:
                assert json.loads(msgspec.json.encode(render_gemini(response, asked.request))) == answer, exchange["id"]
            held[f"{dialect} {exchange['host']}"] += 1
    report("embeddings understood, counted and given back", held, of)
    assert held == of
    assert of.total() >= 8


def test_every_recorded_answer_is_what_every_clients_sdk_reads(wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for dialect in ENDS:
        for exchange in exchanges(wire_dir, dialect):
            if exchange["status"] != 200 or not isinstance(exchange["response"], dict):
                continue
            asked = asked_of(dialect, exchange)
            if exchange["host"] in FLOAT64_HOSTS and asked.request.extra.get("encoding_format") == "base64":
                continue
            of[exchange["host"]] += 1
            response = msgspec.structs.replace(fold(parsed(dialect, asked, body_of(exchange["response"]))), dialect="x")
            numbers = msgspec.structs.replace(asked.request, extra={BATCH: True})
            packed = msgspec.structs.replace(asked.request, extra={"encoding_format": "base64"})
            read = CreateEmbeddingResponse.model_validate_json(msgspec.json.encode(render_openai(response, numbers)))
            as_base64 = msgspec.json.decode(msgspec.json.encode(render_openai(response, packed)))
            google = types.EmbedContentResponse.model_validate_json(
                msgspec.json.encode({"embeddings": render_gemini(response, numbers)["embeddings"]})
            )
            assert google.embeddings is not None
            for index, each in enumerate(read.data):
                unpacked = array("f", b64decode(as_base64["data"][index]["embedding"]))
                assert array("f", each.embedding) == unpacked, exchange["id"]
                assert google.embeddings[index].values == each.embedding, exchange["id"]
            held[exchange["host"]] += 1
    report("embeddings as each client's SDK reads them", held, of)
    assert held == of


def test_every_recorded_request_goes_back_equal_and_to_every_other_dialect_or_says_why_not(wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    of: Counter[str] = Counter()
    for dialect in EMBEDDING_CLIENTS:
        for exchange in exchanges(wire_dir, dialect):
            if exchange["url"].split("?")[0].endswith(":predict"):
                continue  # no client of ours asks so
            of[exchange["host"]] += 1
            asked = asked_of(dialect, exchange)
            sent = json.loads(_provider(dialect).render_request(asked, TARGET, None).body)
            assert {**sent, "model": ""} == {**exchange["request"], "model": ""}, exchange["id"]
            refusals = [why for each in EMBEDDING_DIALECTS.values() if (why := refusal_of(each, asked)) is not None]
            assert all("token ids" in why for why in refusals), exchange["id"]
            held[exchange["host"]] += 1
    report("requests for embeddings given back and translated", held, of)
    assert held == of
    assert of.total() >= 8


def refusal_of(provider: ProviderDialect, asked: Asked) -> str | None:
    """Why a provider of this dialect cannot be asked, None if it can."""
    try:
        provider.render_request(asked, TARGET, None)
    except InvalidRequest as error:
        return error.message
    return None


def test_every_recorded_error_is_classified(wire_dir: Path) -> None:
    kinds = Counter(
        _provider(dialect).parse_failure(each["status"], {}, body_of(each["response"]), None).kind
        for dialect in EMBEDDING_CLIENTS
        for each in exchanges(wire_dir, dialect)
        if each["status"] >= 400
    )
    assert kinds["model_gone"] >= 1
    assert set(kinds) <= {"model_gone", "bad_request", "auth", "rate_limit", "quota", "context_length"}


def report(what: str, held: Counter[str], of: Counter[str]) -> None:
    print(f"\n{what}: {held.total()} of {of.total()}")
    for host in sorted(of):
        print(f"  {host}: {held[host]} of {of[host]}")
