"""What a request's own headers ask for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.errors import InvalidRequest
from entrepot.exchange.steering import Steering
from entrepot.server.steering import may_store, steering_of


def test_without_headers_nothing_is_asked_for() -> None:
    assert steering_of({}) == Steering()


def test_every_header_is_read() -> None:
    headers = {
        b"x-entrepot-quality": b"0.05",
        b"x-entrepot-max-cost-usd": b"1e-3",
        b"x-entrepot-tags": " 小组 ,b,,b".encode(),
        b"x-entrepot-session": "会话-1".encode(),
    }
    assert steering_of(headers) == Steering(0.05, 0.001, frozenset({"小组", "b"}), "会话-1")


@pytest.mark.parametrize("name", [b"x-entrepot-quality", b"x-entrepot-max-cost-usd"])
@pytest.mark.parametrize("value", [b"", b"high", b"-1", b"nan", b"inf", b"1e400", b"\xff", b"2000001"])
def test_a_number_that_is_none_is_refused_by_name(name: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest) as caught:
        steering_of({name: value})
    assert caught.value.param == name.decode()


@pytest.mark.parametrize(
    ("value", "kept"), [(None, True), (b"", True), (b"0", True), (b"No", True), (b"true", False), (b"1", False)]
)
def test_what_a_request_says_is_not_kept_where_it_says_so(value: bytes | None, kept: bool) -> None:
    assert may_store({} if value is None else {b"x-entrepot-no-store": value}) is kept


def test_tags_without_end_are_refused() -> None:
    with pytest.raises(InvalidRequest, match="33 tags"):
        steering_of({b"x-entrepot-tags": b",".join(b"t%d" % n for n in range(33))})


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_make_text_that_can_be_written_down(tags: bytes, session: bytes) -> None:
    try:
        asked = steering_of({b"x-entrepot-tags": tags, b"x-entrepot-session": session})
    except InvalidRequest:
        return
    for text in (*asked.tags, asked.session or ""):
        text.encode()


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (b"a, b ,,c d", {"a", "b", "c d"}),
        ("机密,客户".encode(), {"机密", "客户"}),
        (b"%E6%9C%BA%E5%AF%86, a%2Cb", {"机密", "a,b"}),
        (b"100%, %zz", {"100%", "%zz"}),
        (b" , ", set()),
    ],
)
def test_tags_are_named_between_commas(value: bytes, tags: set[str]) -> None:
    assert steering_of({b"x-entrepot-tags": value}).tags == tags


@pytest.mark.parametrize("value", [b"a%0D%0Aset-cookie: x", b"%1B[2J", b"a%E2%80%AEb", b"a\tb"])
def test_tags_stay_on_one_line_wherever_they_are_printed(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="printed"):
        steering_of({b"x-entrepot-tags": value})


@pytest.mark.parametrize("value", ["décision".encode("latin-1"), b"%E6%9C"])
def test_tags_that_cannot_be_read_are_refused_because_they_would_not_narrow(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8") as refused:
        steering_of({b"x-entrepot-tags": value})
    assert refused.value.param == "x-entrepot-tags"
