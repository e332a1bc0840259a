from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.upstream.coding import PIECE_BYTES, Inflater, build_inflater

TEXT = "一件货物，两种价格。".encode() * 50


def inflate(inflater: Inflater, data: bytes, step: int) -> bytes:
    return b"".join(b"".join(inflater.feed(data[i : i + step])) for i in range(0, len(data), step))


@given(text=st.binary(max_size=2000), step=st.integers(1, 200), members=st.integers(1, 3))
def test_gzip_decodes_to_what_was_coded_however_it_is_split(text: bytes, step: int, members: int) -> None:
    inflater = Inflater(b"gzip")

    assert inflate(inflater, gzip.compress(text) * members, step) == text * members
    assert inflater.finished


@given(step=st.integers(1, 200))
def test_deflate_is_the_zlib_format(step: int) -> None:
    inflater = Inflater(b"deflate")

    assert inflate(inflater, zlib.compress(TEXT), step) == TEXT
    assert inflater.finished


def test_what_was_flushed_is_decoded_before_the_stream_ends() -> None:
    coder = zlib.compressobj(wbits=31)
    inflater = Inflater(b"gzip")

    assert b"".join(inflater.feed(coder.compress(b"data: 1\n\n") + coder.flush(zlib.Z_SYNC_FLUSH))) == b"data: 1\n\n"
    assert not inflater.finished
    assert b"".join(inflater.feed(coder.compress(b"data: 2\n\n") + coder.flush())) == b"data: 2\n\n"
    assert inflater.finished


@pytest.mark.parametrize("size", [PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1, 3 * PIECE_BYTES])
def test_no_piece_is_larger_than_its_bound_and_none_is_lost(size: int) -> None:
    pieces = list(Inflater(b"deflate").feed(zlib.compress(bytes(size))))

    assert all(len(piece) <= PIECE_BYTES for piece in pieces)
    assert sum(map(len, pieces)) == size


def test_a_body_of_no_bytes_is_finished() -> None:
    assert Inflater(b"gzip").finished


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        (b"gzip", b"not gzip at all"),
        (b"gzip", gzip.compress(TEXT, mtime=0)[:-8] + bytes(8)),
        (b"gzip", gzip.compress(TEXT, mtime=0) + b"garbage"),
        (b"deflate", zlib.compress(TEXT) + b"garbage"),
        (b"deflate", zlib.compress(TEXT, wbits=-15)),
    ],
)
def test_malformed_streams_raise(coding: bytes, data: bytes) -> None:
    with pytest.raises(zlib.error):
        list(Inflater(coding).feed(data))


def test_codings_are_known_by_name() -> None:
    assert build_inflater(b"") is None
    assert build_inflater(b"identity") is None
    assert isinstance(build_inflater(b"x-gzip"), Inflater)
    with pytest.raises(ValueError, match="'zstd' was not asked for"):
        build_inflater(b"zstd")
