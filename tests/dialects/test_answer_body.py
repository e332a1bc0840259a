"""A body is a stream or one document, a web page is neither, and nothing follows an end."""

from __future__ import annotations

import pytest

from entrepot.canonical.stream import Ended, Failed, Pinged, StreamEvent, TextDelta
from entrepot.dialects import answer_body
from entrepot.dialects.answer_body import BodyParser, decode_or_none, object_or_empty


class Plain(BodyParser):
    """Every frame's data is text; `END` ends it."""

    def _take_data(self, data: bytes, name: bytes | None, events: list[StreamEvent]) -> None:
        if data == b"END":
            self._end(events)
        else:
            events.append(TextDelta(f"{(name or b'').decode()}:{data.decode()}"))

    def _take_whole(self, body: bytes, events: list[StreamEvent]) -> None:
        events.append(TextDelta(body.decode()))
        self._end(events)

    def _take_end(self, events: list[StreamEvent]) -> None:
        self._cut_off(events)


def parsed(*pieces: bytes) -> list[StreamEvent]:
    parser = Plain()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return [*events, *parser.close()]


def failure(*pieces: bytes) -> tuple[str, str]:
    last = parsed(*pieces)[-1]
    assert isinstance(last, Failed)
    return last.failure.kind, last.failure.message


def test_a_stream_is_told_by_its_first_byte_wherever_it_is_cut() -> None:
    body = b"\xef\xbb\xbf\n: ping\n\nevent: x\ndata: \xe4\xbd\xa0\n\ndata: END\n\n"
    expected = [Pinged(), TextDelta("x:你"), Ended()]
    assert parsed(body) == expected
    assert parsed(*(body[i : i + 1] for i in range(len(body)))) == expected


def test_a_whole_document_is_given_once_it_is_complete() -> None:
    assert parsed(b' {"a":', b" 1}") == [TextDelta(' {"a": 1}'), Ended()]
    assert parsed() == [TextDelta(""), Ended()]


def test_nothing_follows_the_end() -> None:
    assert parsed(b"data: END\n\ndata: more\n\n", b"data: more\n\n") == [Ended()]


def test_a_web_page_fails_at_once() -> None:
    assert failure(b"<!doctype html>") == ("protocol", "the provider answered with a web page")


def test_bytes_that_are_no_stream_are_called_that_and_a_cut_stream_is_called_cut() -> None:
    assert failure(b"upstream connect error")[0] == "protocol"
    assert failure(b"data: a\n\n")[0] == "cut_off"
    assert failure(b": ping")[0] == "cut_off"


def test_an_answer_without_end_is_refused_before_it_fills_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answer_body, "MAX_ANSWER_BYTES", 10)
    assert failure(b"{", b"x" * 10)[0] == "protocol"


def test_a_value_that_is_none_or_no_object_is_nothing() -> None:
    assert decode_or_none(b"[" * 5000) is None
    assert decode_or_none(b'{"a": 1}') == {"a": 1}
    assert (object_or_empty([1]), object_or_empty({"a": 1})) == ({}, {"a": 1})
