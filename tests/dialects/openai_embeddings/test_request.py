from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.canonical.request import Embedding, Message, Text, Unknown
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_embeddings.request import parse_request, render_request
from entrepot.errors import InvalidRequest

TARGET = Target("https://provider.example/v1", "upstream-name")


def parse(**body: Any) -> Asked:
    return parse_request(json.dumps({"model": "m", "input": "x", **body}).encode())


def sent(asked: Asked, target: Target = TARGET) -> Any:
    return json.loads(render_request(asked, target).body)


def test_each_input_is_a_message_of_its_own() -> None:
    request = parse(input=["你好", "b"], dimensions=256, user="u").request
    assert request.operation == "embed"
    assert request.messages == (Message("user", (Text("你好"),)), Message("user", (Text("b"),)))
    assert request.embeddings == (Embedding(256), Embedding(256))
    assert request.user == "u"
    assert len(parse(input="one").request.messages) == 1


def test_token_ids_are_one_input_or_several() -> None:
    one = Message("user", (Unknown("openai-embeddings", {"token_ids": [1, 2]}),))
    assert parse(input=[1, 2]).request.messages == (one,)
    assert parse(input=[[1, 2], [1, 2]]).request.messages == (one, one)


@pytest.mark.parametrize(
    ("changes", "param", "why"),
    [
        ({"model": ""}, "model", "empty"),
        ({"input": []}, "input", "at least one text"),
        ({"input": ["a", 1]}, "input", "one kind"),
        ({"input": [1, "a"]}, "input", "one kind"),
        ({"input": ["a", [1]]}, "input", "one kind"),
        ({"input": {"text": "a"}}, "input", "Expected"),
        ({"encoding_format": "hex"}, "encoding_format", "float or base64"),
        ({"dimensions": 0}, "dimensions", "at least 1"),
        ({"dimensions": "8"}, "dimensions", "Expected"),
    ],
)
def test_what_is_wrong_is_named(changes: dict[str, Any], param: str, why: str) -> None:
    with pytest.raises(InvalidRequest, match=why) as caught:
        parse(**changes)
    assert caught.value.param == param


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 100_000, b"[]"])
def test_what_is_no_request_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_request(body)


def test_a_client_of_this_dialect_is_passed_on_field_by_field() -> None:
    body = {"input": [[1, 2]], "encoding_format": "base64", "dimensions": 4, "input_type": "query"}
    assert sent(parse(**body)) == {"model": "upstream-name", **body}


def test_a_provider_that_refuses_base64_is_not_asked_for_it() -> None:
    target = Target(TARGET.base_url, "m", frozenset({"no_base64_vectors"}))
    assert sent(parse(encoding_format="base64"), target) == {"model": "m", "input": "x"}


def test_a_client_of_another_dialect_is_translated() -> None:
    asked = parse(input=["一", "二"], dimensions=8)
    other = Asked(asked.request, "gemini-embed", {})
    assert sent(other) == {"model": "upstream-name", "input": ["一", "二"], "dimensions": 8}


def test_the_address_keeps_its_query_and_names_azures_deployment() -> None:
    azure = Target("https://x.openai.azure.com/openai/deployments/{model}?api-version=2025-01-01", "my-embedder")
    url = render_request(parse(), azure).url
    assert url == "https://x.openai.azure.com/openai/deployments/my-embedder/embeddings?api-version=2025-01-01"
