from __future__ import annotations

import json
from typing import Any

import pytest

from entrepot.dialects.base import Asked, Envelope
from entrepot.dialects.counting import counting_dialect, parse_count, render_count
from entrepot.errors import InvalidRequest

GEMINI = "/v1beta/models/auto:countTokens"
CONTENTS = {"contents": [{"parts": [{"text": "你好"}]}]}


def count(body: Any, path: str = GEMINI) -> Asked:
    dialect = counting_dialect(path)
    assert dialect is not None
    return parse_count(dialect, body if isinstance(body, bytes) else json.dumps(body).encode(), Envelope(path))


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/messages/count_tokens", "anthropic-messages"),
        (GEMINI, "gemini-generate"),
        ("/v1/models/qwen/m:countTokens", "gemini-generate"),
    ],
)
def test_each_path_counts_in_its_own_dialect(path: str, name: str) -> None:
    found = counting_dialect(path)
    assert found is not None
    assert found.name == name


@pytest.mark.parametrize("path", ["/v1/messages", "/v1beta/models/m:generateContent", "/x/models/m:countTokens"])
def test_another_path_asks_for_something_else(path: str) -> None:
    assert counting_dialect(path) is None


@pytest.mark.parametrize("name", ["generateContentRequest", "generate_content_request"])
def test_contents_alone_or_a_whole_request_are_the_same_question(name: str) -> None:
    asked = count({name: {"model": "models/auto", **CONTENTS, "systemInstruction": {"parts": [{"text": "s"}]}}})
    assert [message.text() for message in asked.request.messages] == ["s", "你好"]
    assert count(CONTENTS).request.messages == asked.request.messages[1:]
    assert count(CONTENTS).request.model == "auto"


def test_an_anthropic_count_needs_no_limit_of_the_answer() -> None:
    message = {"model": "auto", "messages": [{"role": "user", "content": "你好"}]}
    assert count(message, "/v1/messages/count_tokens").request.messages[0].text() == "你好"


@pytest.mark.parametrize("body", [b"{", b"[]", b"{}", {**CONTENTS, "generateContentRequest": CONTENTS}])
def test_what_is_no_request_is_refused(body: Any) -> None:
    with pytest.raises(InvalidRequest):
        count(body)


def test_a_count_is_told_as_its_clients_read_it() -> None:
    assert json.loads(render_count(GEMINI, 7)) == {"totalTokens": 7}
    assert json.loads(render_count("/v1/messages/count_tokens", 7)) == {"input_tokens": 7}
