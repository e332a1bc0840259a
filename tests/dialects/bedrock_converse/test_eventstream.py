from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.bedrock_converse.eventstream import MAX_HEADERS_BYTES, EventFrame, EventFrameSplitter
from entrepot.errors import ProviderError
from tests.dialects.bedrock_converse.frames import frame, header, text_header


def taken(*pieces: bytes) -> list[EventFrame]:
    splitter = EventFrameSplitter()
    return [each for piece in pieces for each in splitter.feed(piece)]


def test_headers_of_every_type_are_read() -> None:
    headers = b"".join(
        (
            header("yes", 0, b""),
            header("no", 1, b""),
            header("byte", 2, struct.pack(">b", -2)),
            header("short", 3, struct.pack(">h", -300)),
            header("integer", 4, struct.pack(">i", -70_000)),
            header("long", 5, struct.pack(">q", -(2**40))),
            header("bytes", 6, struct.pack(">H", 3) + b"\x00\xff1"),
            text_header("text", "你好"),
            header("time", 8, struct.pack(">q", 1_700_000_000_123)),
            header("uuid", 9, bytes(range(16))),
        )
    )
    (read,) = taken(frame(headers, b"payload"))
    assert read.payload == b"payload"
    assert read.headers == {
        "yes": True,
        "no": False,
        "byte": -2,
        "short": -300,
        "integer": -70_000,
        "long": -(2**40),
        "bytes": b"\x00\xff1",
        "text": "你好",
        "time": 1_700_000_000_123,
        "uuid": bytes(range(16)),
    }


headers_given = st.dictionaries(st.text(min_size=1, max_size=9), st.text(max_size=20), max_size=3)


@given(st.lists(st.tuples(headers_given, st.binary(max_size=60)), max_size=5), st.data())
def test_any_split_of_the_bytes_gives_the_same_frames(
    given_frames: list[tuple[dict[str, str], bytes]], data: st.DataObject
) -> None:
    body = b"".join(
        frame(b"".join(text_header(name, value) for name, value in headers.items()), payload)
        for headers, payload in given_frames
    )
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=8)))
    pieces = [body[at:to] for at, to in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert taken(*pieces) == [EventFrame(dict(headers), payload) for headers, payload in given_frames]


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_a_frame_with_any_byte_changed_is_refused(position: int, change: int) -> None:
    body = bytearray(frame(text_header(":event-type", "messageStop"), b'{"stopReason": "end_turn"}'))
    body[position % len(body)] ^= change
    with pytest.raises(ProviderError, match=r"damaged|too large"):
        taken(bytes(body))


def test_frames_before_a_damaged_one_are_given() -> None:
    splitter = EventFrameSplitter()
    frames = splitter.feed(frame(b"", b"one") + b"\x00" * 12)
    assert next(frames).payload == b"one"
    with pytest.raises(ProviderError, match="prelude"):
        next(frames)


def test_a_frame_larger_than_the_limits_is_refused_by_its_prelude() -> None:
    for total, headers in ((25 * 1024 * 1024, 0), (2**32 - 1, 0), (MAX_HEADERS_BYTES + 100, MAX_HEADERS_BYTES + 1)):
        with pytest.raises(ProviderError, match="too large"):
            taken(prelude(total, headers))


def test_a_frame_shorter_than_its_headers_is_refused() -> None:
    for total, headers in ((0, 0), (15, 0), (20, 5)):
        with pytest.raises(ProviderError, match="shorter"):
            taken(prelude(total, headers))


def prelude(total: int, headers: int) -> bytes:
    begun = struct.pack(">II", total, headers)
    return begun + struct.pack(">I", zlib.crc32(begun))


@pytest.mark.parametrize(
    "headers",
    [
        b"\x05ab",
        header("x", 10, b""),
        header("x", 4, b"\x00"),
        header("x", 7, struct.pack(">H", 9) + b"short"),
        header("x", 9, b"\x00" * 15),
        header("x", 7, struct.pack(">H", 1) + b"\xff"),
        b"\x01\xff\x00",
        b"\x01x",
    ],
)
def test_headers_that_cannot_be_read_are_refused(headers: bytes) -> None:
    with pytest.raises(ProviderError, match=r"headers that cannot be read|unknown type"):
        taken(frame(headers, b""))


def test_what_is_pending_is_known() -> None:
    splitter = EventFrameSplitter()
    whole = frame(b"", b"x")
    assert list(splitter.feed(whole + whole[:5])) == [EventFrame({}, b"x")]
    assert splitter.pending_bytes == 5
    assert list(splitter.feed(whole[5:])) == [EventFrame({}, b"x")]
    assert splitter.pending_bytes == 0
