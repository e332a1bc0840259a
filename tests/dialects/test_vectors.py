from __future__ import annotations

import json
import struct
from base64 import b64encode

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Embedding, Media, Message, Request, Text, Unknown
from entrepot.canonical.response import Vector
from entrepot.canonical.stream import Ended, Failed, VectorAdded
from entrepot.dialects.vectors import (
    VectorsParser,
    base64_of,
    check_vectors,
    dimensions_of,
    numbers_of,
    text_of,
    vector_of,
)
from entrepot.errors import InvalidRequest, ProviderError

floats = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), max_size=8)


def packed(numbers: list[float]) -> str:
    return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


@given(floats)
def test_numbers_and_base64_are_the_same_vector(numbers: list[float]) -> None:
    as_numbers = Vector(numbers=json.dumps(numbers).encode())
    as_base64 = Vector(base64=packed(numbers))
    assert base64_of(as_numbers) == as_base64.base64
    assert json.loads(bytes(numbers_of(as_base64))) == numbers


def test_a_vector_keeps_the_bytes_it_came_as() -> None:
    raw = b" [ 1.50, -2E-3 ]"
    assert bytes(numbers_of(vector_of(msgspec.Raw(raw)))) == raw.strip()
    assert base64_of(vector_of(msgspec.Raw(b'"AACAPw=="'))) == "AACAPw=="


@pytest.mark.parametrize("vector", [Vector(base64="AAAA"), Vector(base64="~~~~"), Vector(base64="AACAPw")])
def test_base64_of_something_else_than_float32_is_the_providers_fault(vector: Vector) -> None:
    with pytest.raises(ProviderError, match="32-bit numbers"):
        numbers_of(vector)


@pytest.mark.parametrize("numbers", [b'["x"]', b"[null]", b"[[1]]"])
def test_numbers_that_are_none_are_the_providers_fault(numbers: bytes) -> None:
    with pytest.raises(ProviderError, match="32-bit numbers"):
        base64_of(Vector(numbers=numbers))


def test_one_answer_has_vectors_of_one_length() -> None:
    request = Request("m", (), embeddings=(Embedding(8), Embedding(8)))
    assert dimensions_of(request) == 8
    with pytest.raises(InvalidRequest, match="send them apart"):
        dimensions_of(msgspec.structs.replace(request, embeddings=(Embedding(8), Embedding())))


def test_what_is_no_text_is_said_to_be_none() -> None:
    assert text_of(Message("user", (Text("一"), Text("二"))), "messages[0]") == "一\n二"
    with pytest.raises(InvalidRequest, match="holds more than text"):
        text_of(Message("user", (Media("image", data="AAAA"),)), "messages[0]")
    with pytest.raises(InvalidRequest, match="given as token ids") as caught:
        text_of(Message("user", (Unknown("openai-embeddings", {"token_ids": [1]}),)), "messages[3]")
    assert caught.value.param == "messages[3]"


def test_there_are_as_many_vectors_as_inputs() -> None:
    request = Request("m", (Message("user", (Text("a"),)),) * 2)
    one = Vector(numbers=b"[1]")
    assert check_vectors([one, one], request) == [VectorAdded(one, 0), VectorAdded(one, 1)]
    (failed,) = check_vectors([one], request)
    assert isinstance(failed, Failed)
    assert "1 embeddings for 2 inputs" in failed.failure.message


def test_an_answer_is_read_once_it_is_whole_whatever_its_split() -> None:
    for pieces in ([b'{"a": 1}'], [b"{", b'"a"', b": 1}"]):
        parser = VectorsParser(lambda body: ([Ended()], body == b'{"a": 1}'))
        assert [event for piece in pieces for event in parser.feed(piece)] == []
        assert parser.close() == [Ended()]
        assert parser.as_asked
        assert parser.body == b'{"a": 1}'


def test_what_is_no_json_is_a_failure_of_the_provider() -> None:
    parser = VectorsParser(lambda body: (msgspec.json.decode(body), True))
    parser.feed(b"{nonsense")
    (failed,) = parser.close()
    assert isinstance(failed, Failed)
    assert failed.failure.kind == "protocol"
    assert not parser.as_asked
