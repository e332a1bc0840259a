from __future__ import annotations

import json
from base64 import b64encode
from struct import pack
from typing import Any

import msgspec
import pytest

from entrepot.canonical.capabilities import estimate_input_tokens
from entrepot.canonical.fold import fold
from entrepot.canonical.request import Embedding, Message, Request, Text
from entrepot.canonical.response import Response, Usage, Vector
from entrepot.canonical.stream import Failed
from entrepot.dialects.base import Asked, Target
from entrepot.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from entrepot.dialects.openai_embeddings.answer import read_answer, render_answer
from entrepot.dialects.openai_embeddings.request import parse_request
from entrepot.errors import ProviderError

TARGET = Target("https://provider.example/v1", "m")
TWO = Request(
    "m",
    (Message("user", (Text("a"),)), Message("user", (Text("b"),))),
    operation="embed",
    embeddings=(Embedding(),) * 2,
)
OWN = Asked(TWO, "openai-embeddings", {})
PACKED = b64encode(pack("<2f", 0.5, -1.0)).decode()


def answer(*vectors: Any, **changes: Any) -> bytes:
    data = [{"object": "embedding", "index": i, "embedding": each} for i, each in enumerate(vectors)]
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return json.dumps({"object": "list", "data": data, "model": "claimed", "usage": usage, **changes}).encode()


def read(body: bytes, request: Request = TWO) -> Response:
    return fold(read_answer(body, Asked(request, "openai-embeddings", {}))[0])


def test_vectors_are_in_the_order_of_their_index() -> None:
    data = [{"index": 1, "embedding": [1]}, {"index": 0, "embedding": [0]}]
    assert read(answer(data=data)).vectors == (Vector(numbers=b"[0]"), Vector(numbers=b"[1]"))


def test_without_an_index_the_order_is_as_given() -> None:
    assert read(answer(data=[{"embedding": [0]}, {"embedding": [1]}])).vectors[1].numbers == b"[1]"


@pytest.mark.parametrize(
    "data",
    [
        [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [2]}],
        [{"index": 1, "embedding": [1]}, {"index": 2, "embedding": [2]}],
        [{"index": 0, "embedding": [1]}, {"index": 1}],
        [{"index": 0, "embedding": [1]}],
        [],
    ],
)
def test_vectors_that_cannot_be_paired_with_inputs_are_a_failure(data: Any) -> None:
    parser = OPENAI_EMBEDDINGS.open_parser(OWN, TARGET)
    parser.feed(answer(data=data))
    (failed,) = parser.close()
    assert isinstance(failed, Failed)
    assert failed.failure.kind == "protocol"
    assert not parser.as_asked


def test_an_error_under_status_200_is_classified() -> None:
    events, _ = read_answer(b'{"error": {"message": "x", "code": "insufficient_quota"}}', OWN)
    assert isinstance(events[-1], Failed)
    assert events[-1].failure.kind == "quota"


@pytest.mark.parametrize(
    ("usage", "counted"),
    [
        ({"prompt_tokens": 9, "total_tokens": 9}, (9, 0)),
        ({"prompt_tokens": 9, "prompt_tokens_details": {"cached_tokens": 4}}, (5, 4)),
        ({"prompt_tokens": 9, "prompt_tokens_details": None}, (9, 0)),
        ({"total_tokens": 7}, (7, 0)),
    ],
)
def test_tokens_are_counted_as_input(usage: Any, counted: tuple[int, int]) -> None:
    found = read(answer([1], [2], usage=usage)).usage
    assert found is not None
    assert (found.input_tokens, found.cache_read_tokens) == counted
    assert found.all_output == 0


@pytest.mark.parametrize("usage", [None, {}])
def test_no_count_is_no_usage(usage: Any) -> None:
    assert read(answer([1], [2], usage=usage)).usage is None


def test_what_the_wire_says_beside_is_kept_for_this_dialect_and_left_out_for_another() -> None:
    data = [{"index": i, "embedding": [i], "truncated": True, "object": "embedding"} for i in (0, 1)]
    body = answer(data=data, id="embd-1", created=7, provider="Somewhere")
    response = read(body)
    assert json.loads(msgspec.json.encode(render_answer(response, TWO))) == json.loads(body)
    foreign = msgspec.structs.replace(response, dialect="another-dialect")
    shown = json.loads(msgspec.json.encode(render_answer(foreign, TWO)))
    assert shown == json.loads(answer([0], [1]))


def test_numbers_are_given_as_base64_and_base64_as_numbers_as_the_client_asked() -> None:
    one = msgspec.structs.replace(TWO, messages=TWO.messages[:1], embeddings=TWO.embeddings[:1])
    wants_base64 = msgspec.structs.replace(one, extra={"encoding_format": "base64"})
    for given_ in ([0.5, -1.0], PACKED):
        for request, wanted in ((one, [0.5, -1.0]), (wants_base64, PACKED)):
            rendered = msgspec.json.encode(render_answer(read(answer(given_), request), request))
            assert json.loads(rendered)["data"][0]["embedding"] == wanted


def test_a_client_is_told_our_count_where_the_provider_has_none() -> None:
    rendered = render_answer(Response("", "", 0, (), vectors=(Vector(numbers=b"[1]"),) * 2), TWO)
    tokens = estimate_input_tokens(TWO)
    assert rendered["usage"] == {"prompt_tokens": tokens, "total_tokens": tokens}
    assert rendered["model"] == "m"


def relayed(body: bytes, **asked: Any) -> Any:
    """What a client of this dialect gets of a provider of the same."""
    request = parse_request(json.dumps({"model": "m", "input": ["a", "b"], **asked}).encode())
    relay = OPENAI_EMBEDDINGS.open_relay(request, TARGET)
    assert relay.feed(body[:10]).data == b""
    relay.feed(body[10:])
    return relay, relay.close()


@pytest.mark.parametrize(("form", "vector"), [("float", [0.5, -1.0]), ("base64", PACKED)])
def test_an_answer_in_the_form_asked_for_passes_byte_for_byte(form: str, vector: Any) -> None:
    body = answer(vector, vector).replace(b'"object"', b'  "object"')
    relay, closed = relayed(body, encoding_format=form)
    assert closed.data == body
    assert (closed.content, closed.ended, closed.failure) == (True, True, None)
    summary = relay.summary(99)
    assert summary.usage.input_tokens == 9
    assert summary.usage.output_tokens == 0
    assert not summary.usage.estimated
    assert summary.claimed_model == "claimed"
    assert summary.finished


def test_an_answer_in_another_form_is_given_the_one_asked_for() -> None:
    _, closed = relayed(answer([0.5, -1.0], [0.5, -1.0]), encoding_format="base64")
    assert [each["embedding"] for each in json.loads(closed.data)["data"]] == [PACKED, PACKED]


def test_vectors_that_cannot_be_given_are_a_failure_before_anything_has_left() -> None:
    relay, closed = relayed(answer("AAAA", "AAAA"), encoding_format="float")
    assert (closed.data, closed.content, closed.ended) == (b"", False, False)
    assert closed.failure.kind == "protocol"
    assert b"secret" not in relay.break_off(ProviderError("x"))


def test_our_own_count_is_marked_as_estimated() -> None:
    relay, _ = relayed(answer([1], [2], usage=None))
    usage = relay.summary(7).usage
    assert usage == Usage(input_tokens=7, estimated=True)
