from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.dialects.ollama_chat import lines
from entrepot.dialects.ollama_chat.lines import LineSplitter
from entrepot.errors import ProviderError


def taken(*pieces: bytes) -> list[bytes | None]:
    splitter = LineSplitter()
    frames = [frame for piece in pieces for frame in splitter.feed(piece)]
    last = splitter.close()
    return [frame.data for frame in (*frames, *([] if last is None else [last]))]


@given(st.lists(st.text(alphabet="ab你\r\n ", max_size=6)), st.data())
def test_any_split_of_the_bytes_gives_the_same_lines(given_lines: list[str], data: st.DataObject) -> None:
    body = "\n".join(given_lines).encode()
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=6)))
    pieces = [body[at:to] for at, to in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert taken(*pieces) == [line.strip() for line in body.split(b"\n") if line.strip()]


def test_line_ends_of_either_kind_and_empty_lines_say_nothing() -> None:
    assert taken(b'{"a":1}\r\n\r\n\n{"b":2}') == [b'{"a":1}', b'{"b":2}']


def test_a_line_without_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "MAX_FRAME_BYTES", 10)
    splitter = LineSplitter()
    splitter.feed(b"x" * 10)
    with pytest.raises(ProviderError, match="longer than 10 bytes"):
        splitter.feed(b"x")
