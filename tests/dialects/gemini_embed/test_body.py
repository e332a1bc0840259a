from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Embedding, Media, Message, Request, Text
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.gemini_embed.body import render_request
from entrepot.dialects.gemini_embed.request import parse_request
from entrepot.errors import InvalidRequest

GEMINI = Target("https://generativelanguage.googleapis.com/v1beta", "gemini-embedding-001")
VERTEX = Target(
    "https://aiplatform.googleapis.com/v1/projects/p/locations/global/publishers/google", "gemini-embedding-001"
)
NEWER = Target(VERTEX.base_url, "gemini-embedding-2")


def foreign(*texts: str, **embedding: Any) -> Asked:
    messages = tuple(Message("user", (Text(text),)) for text in texts)
    settings = (Embedding(**embedding),) * len(texts)
    return Asked(Request("m", messages, operation="embed", embeddings=settings, user="u"), "openai-embeddings", {})


def own(body: Any, action: str) -> Asked:
    return parse_request(json.dumps(body).encode(), Envelope(f"/v1beta/models/m:{action}"))


def sent(asked: Asked, target: Target) -> tuple[str, Any]:
    wire = render_request(asked, target)
    return wire.url.removeprefix(target.base_url), json.loads(wire.body)


def test_one_input_is_a_content_and_several_are_a_batch() -> None:
    path, body = sent(foreign("你好", dimensions=8), GEMINI)
    assert path == "/models/gemini-embedding-001:embedContent"
    assert body == {"content": {"parts": [{"text": "你好"}]}, "outputDimensionality": 8}
    path, body = sent(foreign("a", "b"), GEMINI)
    assert path == "/models/gemini-embedding-001:batchEmbedContents"
    assert body == {
        "requests": [
            {"model": "models/gemini-embedding-001", "content": {"parts": [{"text": text}]}} for text in ("a", "b")
        ]
    }


def test_a_client_of_this_dialect_is_passed_on_with_the_models_own_name() -> None:
    one = {"content": {"parts": [{"text": "x"}]}, "taskType": "CLUSTERING", "newSetting": 1}
    assert sent(own(one, "embedContent"), GEMINI) == ("/models/gemini-embedding-001:embedContent", one)
    batch = {"requests": [{"model": "models/route", **one}]}
    path, body = sent(own(batch, "batchEmbedContents"), GEMINI)
    assert path.endswith(":batchEmbedContents")
    assert body == {"requests": [{"model": "models/gemini-embedding-001", **one}]}


def test_vertex_predicts_with_its_text_models_and_never_cuts_off_unseen() -> None:
    path, body = sent(foreign("a", "b", task="RETRIEVAL_QUERY", dimensions=4), VERTEX)
    assert path == "/models/gemini-embedding-001:predict"
    assert body == {
        "instances": [{"content": text, "task_type": "RETRIEVAL_QUERY"} for text in ("a", "b")],
        "parameters": {"autoTruncate": False, "outputDimensionality": 4},
    }


def test_vertex_embeds_one_content_with_its_newer_models() -> None:
    batch = {"requests": [{"content": {"parts": [{"text": "x"}]}}]}
    path, body = sent(own(batch, "batchEmbedContents"), NEWER)
    assert path == "/models/gemini-embedding-2:embedContent"
    assert body == {"content": {"parts": [{"text": "x"}]}}
    with pytest.raises(InvalidRequest, match="one input at a time"):
        render_request(foreign("a", "b"), NEWER)


def test_images_go_where_contents_do_and_token_ids_nowhere() -> None:
    asked = foreign("x")
    pictured = Asked(
        Request("m", (Message("user", (Media("image", "image/png", data="AAAA"),)),), operation="embed"),
        asked.dialect,
        {},
    )
    _, body = sent(pictured, GEMINI)
    assert body["content"]["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    with pytest.raises(InvalidRequest, match="more than text"):
        render_request(pictured, VERTEX)
