"""Recorded exchanges with live providers of this dialect: what they answered reaches a client of the dialect as it was."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from entrepot.canonical.fold import fold
from entrepot.dialects.base import Asked
from entrepot.dialects.openai_responses.answer import ResponseParser
from entrepot.dialects.sse import FrameSplitter
from tests.dialects.openai_responses.asking import DIALECT, TARGET
from tests.dialects.recorded import Exchange, body_of, recorded


def answered(wire_dir: Path) -> list[tuple[Exchange, Asked]]:
    return [
        (
            each,
            DIALECT.parse_request(
                json.dumps({**each["request"], "stream": isinstance(each["response"], str)}).encode()
            ),
        )
        for each in recorded(wire_dir, "/responses")
        if each["status"] == 200
    ]


def test_every_recorded_answer_passes_through_as_it_was(wire_dir: Path) -> None:
    held: Counter[str] = Counter()
    for exchange, asked in answered(wire_dir):
        body = body_of(exchange["response"])
        relay = DIALECT.open_relay(asked, TARGET)
        step = max(1, len(body) // 53)
        steps = [*(relay.feed(body[at : at + step]) for at in range(0, len(body), step)), relay.close()]
        said = b"".join(each.data for each in steps)
        assert not any(each.failure for each in steps), exchange["id"]
        assert any(each.ended for each in steps)
        if asked.request.stream:
            assert data_of(said) == [data for data in data_of(body) if data != b"[DONE]"], exchange["id"]
        else:
            assert said == body, exchange["id"]
        wire = fold([*(parser := ResponseParser()).feed(body), *parser.close()]).usage
        if wire is not None and wire.all_input:  # some were recorded with zeros in place of their counts
            assert relay.summary(0).usage == wire
        held[exchange["host"]] += 1
    print(f"\nanswers passed through: {dict(held)}")
    assert held["api.openai.com"] >= 130
    assert len(held) >= 5


def test_every_recorded_stream_says_the_same_through_its_canonical_form(wire_dir: Path) -> None:
    seen = 0
    for exchange, asked in answered(wire_dir):
        if not asked.request.stream:
            continue
        parser = ResponseParser()
        events = [*parser.feed(body_of(exchange["response"])), *parser.close()]
        said = data_of(DIALECT.open_renderer(asked, 1).render(events))
        wire = [json.loads(data) for data in data_of(body_of(exchange["response"])) if data != b"[DONE]"]
        last, recorded_last = json.loads(said[-1]), wire[-1]
        # Sealed content is sealed anew for the last event of all: an item is compared with how it ended itself.
        done = {e["item"]["id"]: e["item"] for e in wire if e["type"] == "response.output_item.done"}
        output = [done.get(item["id"], item) for item in recorded_last["response"]["output"]]
        kept = [item for item in output if says_something(item)]
        assert comparable(last["response"]["output"]) == comparable(kept), exchange["id"]
        rest = {name: value for name, value in recorded_last["response"].items() if name != "output"}
        assert {name: last["response"][name] for name in rest} == rest, exchange["id"]
        seen += 1
    assert seen >= 20


def comparable(items: list[dict[str, Any]]) -> list[str]:
    """Items in an order of their own, because hosted tools that run at once finish in any."""
    return sorted(json.dumps(plain(item), sort_keys=True) for item in items)


def says_something(item: dict[str, Any]) -> bool:
    """Reasoning without a word and without a seal is nothing that a part could hold."""
    return item["type"] != "reasoning" or bool(item.get("encrypted_content") or item["summary"] or item.get("content"))


def plain(item: dict[str, Any]) -> dict[str, Any]:
    """An item but for how its reasoning text is divided, and for the ids of reasoning, which OpenRouter changes on the way."""
    if item["type"] == "reasoning":
        texts = [part["text"] for field in ("summary", "content") for part in item.get(field) or ()]
        return {"text": "\n\n".join(texts), "sealed": item.get("encrypted_content")}
    if item["type"] == "message":
        texts = [part["text"] for part in item["content"]]
        return {**item, "content": ["".join(texts)], "phase": item.get("phase")}
    return item


def data_of(stream: bytes) -> list[bytes]:
    return [frame.data for frame in FrameSplitter().feed(stream + b"\n\n") if frame.data is not None]


def test_every_recorded_error_is_classified(wire_dir: Path) -> None:
    kinds = Counter(
        DIALECT.parse_failure(exchange["status"], {}, body_of(exchange["response"])).kind
        for exchange in recorded(wire_dir, "/responses")
        if exchange["status"] != 200
    )
    assert kinds == {"bad_request": 4, "model_gone": 1}
