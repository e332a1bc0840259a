from __future__ import annotations

import pytest

from entrepot.upstream.framing import Framing, Malformed, decide_framing
from entrepot.upstream.limits import DEFAULT_LIMITS, Limits

CHUNKED = (b"transfer-encoding", b"chunked")
LENGTH = (b"content-length", b"5")


@pytest.mark.parametrize(
    ("version", "status", "headers", "expected"),
    [
        ("1.1", 200, (), Framing.UNTIL_CLOSE),
        ("1.0", 200, (), Framing.UNTIL_CLOSE),
        ("1.1", 200, (LENGTH,), Framing.SIZED),
        ("1.0", 500, (LENGTH,), Framing.SIZED),
        ("1.1", 404, (CHUNKED,), Framing.CHUNKED),
        ("1.1", 200, ((b"transfer-encoding", b"Chunked"),), Framing.CHUNKED),
        ("1.1", 204, (), Framing.EMPTY),
        ("1.1", 304, (LENGTH,), Framing.EMPTY),
        ("1.1", 103, ((b"link", b"x"),), Framing.EMPTY),
    ],
)
def test_the_head_says_where_the_body_ends(
    version: str, status: int, headers: tuple[tuple[bytes, bytes], ...], expected: Framing
) -> None:
    assert decide_framing(version, status, headers, DEFAULT_LIMITS) is expected


@pytest.mark.parametrize(
    ("version", "status", "headers"),
    [
        ("0.9", 200, ()),
        ("2.0", 200, ()),
        ("1.1", 99, ()),
        ("1.1", 600, ()),
        ("1.1", 101, ()),
        ("1.1", 100, (LENGTH,)),
        ("1.1", 103, (CHUNKED,)),
        ("1.1", 200, (LENGTH, CHUNKED)),
        ("1.1", 200, (CHUNKED, LENGTH)),
        ("1.1", 200, (CHUNKED, CHUNKED)),
        ("1.1", 200, (LENGTH, LENGTH)),
        ("1.1", 200, ((b"transfer-encoding", b"gzip, chunked"),)),
        ("1.1", 200, ((b"transfer-encoding", b"\x0bchunked"),)),
        ("1.0", 200, (CHUNKED,)),
        ("1.1", 200, ((b"content-length", b"+5"),)),
        ("1.1", 200, ((b"content-length", b"5, 5"),)),
        ("1.1", 200, ((b"content-length", b"0x5"),)),
        ("1.1", 200, ((b"content-length", "５".encode()),)),
        ("1.1", 200, ((b"content-length", b""),)),
    ],
)
def test_whatever_is_doubtful_is_refused(version: str, status: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    with pytest.raises(Malformed):
        decide_framing(version, status, headers, DEFAULT_LIMITS)


def test_a_length_over_the_limit_is_refused_before_a_byte_of_the_body() -> None:
    with pytest.raises(Malformed, match="more than 4 bytes"):
        decide_framing("1.1", 200, (LENGTH,), Limits(max_body_bytes=4))
