from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.response import Response, Usage, Vector
from entrepot.canonical.stream import Failed
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.gemini_embed import GEMINI_EMBED
from entrepot.dialects.gemini_embed.answer import read_answer, render_answer
from entrepot.dialects.gemini_embed.request import BATCH

ONE = Request("m", (Message("user", (Text("a"),)),), operation="embed")
TWO = Request("m", (ONE.messages[0], ONE.messages[0]), operation="embed", extra={BATCH: True})
CONTENT = {"embedding": {"values": [0.5], "shape": [1]}, "usageMetadata": {"promptTokenCount": 3, "x": 1}, "new": True}
LIST = {"embeddings": [{"values": [0.5]}, {"values": [1]}]}
PREDICTED = {
    "predictions": [
        {"embeddings": {"values": [0.5], "statistics": {"token_count": 3, "truncated": False}}},
        {"embeddings": {"values": [1], "statistics": {"token_count": 4.0, "truncated": False}}},
    ],
    "metadata": {"billableCharacterCount": 2},
}


def read(body: Any, request: Request) -> tuple[Response, bool]:
    events, as_asked = read_answer(json.dumps(body).encode(), Asked(request, "gemini-embed", {}))
    return fold(events), as_asked


def rendered(response: Response, request: Request) -> Any:
    return json.loads(msgspec.json.encode(render_answer(response, request)))


def test_each_shape_is_understood() -> None:
    assert read(LIST, TWO)[0].vectors == (Vector(numbers=b"[0.5]"), Vector(numbers=b"[1]"))
    assert [vector.numbers for vector in read(PREDICTED, TWO)[0].vectors] == [b"[0.5]", b"[1]"]
    assert read(CONTENT, ONE)[0].vectors == (Vector(numbers=b"[0.5]", extra={"shape": [1]}),)


def test_tokens_are_counted_where_the_wire_counts_them() -> None:
    assert read(CONTENT, ONE)[0].usage == Usage(3, extra={"promptTokenCount": 3, "x": 1})
    assert read(PREDICTED, TWO)[0].usage == Usage(7)
    assert read(LIST, TWO)[0].usage is None
    partly = {"predictions": [PREDICTED["predictions"][0], {"embeddings": {"values": [1]}}]}  # type: ignore[index]  # a dict of many shapes
    assert read(partly, TWO)[0].usage is None


@pytest.mark.parametrize(("body", "request_"), [(CONTENT, ONE), (LIST, TWO)])
def test_an_answer_renders_back_equal(body: Any, request_: Request) -> None:
    response, as_asked = read(body, request_)
    assert as_asked
    assert rendered(response, request_) == body


def test_an_answer_of_another_shape_is_given_the_one_asked_for() -> None:
    response, as_asked = read(PREDICTED, TWO)
    assert not as_asked
    assert [each["values"] for each in rendered(response, TWO)["embeddings"]] == [[0.5], [1]]
    foreign = Response("", "", 0, (), Usage(5), vectors=(Vector(base64="AACAPw=="),))
    assert rendered(foreign, ONE) == {"embedding": {"values": [1.0]}, "usageMetadata": {"promptTokenCount": 5}}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"embeddings": [{"values": [1]}]},
        {"embeddings": [{"values": [1]}, {}]},
        {"predictions": [{}, {}]},
        {"error": {"code": 429, "message": "x", "status": "RESOURCE_EXHAUSTED"}},
    ],
)
def test_what_is_no_answer_to_the_inputs_is_a_failure(body: Any) -> None:
    parser = GEMINI_EMBED.open_parser(Asked(TWO, "gemini-embed", {}), Target("https://x", "m"))
    parser.feed(json.dumps(body).encode())
    assert isinstance(parser.close()[-1], Failed)
    assert not parser.as_asked


def test_between_two_of_this_dialect_bytes_pass() -> None:
    body = json.dumps(LIST, indent=2).encode()
    relay = GEMINI_EMBED.open_relay(Asked(TWO, "gemini-embed", {}), Target("https://x", "m"))
    relay.feed(body)
    assert relay.close().data == body
