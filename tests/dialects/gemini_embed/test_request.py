from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Embedding, Media, Message, Text
from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.gemini_embed.request import parse_request
from entrepot.errors import InvalidRequest, NotFound

HELLO = {"parts": [{"text": "你好"}]}


def parse(body: Any, action: str = "embedContent") -> Asked:
    return parse_request(json.dumps(body).encode(), Envelope(f"/v1beta/models/m:{action}"))


def test_one_content_is_one_input() -> None:
    asked = parse({"content": HELLO, "taskType": "RETRIEVAL_DOCUMENT", "title": "题", "outputDimensionality": 256})
    assert asked.request.model == "m"
    assert asked.request.operation == "embed"
    assert asked.request.messages == (Message("user", (Text("你好"),)),)
    assert asked.request.embeddings == (Embedding(256, "RETRIEVAL_DOCUMENT", "题"),)


def test_a_batch_has_settings_for_each_input() -> None:
    requests = [{"model": "models/m", "content": HELLO, "outputDimensionality": 8}, {"content": HELLO}]
    request = parse({"requests": requests}, "batchEmbedContents").request
    assert len(request.messages) == 2
    assert request.embeddings == (Embedding(8), Embedding())


def test_fields_may_be_in_snake_case_settings_in_their_config_and_one_part_alone() -> None:
    body = {
        "content": {"parts": {"text": "x"}},
        "task_type": "CLUSTERING",
        "embed_content_config": {"output_dimensionality": 4, "task_type": "CLASSIFICATION"},
    }
    assert parse(body).request.embeddings == (Embedding(4, "CLASSIFICATION"),)


def test_pieces_of_a_content_are_one_input_also_an_image() -> None:
    parts = [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    (message,) = parse({"content": {"parts": parts}}).request.messages
    assert message.parts == (Text("a"), Media("image", "image/png", data="AAAA"))


@pytest.mark.parametrize(
    ("body", "action", "param"),
    [
        ({}, "embedContent", None),
        ({"content": {"parts": []}}, "embedContent", "content.parts"),
        ({"content": {"parts": [{"text": 1}]}}, "embedContent", "content.parts[0].text"),
        ({"content": HELLO, "outputDimensionality": -1}, "embedContent", "outputDimensionality"),
        ({"content": {"parts": [{"functionCall": {"name": "f"}}]}}, "embedContent", "content.parts"),
        ({"requests": []}, "batchEmbedContents", "requests"),
        ({"requests": [{"content": HELLO}, {"content": {}}]}, "batchEmbedContents", "requests[1].content.parts"),
        ([], "batchEmbedContents", None),
        ({"requests": ["x"]}, "batchEmbedContents", "requests[0]"),
    ],
)
def test_what_is_wrong_is_named(body: Any, action: str, param: str | None) -> None:
    with pytest.raises(InvalidRequest) as caught:
        parse(body, action)
    assert caught.value.param == param


def test_an_address_of_another_kind_is_none_of_this_dialect() -> None:
    with pytest.raises(NotFound):
        parse({"content": HELLO}, "generateContent")
