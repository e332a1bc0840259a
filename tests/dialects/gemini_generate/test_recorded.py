"""Recorded exchanges with the Gemini API and Vertex AI: nothing that they say is lost, and Google's own types take what we say.

The wire leaves out zeros (protocol buffers in JSON), so a candidate's `index` 0 and none are the same value.
"""

from __future__ import annotations

import base64
import copy
import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.stream import Ended, StreamEvent
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.gemini_generate import GeminiGenerate
from entrepot.dialects.gemini_generate.body import render_body
from entrepot.dialects.translation import Translation

DIALECT = GeminiGenerate()
HOSTS = ("aiplatform.googleapis.com", "generativelanguage.googleapis.com")


def recorded(wire_dir: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(wire_dir / "exchanges.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            exchange = json.loads(line)
            if exchange["host"] in HOSTS and "enerateContent" in exchange["url"]:
                exchange["response"] = unpacked(exchange["response"])
                yield exchange


def unpacked(response: Any) -> Any:
    """One body was recorded as it came: gzip, in base64."""
    if isinstance(response, str) and response.startswith("H4sI"):
        return json.loads(gzip.decompress(base64.b64decode(response)))
    return response


def asked_of(exchange: dict[str, Any]) -> Asked:
    address = urlsplit(exchange["url"])
    return DIALECT.parse_request(json.dumps(exchange["request"]).encode(), Envelope(address.path, address.query))


def target_of(asked: Asked) -> Target:
    return Target("https://generativelanguage.googleapis.com/v1beta", asked.request.model)


def events_of(exchange: dict[str, Any]) -> list[StreamEvent]:
    asked = asked_of(exchange)
    parser = DIALECT.open_parser(asked, target_of(asked))
    return parser.feed(json.dumps(exchange["response"]).encode()) + parser.close()


def answered(wire_dir: Path) -> list[dict[str, Any]]:
    return [each for each in recorded(wire_dir) if each["status"] == 200]


def with_index(answer: dict[str, Any]) -> dict[str, Any]:
    indexed = copy.deepcopy(answer)
    for candidate in indexed.get("candidates", ()):
        candidate.setdefault("index", 0)
    return indexed


def report(capsys: pytest.CaptureFixture[str], what: str, seen: Counter[str]) -> None:
    with capsys.disabled():
        for host in HOSTS:
            print(f"\n{host}: {what}: {seen[host, 'good']} of {seen[host, 'all']}", end="")  # type: ignore[index]  # both keys are pairs


def test_every_recorded_answer_comes_out_as_it_was(wire_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[Any] = Counter()
    for exchange in answered(wire_dir):
        asked = asked_of(exchange)
        relay = Translation(DIALECT.open_parser(asked, target_of(asked)), DIALECT.open_renderer(asked, 0))
        fed, closed = relay.feed(json.dumps(exchange["response"]).encode()), relay.close()
        assert closed.failure is None, (exchange["id"], closed.failure)
        assert closed.ended
        assert json.loads(fed.data + closed.data) == with_index(exchange["response"]), exchange["id"]
        seen.update([(exchange["host"], "good"), (exchange["host"], "all")])
    report(capsys, "answers parsed and rendered back equal", seen)
    assert seen[HOSTS[0], "all"] >= 40
    assert seen[HOSTS[1], "all"] >= 110


def test_every_recorded_usage_is_counted_once(wire_dir: Path) -> None:
    for exchange in answered(wire_dir):
        wire = exchange["response"]["usageMetadata"]
        usage = fold(events_of(exchange)).usage
        assert usage is not None
        assert usage.all_input == wire["promptTokenCount"] + wire.get("toolUsePromptTokenCount", 0), exchange["id"]
        assert usage.cache_read_tokens == wire.get("cachedContentTokenCount", 0)
        assert usage.output_tokens == wire.get("candidatesTokenCount", 0)
        assert usage.reasoning_tokens == wire.get("thoughtsTokenCount", 0)
        assert usage.all_input + usage.all_output == wire["totalTokenCount"]


@pytest.mark.parametrize("query", ["", "?alt=sse"])
def test_every_recorded_answer_says_the_same_as_a_stream(wire_dir: Path, query: str) -> None:
    for exchange in answered(wire_dir):
        url = exchange["url"].replace(":generateContent", ":streamGenerateContent") + query
        asked = asked_of({**exchange, "url": url})
        whole = events_of(exchange)
        body = DIALECT.open_renderer(asked, 0).render(whole)
        parser = DIALECT.open_parser(asked, target_of(asked))
        again = [event for byte in body for event in parser.feed(bytes([byte]))] + parser.close()
        assert again[-1] == Ended()
        assert fold(again) == fold(whole), exchange["id"]


def test_every_recorded_request_is_sent_on_as_it_was(wire_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: Counter[Any] = Counter()
    for exchange in recorded(wire_dir):
        asked = asked_of(exchange)
        target = Target("https://host/v1beta", asked.request.model, frozenset({"no_thought_signatures"}))
        wire = DIALECT.render_request(asked, target, None)
        assert json.loads(wire.body) == exchange["request"], exchange["id"]
        seen.update([(exchange["host"], "good"), (exchange["host"], "all")])
    report(capsys, "requests parsed and sent on equal", seen)
    assert seen.total() >= 2 * 150


def test_every_recorded_request_is_whole_in_its_canonical_form(wire_dir: Path) -> None:
    for exchange in recorded(wire_dir):
        asked = asked_of(exchange)
        target = Target("https://host/v1beta", asked.request.model, frozenset({"no_thought_signatures"}))
        again = asked_of({**exchange, "request": render_body(asked.request, target, None, own=True)})
        assert again.request == asked.request, exchange["id"]


def test_every_recorded_error_is_classified(wire_dir: Path) -> None:
    failed = [each for each in recorded(wire_dir) if each["status"] != 200]
    kinds = [DIALECT.parse_failure(e["status"], {}, json.dumps(e["response"]).encode()).kind for e in failed]
    assert kinds == ["bad_request"]
