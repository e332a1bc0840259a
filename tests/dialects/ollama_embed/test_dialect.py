from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Embedding, Media, Message, Request, Text
from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Ended, Failed, StreamEvent
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.ollama_embed import OllamaEmbed
from entrepot.errors import InvalidRequest

TARGET = Target("http://127.0.0.1:11434", "bge-m3")
ASKED = Asked(
    Request(
        "m",
        (Message("user", (Text("你好"),)), Message("user", (Text("b"),))),
        operation="embed",
        embeddings=(Embedding(4, "RETRIEVAL_QUERY"),) * 2,
    ),
    "gemini-embed",
    {},
)
ANSWER = {
    "model": "bge-m3",
    "embeddings": [[0.5], [1]],
    "total_duration": 14,
    "load_duration": 1,
    "prompt_eval_count": 8,
}


def parsed(body: Any) -> list[StreamEvent]:
    parser = OllamaEmbed.open_parser(ASKED, TARGET)
    return [*parser.feed(json.dumps(body).encode()), *parser.close()]


def test_texts_are_asked_for_together_and_never_cut_off_unseen() -> None:
    wire = OllamaEmbed.render_request(ASKED, TARGET, None)
    assert wire.url == "http://127.0.0.1:11434/api/embed"
    assert json.loads(wire.body) == {"model": "bge-m3", "input": ["你好", "b"], "truncate": False, "dimensions": 4}


def test_an_answer_is_understood() -> None:
    events = parsed(ANSWER)
    assert events[-1] == Ended()
    response = fold(events)
    assert [vector.numbers for vector in response.vectors] == [b"[0.5]", b"[1]"]
    assert response.usage == Usage(input_tokens=8)
    assert response.model == "bge-m3"


def test_without_a_count_there_is_no_usage() -> None:
    assert fold(parsed({"embeddings": [[0.5], [1]]})).usage is None


@pytest.mark.parametrize("body", [{"error": "model 'x' not found"}, {"embeddings": [[1]]}, {"embeddings": []}, {}, []])
def test_what_is_no_answer_is_a_failure(body: Any) -> None:
    assert isinstance(parsed(body)[-1], Failed)


def test_what_is_no_text_is_refused() -> None:
    asked = Asked(Request("m", (Message("user", (Media("image", data="AAAA"),)),), operation="embed"), "x", {})
    with pytest.raises(InvalidRequest, match="more than text"):
        OllamaEmbed.render_request(asked, TARGET, None)
