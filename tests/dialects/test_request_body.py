"""Whatever is wrong with a body is told to the caller by the name of the part."""

from __future__ import annotations

import msgspec
import pytest

from entrepot.dialects.request_body import MOST_LEVELS, is_too_deep, refusal_of, taking_apart
from entrepot.errors import InvalidRequest


class Shape(msgspec.Struct):
    messages: list[dict[str, int]]


def refused(body: bytes) -> InvalidRequest:
    with pytest.raises(InvalidRequest) as caught, taking_apart(body):
        msgspec.json.decode(body, type=Shape)
    return caught.value


def test_a_value_of_a_wrong_type_is_named_by_its_path() -> None:
    error = refused(b'{"messages": [{"a": 1}, {"b": "x"}]}')
    assert (error.param, error.code) == ("messages[1][*]", "invalid_type")
    assert error.message == "'messages[1][*]': Expected int, got str"


def test_a_missing_field_of_the_whole_is_named_in_words() -> None:
    error = refusal_of("Object missing required field `messages`")
    assert (error.param, error.message) == (None, "Object missing required field 'messages'")


@pytest.mark.parametrize("body", [b"", b"{", b'{"messages": [}', b'{"messages": [], "x": "\xff"}'])
def test_what_is_no_json_is_told_so(body: bytes) -> None:
    assert refused(body).code == "invalid_json"


def test_what_is_nested_too_deeply_is_told_so() -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"), taking_apart(b""):
        msgspec.json.decode(b"[" * 200_000)


def test_what_is_right_passes() -> None:
    with taking_apart(b"{}"):
        pass


def nested(levels: int, inside: str = "1") -> bytes:
    return b'{"a":[' * (levels // 2) + inside.encode() + b"]}" * (levels // 2)


def test_a_body_is_as_deep_as_its_brackets_outside_of_text() -> None:
    assert not is_too_deep(nested(MOST_LEVELS))
    assert is_too_deep(nested(MOST_LEVELS + 2))
    assert not is_too_deep(nested(MOST_LEVELS, r'"[[[[ \\\" {{{ \\"'))
    assert is_too_deep(nested(MOST_LEVELS, r'"\\" , [[1]]'))
    assert not is_too_deep(b"[" + b",".join([b"[{}]"] * 1000) + b"]")


def test_what_could_be_read_and_not_be_walked_over_is_refused_too() -> None:
    with pytest.raises(InvalidRequest, match="nested too deeply"), taking_apart(nested(900)):
        pass
