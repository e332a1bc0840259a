from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects import sse
from entrepot.dialects.sse import Frame, FrameSplitter
from entrepot.errors import ProviderError


def frames_of(pieces: list[bytes]) -> list[Frame]:
    splitter = FrameSplitter()
    frames = [frame for piece in pieces for frame in splitter.feed(piece)]
    last = splitter.close()
    return frames if last is None else [*frames, last]


def events_of(pieces: list[bytes]) -> list[tuple[bytes | None, bytes]]:
    return [(frame.event, frame.data) for frame in frames_of(pieces) if frame.data is not None]


def test_a_frame_ends_at_an_empty_line() -> None:
    assert events_of([b"data: a\n\ndata: b\n\n"]) == [(None, b"a"), (None, b"b")]


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_every_line_end_counts(end: bytes) -> None:
    stream = end.join([b"event: x", b"data: a", b"data: b", b"", b"data: c", b"", b""])
    assert events_of([stream]) == [(b"x", b"a\nb"), (None, b"c")]


def test_comments_carry_no_data_and_keep_their_bytes() -> None:
    frames = frames_of([b": OPENROUTER PROCESSING\n\ndata: a\n\n"])
    assert [(frame.raw, frame.data) for frame in frames] == [
        (b": OPENROUTER PROCESSING\n\n", None),
        (b"data: a\n\n", b"a"),
    ]


@pytest.mark.parametrize("frame", [b"data:\n\n", b"data: \n\n", b"event: ping\ndata:\r\n\r\n"])
def test_empty_data_is_no_event(frame: bytes) -> None:
    assert events_of([frame + b"data: a\n\n"]) == [(None, b"a")]


def test_one_space_after_the_colon_is_dropped_and_no_more() -> None:
    assert events_of([b"data:  a\n\ndata:b\n\n"]) == [(None, b" a"), (None, b"b")]


def test_a_byte_order_mark_is_no_part_of_the_first_field() -> None:
    assert events_of([b"\xef\xbb\xbfdata: a\n\n"]) == [(None, b"a")]


def test_a_last_frame_without_its_empty_line_is_not_lost() -> None:
    assert events_of([b"data: a\n\ndata: [DONE]"]) == [(None, b"a"), (None, b"[DONE]")]


def test_a_frame_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME_BYTES", 1000)
    splitter = FrameSplitter()
    assert splitter.feed(b"x" * 1000) == []
    with pytest.raises(ProviderError, match="longer than 1000 bytes"):
        splitter.feed(b"x")


lines = st.sampled_from([b"data: a", b"data: \xe4\xbd\xa0", b": ping", b"event: e", b"data:", b"", b"id: 1"])
ends = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(st.tuples(lines, ends), max_size=12), st.lists(st.integers(0, 200), max_size=8))
def test_any_split_gives_the_same_events_and_loses_no_byte(parts: list[tuple[bytes, bytes]], cuts: list[int]) -> None:
    stream = b"".join(line + end for line, end in parts)
    places = sorted({min(cut, len(stream)) for cut in cuts})
    pieces = [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]
    assert events_of(pieces) == events_of([stream])
    passed = b"".join(frame.raw for frame in frames_of(pieces))
    assert stream.startswith(passed)
    assert not stream[len(passed) :].strip()


def test_a_long_frame_is_not_copied_again_for_every_piece_of_it() -> None:
    copied = 0

    class Counting(bytes):
        def __radd__(self, kept: bytes) -> bytes:
            nonlocal copied
            copied += len(kept)
            return kept + bytes(self)

    splitter = FrameSplitter()
    pieces = [Counting(b"data: "), *[Counting(b"x" * 1000)] * 1000, Counting(b"\n\n")]
    frames = [frame for piece in pieces for frame in splitter.feed(piece)]
    assert len(frames[0].raw) == 1_000_008
    assert copied < 10_000
