from __future__ import annotations

import asyncio
import gzip
import logging
import zlib
from functools import partial
from itertools import pairwise
from pathlib import Path

import aiohttp
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from entrepot import __version__
from entrepot.exchange.events import UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from tests.upstream.scripted import (
    CHUNKED,
    HELLO,
    Heard,
    Peer,
    Script,
    call,
    count_open_files,
    fetch,
    open_client,
    serve,
)

pytestmark = pytest.mark.sockets

TEXT = "先落地，再分拣。".encode()


def _has_body(heard: Heard, body: bytes) -> bool:
    return heard.body == body


async def test_a_call_sends_one_request_and_reports_head_chunks_and_end() -> None:
    requests = []

    async def script(peer: Peer) -> None:
        requests.append(await peer.answer(HELLO))

    async with serve(script) as server, open_client(KEY="sk-1") as client:
        heard = Heard()
        client.start(call(server.url("/v1/chat?a=b"), TEXT, attempt=3, auth="bearer", secret="env:KEY"), heard)
        assert heard.events == []
        await heard.wait()

    assert heard.events == [
        UpstreamHead(3, 200, ((b"content-length", b"5"),)),
        UpstreamChunk(3, b"hello"),
        UpstreamEnded(3),
    ]
    assert requests == [
        (
            b"POST /v1/chat?a=b HTTP/1.1\r\n"
            b"host: 127.0.0.1:%d\r\n"
            b"content-type: application/json\r\n"
            b"user-agent: entrepot/%b\r\n"
            b"accept: */*\r\n"
            b"accept-encoding: identity\r\n"
            b"authorization: Bearer sk-1\r\n"
            b"content-length: %d\r\n\r\n" % (server.port, __version__.encode(), len(TEXT)),
            TEXT,
        )
    ]


async def test_headers_of_one_request_alone_leave_what_is_made_ready_for_many_as_it_is() -> None:
    heads = []

    async def script(peer: Peer) -> None:
        for _ in range(3):
            heads.append((await peer.answer(HELLO))[0])

    async with serve(script) as server, open_client() as client:
        for beside in (((b"traceparent", b"00-a"), (b"tracestate", b"b=c")), ((b"traceparent", b"00-d"),), ()):
            heard = Heard()
            client.start(msgspec.structs.replace(call(server.url("/")), beside=beside), heard)
            await heard.wait()
        assert len(client._openings) == 1
    assert [[line for line in head.split(b"\r\n") if line.startswith(b"trace")] for head in heads] == [
        [b"traceparent: 00-a", b"tracestate: b=c"],
        [b"traceparent: 00-d"],
        [],
    ]


async def test_a_header_of_one_request_that_could_end_a_line_fails_the_call() -> None:
    async with open_client() as client:
        heard = Heard()
        told = call("http://127.0.0.1:1/")
        client.start(msgspec.structs.replace(told, beside=((b"tracestate", b"a=1\r\nx: y"),)), heard)
        await heard.wait()
    (failed,) = heard.events
    assert isinstance(failed, UpstreamFailed)
    assert (failed.kind, failed.message) == ("protocol", "the value of header 'tracestate' holds a line end or NUL")


ANSWERS = {
    "sized": b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(TEXT), TEXT),
    "chunked": CHUNKED + b"3\r\nabc\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(TEXT), TEXT),
    "with trailers": CHUNKED + b"%x\r\n%b\r\n0\r\nx-sum: 1\r\n\r\n" % (len(TEXT), TEXT),
    "after hints": b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    "until close": b"HTTP/1.1 200 OK\r\n\r\n" + TEXT,
    "HTTP/1.0": b"HTTP/1.0 503 Busy\r\ncontent-type: text/plain\r\n\r\n" + TEXT,
    "no body": b"HTTP/1.1 204 No Content\r\n\r\n",
    "error": b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 3\r\ncontent-length: 2\r\n\r\n{}",
    "gzip": CHUNKED[:-2]
    + b"content-encoding: gzip\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(gzip.compress(TEXT)), gzip.compress(TEXT)),
}


def in_pieces(answer: bytes, cuts: list[int]) -> Script:
    edges = [0, *sorted({cut for cut in cuts if 0 < cut < len(answer)}), len(answer)]

    async def script(peer: Peer) -> None:
        await peer.answer(*(answer[a:b] for a, b in pairwise(edges)))

    return script


@pytest.mark.parametrize("name", ANSWERS)
async def test_an_answer_sent_byte_by_byte_is_read_as_another_client_reads_it(name: str) -> None:
    answer = ANSWERS[name]

    async with serve(in_pieces(answer, list(range(len(answer))))) as server, open_client() as client:
        heard = await fetch(client, server.url())
        async with aiohttp.ClientSession() as session, session.post(server.url(), data=b"{}") as theirs:
            body = await theirs.read()

    assert isinstance(heard.events[-1], UpstreamEnded)
    assert (heard.head.status, heard.body) == (theirs.status, body)


@given(name=st.sampled_from(sorted(ANSWERS)), cuts=st.lists(st.integers(1, 200), max_size=6))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_split_on_the_wire_gives_the_same_answer(name: str, cuts: list[int]) -> None:
    async def run() -> None:
        whole, split = Heard(), Heard()
        async with (
            serve(in_pieces(ANSWERS[name], [])) as one,
            serve(in_pieces(ANSWERS[name], cuts)) as other,
            open_client() as client,
        ):
            client.start(call(one.url()), whole)
            client.start(call(other.url()), split)
            await whole.wait()
            await split.wait()
        assert (split.head, split.body, split.events[-1]) == (whole.head, whole.body, whole.events[-1])

    asyncio.run(run())


async def test_a_gzip_stream_is_decoded_as_it_arrives() -> None:
    coder = zlib.compressobj(wbits=31)
    go_on = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(CHUNKED[:-2] + b"content-encoding: gzip\r\n\r\n")
        for word in (b"data: 1\n\n", b"data: 2\n\n"):
            piece = coder.compress(word) + coder.flush(zlib.Z_SYNC_FLUSH)
            await peer.send(b"%x\r\n%b\r\n" % (len(piece), piece))
            await go_on.wait()
        piece = coder.flush()
        await peer.send(b"%x\r\n%b\r\n0\r\n\r\n" % (len(piece), piece))

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        client.start(call(server.url()), heard)
        await heard.wait(lambda: heard.body == b"data: 1\n\n")
        go_on.set()
        await heard.wait()

    assert heard.body == b"data: 1\n\ndata: 2\n\n"
    assert heard.head.headers == ((b"transfer-encoding", b"chunked"),)


async def test_two_hundred_calls_leave_no_file_open() -> None:
    async def script(peer: Peer) -> None:
        answers = {
            b"/keep": HELLO,
            b"/close": HELLO.replace(b"OK\r\n", b"OK\r\nconnection: close\r\n"),
            b"/bad": b"nonsense\r\n\r\n",
            b"/slow": CHUNKED + b"1\r\nx\r\n",
        }
        while True:
            head, _ = await peer.read_request()
            await peer.send(answers[head.split(b" ")[1]])

    async with serve(script) as server:
        before = count_open_files()
        async with open_client() as client:
            for number in range(200):
                heard = Heard()
                path = ("/keep", "/close", "/bad", "/slow")[number % 4]
                running = client.start(call(server.url(path)), heard)
                if path == "/slow":
                    await heard.wait(partial(_has_body, heard, b"x"))
                    running.cancel()
                else:
                    await heard.wait()
            assert client.open_count <= 2
        await server.finish()
        assert count_open_files() == before


@pytest.mark.parametrize(
    ("url", "headers", "reason"),
    [
        ("http://me:word@127.0.0.1:9/", (), "user name"),
        ("http://127.0.0.1:9/\r\nx: y", (), "control"),
        ("http://127.0.0.1:9/", ((b"x", b"a\r\nb: c"),), "line end"),
        ("http://127.0.0.1:9/", ((b"x\n", b"a"),), "malformed"),
        ("http://127.0.0.1:9/", ((b"authorization", b"Bearer of-a-client"),), "alone"),
    ],
)
async def test_a_request_that_cannot_be_sent_fails_after_start_returned(
    url: str, headers: tuple[tuple[bytes, bytes], ...], reason: str
) -> None:
    async with open_client() as client:
        heard, dropped = Heard(), Heard()
        client.start(call(url, headers=headers), heard)
        client.start(call(url, headers=headers), dropped).cancel()
        assert heard.events == []
        await heard.wait()

    assert heard.failure.kind == "protocol"
    assert reason in heard.failure.message
    assert dropped.events == []


async def test_a_missing_secret_is_told_to_the_operator_and_not_to_the_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with open_client() as client:
        heard = Heard()
        with caplog.at_level(logging.ERROR, "entrepot.upstream"):
            client.start(call("http://127.0.0.1:9/", auth="bearer", secret="env:KEY"), heard)
        await heard.wait()

    assert heard.failure.kind == "auth"
    assert "KEY" not in heard.failure.message
    assert caplog.messages == ["deployment p/m cannot be called: secret env:KEY has no value: the variable is not set"]


async def test_a_secret_that_changes_is_used_at_once(tmp_path: Path) -> None:
    file = tmp_path / "key"
    seen: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            head, _ = await peer.answer(HELLO)
            seen.extend(line for line in head.split(b"\r\n") if line.startswith(b"x-api-key"))

    async with serve(script) as server, open_client() as client:
        for key in ("first", "second-key"):
            file.write_text(key)
            heard = Heard()
            client.start(call(server.url(), auth="x-api-key", secret=f"file:{file}"), heard)
            await heard.wait()

    assert seen == [b"x-api-key: first", b"x-api-key: second-key"]


async def test_closing_ends_calls_under_way_and_refuses_new_ones() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(CHUNKED, b"5\r\nhello\r\n")
        await peer.wait_until_closed()

    async def stuck(peer: Peer) -> None:
        await peer.wait_until_closed()

    async with serve(script) as server, serve(stuck) as other, open_client() as client:
        streaming, connecting, late = Heard(), Heard(), Heard()
        client.start(call(server.url()), streaming)
        client.start(call(other.url(scheme="https")), connecting)
        await streaming.wait(lambda: streaming.body == b"hello")

        await client.close()

        client.start(call(server.url()), late)
        await late.wait()
        for heard in (streaming, connecting, late):
            assert (heard.failure.kind, heard.failure.message) == ("cut_off", "the gateway is stopping")
        assert client.open_count == 0
        await server.finish()
        await other.finish()
