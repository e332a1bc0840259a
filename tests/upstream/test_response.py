from __future__ import annotations

import gzip
import zlib
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from entrepot.upstream.limits import DEFAULT_LIMITS, Limits
from entrepot.upstream.response import ResponseReader

OK = b"HTTP/1.1 200 OK\r\n"
TEXT = "落地，分拣，再启运。".encode()


def sized(body: bytes, *lines: bytes, status: bytes = b"200 OK") -> bytes:
    head = [b"HTTP/1.1 " + status, *lines, b"content-length: %d" % len(body), b"", b""]
    return b"\r\n".join(head) + body


def chunked(*chunks: bytes, lines: bytes = b"", trailers: bytes = b"") -> bytes:
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return OK + b"transfer-encoding: chunked\r\n" + lines + b"\r\n" + body + b"0\r\n" + trailers + b"\r\n"


def read(
    *pieces: bytes, limits: Limits = DEFAULT_LIMITS, eof: bool | None = None
) -> tuple[list[Event], ResponseReader]:
    """Feed pieces to a new reader, then an end of the connection (clean or not) if the answer is not over."""
    reader = ResponseReader(limits)
    reader.begin(7)
    events: list[Event] = []
    for piece in pieces:
        if not reader.done:
            events += reader.feed(piece)
    if eof is not None and not reader.done:
        events.append(reader.eof(clean=eof))
    return events, reader


def joined(events: list[Event]) -> list[Event]:
    """The events with neighbouring chunks made one."""
    folded: list[Event] = []
    for event in events:
        last = folded[-1] if folded else None
        if isinstance(event, UpstreamChunk) and isinstance(last, UpstreamChunk):
            folded[-1] = UpstreamChunk(event.attempt, last.data + event.data)
        else:
            folded.append(event)
    return folded


def failure(*pieces: bytes, limits: Limits = DEFAULT_LIMITS, eof: bool | None = None) -> str:
    """The reason of the failure in which an answer must end."""
    events, reader = read(*pieces, limits=limits, eof=eof)
    last = events[-1]
    assert isinstance(last, UpstreamFailed)
    assert last.kind == "protocol"
    assert sum(isinstance(event, UpstreamFailed | UpstreamEnded) for event in events) == 1
    assert not reader.reusable
    return last.message


def test_a_sized_answer_is_head_chunk_and_end() -> None:
    events, reader = read(sized(TEXT, b"Content-Type: text/plain", b"X-Empty:", b"X-Padded:  a b \t"))

    assert events == [
        UpstreamHead(
            7,
            200,
            (
                (b"content-type", b"text/plain"),
                (b"x-empty", b""),
                (b"x-padded", b"a b"),
                (b"content-length", b"%d" % len(TEXT)),
            ),
        ),
        UpstreamChunk(7, TEXT),
        UpstreamEnded(7),
    ]
    assert reader.reusable


def test_chunks_that_arrive_together_are_one_event() -> None:
    events, reader = read(chunked(b"ab", b"cd", TEXT))

    assert events[1:] == [UpstreamChunk(7, b"abcd" + TEXT), UpstreamEnded(7)]
    assert reader.reusable


def test_a_chunk_is_reported_before_the_next_one_comes() -> None:
    reader = ResponseReader(Limits())
    reader.begin(1)

    reader.feed(OK + b"transfer-encoding: chunked\r\n\r\n")

    assert reader.feed(b"3\r\nabc\r\n") == [UpstreamChunk(1, b"abc")]
    assert reader.feed(b"2\r\nd") == [UpstreamChunk(1, b"d")]
    assert reader.feed(b"e") == [UpstreamChunk(1, b"e")]
    assert reader.feed(b"\r\n0\r\n\r\n") == [UpstreamEnded(1)]


def test_without_a_length_the_body_ends_with_the_connection_which_is_not_reused() -> None:
    events, reader = read(OK + b"\r\n" + b"ab", b"cd", eof=True)

    assert joined(events)[1:] == [UpstreamChunk(7, b"abcd"), UpstreamEnded(7)]
    assert not reader.reusable


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("line", [b"", b"content-length: 9\r\n", b"transfer-encoding: chunked\r\n"])
def test_answers_that_never_have_a_body_end_with_their_head(status: bytes, line: bytes) -> None:
    events, reader = read(b"HTTP/1.1 " + status + b"\r\n" + line + b"\r\n")

    assert [type(event) for event in events] == [UpstreamHead, UpstreamEnded]
    assert reader.reusable


def test_informational_heads_are_skipped() -> None:
    hints = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </style.css>\r\n\r\n"

    events, reader = read(hints + sized(b"x"))

    assert events == [UpstreamHead(7, 200, ((b"content-length", b"1"),)), UpstreamChunk(7, b"x"), UpstreamEnded(7)]
    assert reader.reusable


def test_a_reader_reads_one_answer_after_the_other() -> None:
    reader = ResponseReader(Limits())
    for attempt, body in enumerate((b"one", b"two", b"three")):
        reader.begin(attempt)
        assert reader.untouched
        events = reader.feed(chunked(body) if attempt % 2 else sized(body))
        assert events[-2:] == [UpstreamChunk(attempt, body), UpstreamEnded(attempt)]
        assert reader.reusable
        assert not reader.untouched


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"connection: close\r\ncontent-length: 1\r\n\r\nx",
        OK + b"connection: keep-alive, Close\r\ncontent-length: 1\r\n\r\nx",
        b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\nx",
        chunked(b"x", trailers=b"connection: close\r\n"),
    ],
)
def test_the_answer_decides_that_the_connection_is_not_kept(answer: bytes) -> None:
    events, reader = read(answer)

    assert events[-2:] == [UpstreamChunk(7, b"x"), UpstreamEnded(7)]
    assert not reader.reusable


def test_http_1_0_may_ask_to_keep_the_connection() -> None:
    _, reader = read(b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx")

    assert reader.reusable


@pytest.mark.parametrize("extra", [b"\r\n", b"\n", b"x", b"\r\n\r\n", sized(b"forged")])
@pytest.mark.parametrize(
    "answer",
    [
        sized(b"x"),
        sized(b"\r\n\r\n"),
        sized(b""),
        chunked(b"x"),
        chunked(b"\r\n\r\n"),
        chunked(b"x", trailers=b"a: b\r\n"),
        b"HTTP/1.1 204 No Content\r\n\r\n",
        OK + b"connection: close\r\ncontent-length: 1\r\n\r\nx",
    ],
)
def test_bytes_after_the_end_do_not_spoil_the_answer_but_the_connection(answer: bytes, extra: bytes) -> None:
    clean, _ = read(answer)

    for cut in range(len(answer)):  # the extra bytes come in one read with at least the last byte of the answer
        events, reader = read(answer[:cut], answer[cut:] + extra) if cut else read(answer + extra)
        assert joined(events) == clean
        assert not reader.reusable


MALFORMED = {
    "not HTTP": b"SSH-2.0-OpenSSH_9.6\r\n\r\n",
    "an empty line first": b"\r\n" + sized(b"x"),
    "RTSP": b"RTSP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n",
    "HTTP/0.9": b"HTTP/0.9 200 OK\r\ncontent-length: 0\r\n\r\n",
    "status 099": b"HTTP/1.1 099 Low\r\ncontent-length: 0\r\n\r\n",
    "status 700": b"HTTP/1.1 700 High\r\ncontent-length: 0\r\n\r\n",
    "switching protocols": b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n",
    "101 without upgrade": b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    "informational with a body": b"HTTP/1.1 103 Early Hints\r\ncontent-length: 3\r\n\r\nabc" + sized(b"x"),
    "bare LF in the status line": b"HTTP/1.1 200 OK\ncontent-length: 0\r\n\r\n",
    "bare LF in a header": OK + b"a: b\ncontent-length: 0\r\n\r\n",
    "bare CR in a header": OK + b"a: b\rc: d\r\ncontent-length: 0\r\n\r\n",
    "NUL in a header": OK + b"a: b\0c\r\ncontent-length: 0\r\n\r\n",
    "NUL in the reason": b"HTTP/1.1 200 O\0K\r\ncontent-length: 0\r\n\r\n",
    "control in a header": OK + b"a: b\x01\r\ncontent-length: 0\r\n\r\n",
    "folded header": OK + b"a: b\r\n c\r\ncontent-length: 0\r\n\r\n",
    "folded framing": OK + b"transfer-encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
    "space before the colon": OK + b"content-length : 0\r\n\r\n",
    "header without a name": OK + b": x\r\ncontent-length: 0\r\n\r\n",
    "coding and length": OK + b"transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "length and coding": OK + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": OK + b"content-length: 1\r\ncontent-length: 2\r\n\r\nxy",
    "the same length twice": OK + b"content-length: 1\r\ncontent-length: 1\r\n\r\nx",
    "a list of lengths": OK + b"content-length: 1, 1\r\n\r\nx",
    "a signed length": OK + b"content-length: +1\r\n\r\nx",
    "a negative length": OK + b"content-length: -1\r\n\r\nx",
    "an empty length": OK + b"content-length:\r\n\r\nx",
    "a length beyond 64 bits": OK + b"content-length: 99999999999999999999\r\n\r\nx",
    "another coding first": OK + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "another coding last": OK + b"transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n",
    "a coding like chunked": OK + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "chunked twice": OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunked in HTTP/1.0": b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative chunk": chunked() [:-5] + b"-1\r\n",
    "chunk size with 0x": chunked()[:-5] + b"0x1\r\nx\r\n0\r\n\r\n",
    "chunk size with a space": chunked()[:-5] + b"1 \r\nx\r\n0\r\n\r\n",
    "chunk size beyond 64 bits": chunked()[:-5] + b"fffffffffffffffff\r\n",
    "chunk size missing": chunked()[:-5] + b"\r\nx\r\n0\r\n\r\n",
    "chunk size ended by LF": chunked()[:-5] + b"1\nx\r\n0\r\n\r\n",
    "chunk extension ended by LF": chunked()[:-5] + b"1;a\nx\r\n0\r\n\r\n",
    "chunk longer than its size": chunked()[:-5] + b"1\r\nxy\r\n0\r\n\r\n",
    "length in the trailers": chunked(b"x", trailers=b"content-length: 1\r\n"),
}  # fmt: skip


@pytest.mark.parametrize("name", MALFORMED)
def test_what_could_be_read_in_two_ways_is_refused_however_it_is_split(name: str) -> None:
    answer = MALFORMED[name]

    whole = failure(answer)
    by_byte = failure(*(answer[i : i + 1] for i in range(len(answer))))

    assert whole.startswith("malformed answer: ")
    assert by_byte.startswith("malformed answer: ")


def test_what_came_before_a_malformed_chunk_is_delivered() -> None:
    events, _ = read(chunked(b"good")[:-5] + b"zz\r\n")

    assert [type(event) for event in events] == [UpstreamHead, UpstreamChunk, UpstreamFailed]


BODIES = {
    "sized": sized(TEXT, b"content-type: text/plain; charset=utf-8"),
    "chunked": chunked(b"a", TEXT, b"\r\n\r\n", b"0\r\n\r\n", trailers=b"x-after: y\r\n"),
    "after hints": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n" + chunked(TEXT),
    "gzip": sized(gzip.compress(TEXT * 40), b"content-encoding: gzip"),
    "gzip in chunks": chunked(gzip.compress(TEXT * 40), lines=b"content-encoding: gzip\r\n"),
    "two gzip members": sized(gzip.compress(TEXT) + gzip.compress(TEXT), b"content-encoding: x-gzip"),
    "deflate": sized(zlib.compress(TEXT * 40), b"content-encoding: Deflate"),
    "until close": OK + b"content-type: text/plain\r\n\r\n" + TEXT,
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "extra bytes": sized(b"x") + sized(b"forged"),
}


@pytest.mark.parametrize("name", BODIES)
def test_one_byte_at_a_time_gives_the_same_events(name: str) -> None:
    answer = BODIES[name]

    whole, _ = read(answer, eof=True)
    by_byte, _ = read(*(answer[i : i + 1] for i in range(len(answer))), eof=True)

    assert joined(by_byte) == joined(whole)
    assert isinstance(whole[-1], UpstreamEnded)


@given(name=st.sampled_from(sorted(BODIES | MALFORMED)), cuts=st.lists(st.integers(0, 400), max_size=12))
def test_any_split_gives_the_same_events(name: str, cuts: list[int]) -> None:
    answer = (BODIES | MALFORMED)[name]
    edges = [0, *sorted(cut for cut in cuts if cut < len(answer)), len(answer)]
    pieces = [answer[a:b] for a, b in pairwise(edges) if a < b]

    whole, _ = read(answer, eof=True)
    split, _ = read(*pieces, eof=True)

    assert [type(event) for event in joined(split)] == [type(event) for event in joined(whole)]
    if isinstance(whole[-1], UpstreamEnded):
        assert joined(split) == joined(whole)


@given(chunks=st.lists(st.binary(min_size=1, max_size=50), max_size=8), cut=st.integers(1, 30))
def test_a_chunked_body_is_the_sum_of_its_chunks(chunks: list[bytes], cut: int) -> None:
    answer = chunked(*chunks)

    events, reader = read(*(answer[i : i + cut] for i in range(0, len(answer), cut)))

    assert b"".join(event.data for event in events if isinstance(event, UpstreamChunk)) == b"".join(chunks)
    assert events[-1] == UpstreamEnded(7)
    assert reader.reusable


@pytest.mark.parametrize(
    ("received", "clean", "message"),
    [
        (b"", True, "the connection was closed before it answered"),
        (b"", False, "the connection broke before it answered"),
        (b"HTTP/1.1 200", True, "the connection was closed before the answer was complete"),
        (sized(b"ab")[:-1], True, "the connection was closed before the answer was complete"),
        (chunked(b"ab")[:-2], True, "the connection was closed before the answer was complete"),
        (OK + b"\r\nab", False, "the connection broke before the answer was complete"),
        (
            OK + b"content-encoding: gzip\r\n\r\n" + gzip.compress(b"ab", mtime=0)[:-4],
            True,
            "the connection was closed before the answer was complete",
        ),
    ],
)
def test_an_answer_that_ends_too_early_is_cut_off(received: bytes, clean: bool, message: str) -> None:
    events, reader = read(*([received] if received else []), eof=clean)

    assert events[-1] == UpstreamFailed(7, "cut_off", message)
    assert not reader.reusable


def test_a_decoded_head_no_longer_describes_the_coded_body() -> None:
    events, _ = read(sized(gzip.compress(b"x"), b"content-encoding: gzip", b"etag: 1"))

    assert events[0] == UpstreamHead(7, 200, ((b"etag", b"1"),))


def test_codings_that_cannot_be_decoded_are_refused() -> None:
    assert "'br' was not asked for" in failure(sized(b"x", b"content-encoding: br"))
    assert "'gzip, gzip' was not asked for" in failure(sized(b"x", b"content-encoding: gzip, gzip"))
    assert "more than one" in failure(sized(b"x", b"content-encoding: gzip", b"content-encoding: gzip"))
    assert "not gzip" in failure(sized(b"plain text", b"content-encoding: gzip"))
    assert "not gzip" in failure(sized(gzip.compress(b"x") + b"garbage", b"content-encoding: gzip"))
    assert "not deflate" in failure(sized(zlib.compress(b"x") + b"garbage", b"content-encoding: deflate"))
    assert "ends early" in failure(sized(gzip.compress(TEXT)[:-4], b"content-encoding: gzip"))


def test_an_empty_body_may_be_called_gzip() -> None:
    events, reader = read(sized(b"", b"content-encoding: gzip"))

    assert isinstance(events[-1], UpstreamEnded)
    assert reader.reusable


def test_a_head_over_the_limit_is_refused_before_it_ends() -> None:
    limits = Limits(max_head_bytes=1000)

    assert "1000 bytes" in failure(OK, b"a: " + b"x" * 1000, limits=limits)
    assert "1000 bytes" in failure(sized(b"", b"a: " + b"x" * 1000), limits=limits)
    assert "1000 bytes" in failure(*[b"HTTP/1.1 100 Continue\r\n\r\n"] * 50, limits=limits)


def test_too_many_headers_are_refused() -> None:
    lines = [b"a: b"] * 10

    assert "more than 10 headers" in failure(sized(b"", *lines), limits=Limits(max_headers=10))
    events, _ = read(sized(b"", *lines), limits=Limits(max_headers=11))
    assert isinstance(events[-1], UpstreamEnded)


def test_a_body_over_the_limit_is_refused() -> None:
    limits = Limits(max_body_bytes=100)

    assert "100 bytes" in failure(sized(b"x" * 101), limits=limits)
    assert "100 bytes" in failure(chunked(b"x" * 60, b"x" * 60), limits=limits)
    assert "100 bytes" in failure(OK + b"\r\n" + b"x" * 101, limits=limits)
    events, _ = read(sized(b"x" * 100), limits=limits)
    assert isinstance(events[-1], UpstreamEnded)


def test_a_decompression_bomb_stops_at_the_limit() -> None:
    limits = Limits(max_body_bytes=3 * 1024 * 1024)
    bomb = zlib.compress(bytes(64 * 1024 * 1024), 9)

    events, _ = read(sized(bomb, b"content-encoding: deflate"), limits=limits)

    assert "3145728 bytes, decoded" in failure(sized(bomb, b"content-encoding: deflate"), limits=limits)
    assert sum(len(event.data) for event in events if isinstance(event, UpstreamChunk)) <= limits.max_body_bytes


def test_trailers_and_chunk_extensions_cannot_go_on_for_ever() -> None:
    limits = Limits(max_head_bytes=1000)
    head = OK + b"transfer-encoding: chunked\r\n\r\n"

    assert "endless" in failure(head, b"1\r\nx\r\n0\r\na: ", *[b"x" * 100] * 20, limits=limits)
    assert "endless" in failure(head, b"1;", *[b"x" * 100] * 20, limits=limits)
