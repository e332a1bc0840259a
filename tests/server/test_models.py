from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.errors import InvalidRequest
from entrepot.exchange.listing import Listed
from entrepot.server.models import asker_of, model_named, render_model, render_models

LISTED = [
    Listed("auto", "entrepot", answers=True, embeds=True, context_tokens=1000),
    Listed("通义", "alibaba", answers=True, embeds=False, max_output_tokens=9),
    Listed("bge-m3", "baai", answers=False, embeds=True),
]
START_S = 1_700_000_000


def page(asker: str, query: str = "") -> Any:
    return json.loads(render_models(LISTED, asker, query, START_S))


@pytest.mark.parametrize(
    ("path", "headers", "asker"),
    [
        ("/v1/models", {}, "openai-chat"),
        ("/v1/models/x", {b"anthropic-version": b"2023-06-01"}, "anthropic-messages"),
        ("/v1/models", {b"x-goog-api-key": b"k"}, "gemini-generate"),
        ("/v1beta/models", {b"authorization": b"Bearer k"}, "gemini-generate"),
    ],
)
def test_who_asks_decides_the_shape(path: str, headers: dict[bytes, bytes], asker: str) -> None:
    assert asker_of(path, headers) == asker


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/models", ""),
        ("/v1beta/models", ""),
        ("/v1/models/cheap/small", "cheap/small"),
        ("/v1/models/", None),
        ("/v1/modelsx", None),
        ("/v1/messages", None),
    ],
)
def test_a_path_names_a_model_or_the_list(path: str, name: str | None) -> None:
    assert model_named(path) == name


def test_openais_list_is_whole() -> None:
    listed = page("openai-chat", "limit=1")
    assert [each["id"] for each in listed["data"]] == ["auto", "通义", "bge-m3"]
    assert listed["data"][1] == {"id": "通义", "object": "model", "created": START_S, "owned_by": "alibaba"}


def test_anthropics_list_comes_in_pages_both_ways() -> None:
    first = page("anthropic-messages", "limit=2")
    assert ([each["id"] for each in first["data"]], first["has_more"]) == (["auto", "通义"], True)
    assert (first["first_id"], first["last_id"]) == ("auto", "通义")
    assert first["data"][0]["max_input_tokens"] == 1000
    assert first["data"][0]["created_at"] == "2023-11-14T22:13:20Z"
    rest = page("anthropic-messages", "limit=2&after_id=%E9%80%9A%E4%B9%89")
    assert ([each["id"] for each in rest["data"]], rest["has_more"]) == (["bge-m3"], False)
    back = page("anthropic-messages", "limit=1&before_id=bge-m3")
    assert ([each["id"] for each in back["data"]], back["has_more"]) == (["通义"], True)
    assert json.loads(render_models([], "anthropic-messages", "", START_S)) == {
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }


def test_geminis_list_comes_in_pages_and_says_what_each_does() -> None:
    first = page("gemini-generate", "pageSize=2&queryBase=true")
    assert [each["name"] for each in first["models"]] == ["models/auto", "models/通义"]
    assert first["models"][0]["inputTokenLimit"] == 1000
    assert "generateContent" in first["models"][1]["supportedGenerationMethods"]
    rest = json.loads(render_models(LISTED, "gemini-generate", f"pageToken={first['nextPageToken']}", START_S))
    assert [each["supportedGenerationMethods"] for each in rest["models"]] == [["embedContent", "batchEmbedContents"]]
    assert "nextPageToken" not in rest


@pytest.mark.parametrize(
    ("asker", "query", "param"),
    [
        ("anthropic-messages", "limit=many", "limit"),
        ("anthropic-messages", "after_id=nobody", "after_id"),
        ("anthropic-messages", "before_id=nobody", "before_id"),
        ("gemini-generate", "pageSize=-1", "pageSize"),
        ("gemini-generate", "pageToken=nobody", "pageToken"),
    ],
)
def test_a_page_that_cannot_be_is_refused(asker: str, query: str, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        page(asker, query)
    assert caught.value.param == param


@pytest.mark.parametrize(
    ("asker", "field"), [("openai-chat", "id"), ("anthropic-messages", "id"), ("gemini-generate", "displayName")]
)
def test_one_name_has_its_askers_shape(asker: str, field: str) -> None:
    assert json.loads(render_model(LISTED[1], asker, START_S))[field] == "通义"
