from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from entrepot.simulator.embeddings import EmbeddingAsk, hear_embeddings, render_embeddings, vector_of
from entrepot.simulator.heard import WireError

OPENAI, OLLAMA = "/v1/embeddings", "/api/embed"


def google(action: str, model: str = "m") -> str:
    return f"/v1beta/models/{model}:{action}"


def hear(path: str, body: Any) -> EmbeddingAsk:
    heard = hear_embeddings(path, json.dumps(body).encode())
    assert heard is not None
    return heard


def answer(path: str, body: Any, dimensions: int = 4) -> Any:
    return json.loads(render_embeddings(hear(path, body), dimensions))


def cosine(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_texts_that_share_words_are_near_each_other_and_models_are_not() -> None:
    cat, dog, tax = (vector_of("m", text, 64) for text in ("the cat sleeps", "the dog sleeps", "税率 二十"))
    assert cosine(cat, cat) == pytest.approx(1)
    assert cosine(cat, dog) > cosine(cat, tax)
    assert vector_of("m", "the cat sleeps", 64) == cat
    assert vector_of("another", "the cat sleeps", 64) != cat


def test_openais_wire_gives_numbers_or_base64() -> None:
    body = {"model": "m", "input": ["你好", "b"]}
    numbers = answer(OPENAI, body)
    packed = answer(OPENAI, {**body, "encoding_format": "base64"})
    for one, other in zip(numbers["data"], packed["data"], strict=True):
        assert list(struct.unpack("<4f", base64.b64decode(other["embedding"]))) == one["embedding"]
    assert numbers["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert len(answer(OPENAI, {"model": "m", "input": [1, 2, 3], "dimensions": 2})["data"][0]["embedding"]) == 2


@pytest.mark.parametrize(
    "body",
    [
        {"input": ""},
        {"input": []},
        {"input": ["a", ""]},
        {"input": [True]},
        {"input": "x", "encoding_format": "hex"},
        [],
    ],
)
def test_openais_wire_refuses_what_openai_refuses(body: Any) -> None:
    with pytest.raises(WireError):
        hear(OPENAI, body)


def test_geminis_wire_has_one_content_or_a_batch_that_names_its_model() -> None:
    content = {"content": {"parts": [{"text": "x"}]}, "taskType": "CLUSTERING"}
    assert answer(google("embedContent"), content)["embedding"]["values"] == vector_of("m", "x", 4)
    batch = {"requests": [{"model": "models/m", **content}]}
    assert answer(google("batchEmbedContents"), batch)["embeddings"][0]["values"] == vector_of("m", "x", 4)
    assert hear(google("batchEmbedContents"), batch).tasks == ("CLUSTERING",)


@pytest.mark.parametrize("requests", [[{"model": "models/other"}], [{}], []])
def test_geminis_wire_refuses_a_batch_that_does_not_name_its_model(requests: list[dict[str, str]]) -> None:
    with pytest.raises(WireError):
        hear(google("batchEmbedContents"), {"requests": [{**each, "content": {"parts": []}} for each in requests]})


def test_vertex_predicts() -> None:
    body = {"instances": [{"content": "x", "task_type": "CLUSTERING"}], "parameters": {"outputDimensionality": 2}}
    (prediction,) = answer(google("predict"), body)["predictions"]
    assert prediction["embeddings"]["values"] == vector_of("m", "x", 2)
    assert prediction["embeddings"]["statistics"]["token_count"] == 1


def test_ollamas_wire_refuses_what_it_may_not_cut_off() -> None:
    assert answer(OLLAMA, {"model": "m", "input": ["x"]})["embeddings"] == [vector_of("m", "x", 4)]
    long = {"model": "m", "input": "word " * 3000}
    assert answer(OLLAMA, long)["prompt_eval_count"] == 3001
    with pytest.raises(WireError, match="context length"):
        hear(OLLAMA, {**long, "truncate": False})


def test_another_path_is_none_of_these() -> None:
    assert hear_embeddings("/v1/chat/completions", b"{}") is None
    with pytest.raises(WireError, match="not valid JSON"):
        hear_embeddings(OPENAI, b"{")
