from __future__ import annotations

import pytest

from entrepot.errors import InvalidRequest
from entrepot.exchange.planning import Steering
from entrepot.server.endpoints import steering_of


def test_without_headers_nothing_is_steered() -> None:
    assert steering_of({}) == Steering()


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


@pytest.mark.parametrize("value", ["décision".encode("latin-1"), b"%E6%9C"])
def test_tags_that_cannot_be_read_are_refused_because_they_would_not_narrow(value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="UTF-8") as refused:
        steering_of({b"x-entrepot-tags": value})
    assert refused.value.param == "x-entrepot-tags"


@pytest.mark.parametrize("header", [b"x-entrepot-quality", b"x-entrepot-max-cost-usd"])
@pytest.mark.parametrize("value", [b"", b"x", b"-0.1", b"nan", b"inf", b"1e9"])
def test_a_number_that_is_none_is_refused_by_name(header: bytes, value: bytes) -> None:
    with pytest.raises(InvalidRequest, match="must be a number between 0 and") as refused:
        steering_of({header: value})
    assert refused.value.param == header.decode()
