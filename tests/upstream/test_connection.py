from __future__ import annotations

import asyncio
import os

import pytest

from entrepot.exchange.events import UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from tests.upstream.scripted import (
    CHUNKED,
    HELLO,
    Heard,
    Peer,
    always_hello,
    call,
    fetch,
    open_client,
    serve,
    until,
)

pytestmark = pytest.mark.sockets

FORGED = HELLO.replace(b"hello", b"forge")


async def test_a_body_longer_than_a_socket_buffer_arrives_whole() -> None:
    body = os.urandom(1024) * 4096
    received = []

    async def script(peer: Peer) -> None:
        received.append((await peer.read_request())[1])
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)

    async with serve(script) as server, open_client() as client:
        heard = await fetch(client, server.url(), body)

    assert received == [body]
    assert heard.body == body


@pytest.mark.parametrize("reset", [True, False])
async def test_a_stale_connection_is_replaced_once(reset: bool) -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.answer(HELLO)
            await peer.read_request()
            if not reset:
                peer.writer.close()
            return
        await always_hello(peer)

    async with serve(script) as server, open_client() as client:
        await fetch(client, server.url())
        again = await fetch(client, server.url(), attempt=2)

        assert again.events == [
            UpstreamHead(2, 200, ((b"content-length", b"5"),)),
            UpstreamChunk(2, b"hello"),
            UpstreamEnded(2),
        ]
        assert server.accepted == 2


async def test_the_second_connection_is_not_replaced() -> None:
    async def script(peer: Peer) -> None:
        if peer.number == 0:
            await peer.answer(HELLO)
        await peer.read_request()

    async with serve(script) as server, open_client() as client:
        await fetch(client, server.url())
        heard = await fetch(client, server.url(), attempt=2)

        assert [type(event) for event in heard.events] == [UpstreamFailed]
        assert heard.failure.kind == "cut_off"
        assert server.accepted == 2


async def test_a_fresh_connection_is_not_replaced() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_request()

    async with serve(script) as server, open_client() as client:
        heard = await fetch(client, server.url())

        assert heard.failure.kind == "cut_off"
        assert server.accepted == 1


@pytest.mark.parametrize("piece", [b"H", b"HTTP/1.1 100 Continue\r\n\r\n", HELLO[:-1]])
async def test_a_request_is_not_sent_again_after_one_byte_of_an_answer(piece: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(HELLO)
        await peer.answer(piece)
        peer.writer.close()
        await peer.writer.wait_closed()

    async with serve(script) as server, open_client() as client:
        await fetch(client, server.url())
        heard = await fetch(client, server.url())

        assert heard.failure.kind == "cut_off"
        assert server.accepted == 1


@pytest.mark.parametrize(
    "answer",
    [
        HELLO + FORGED,
        HELLO + b"\r\n",
        HELLO + b"x",
        CHUNKED + b"0\r\n\r\n" + FORGED,
        CHUNKED + b"0\r\n\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\nforge",
        b"HTTP/1.1 304 Not Modified\r\n\r\n" + FORGED,
    ],
)
async def test_bytes_after_an_answer_never_become_the_next_one(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(answer if peer.number == 0 else HELLO)
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        first = await fetch(client, server.url())
        second = await fetch(client, server.url())

        assert isinstance(first.events[-1], UpstreamEnded)
        assert second.body == b"hello"
        assert server.accepted == 2


async def test_bytes_on_an_idle_connection_close_it() -> None:
    send = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(HELLO)
        await send.wait()
        await peer.send(FORGED)
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        await fetch(client, server.url())
        send.set()
        await server.finish()
        await until(lambda: client.open_count == 0)

        assert client.idle_count == 0


@pytest.mark.parametrize(
    "answer",
    [
        CHUNKED[:-2] + b"content-length: 5\r\n\r\n0\r\n\r\n" + FORGED,
        HELLO.replace(b"\r\n\r\n", b"\r\ncontent-length: 6\r\n\r\n"),
        CHUNKED.replace(b"chunked", b"gzip, chunked") + b"0\r\n\r\n",
        CHUNKED + b"0x5\r\nhello\r\n0\r\n\r\n",
        HELLO.replace(b"\r\n\r\n", b"\r\nx: a\r\n folded\r\n\r\n"),
        HELLO.replace(b"\r\n\r\n", b"\r\nx: a\rb\r\n\r\n"),
        HELLO.replace(b"\r\n\r\n", b"\r\nx: a\0b\r\n\r\n"),
        b"<html>",
    ],
)
async def test_a_malformed_answer_fails_and_closes_the_connection(answer: bytes) -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(answer)
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        heard = await fetch(client, server.url())

        assert heard.failure.kind == "protocol"
        assert client.idle_count == 0
        await server.finish()


async def test_an_answer_before_the_whole_request_was_read_is_taken_and_the_connection_is_not_kept() -> None:
    async def script(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        client.start(call(server.url(), bytes(64 * 1024 * 1024)), heard)
        await heard.wait()

        assert heard.head.status == 413
        assert isinstance(heard.events[-1], UpstreamEnded)
        assert client.idle_count == 0


async def test_cancelling_closes_the_connection_at_once_and_no_event_follows() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(CHUNKED, b"5\r\nhello\r\n")
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        running = client.start(call(server.url()), heard)
        await heard.wait(lambda: heard.body == b"hello")

        running.cancel()

        await server.finish()
        assert [type(event) for event in heard.events] == [UpstreamHead, UpstreamChunk]
        running.cancel()
        running.pause()
        running.resume()


async def test_a_sink_may_cancel_in_the_middle_of_what_has_arrived() -> None:
    async with serve(always_hello) as server, open_client() as client:
        events = []

        def sink(event: object) -> None:
            events.append(event)
            running.cancel()

        running = client.start(call(server.url()), sink)
        await until(lambda: bool(events))

        assert [type(event) for event in events] == [UpstreamHead]
        # the answer had been complete, so its connection is as good as before
        assert (await fetch(client, server.url())).body == b"hello"
        assert server.accepted == 1


async def test_a_paused_call_makes_the_provider_wait() -> None:
    sent = 0
    piece = bytes(256 * 1024)
    total = 400 * len(piece)
    blocked = asyncio.Event()

    async def script(peer: Peer) -> None:
        nonlocal sent
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % total)
        while sent < total:
            peer.writer.write(piece)
            sent += len(piece)
            drained = asyncio.ensure_future(peer.writer.drain())
            done, _ = await asyncio.wait([drained], timeout=0.5)
            if not done:
                blocked.set()
            await drained
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        running = client.start(call(server.url()), heard)
        await heard.wait(lambda: bool(heard.events))
        running.pause()
        await blocked.wait()
        received = len(heard.body)
        assert received < total

        await asyncio.sleep(0.05)
        assert len(heard.body) == received

        running.resume()
        await heard.wait()
        assert len(heard.body) == total
        assert client.idle_count == 1


async def test_a_call_paused_before_it_is_connected_reads_nothing() -> None:
    answered = asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.answer(HELLO)
        answered.set()
        await always_hello(peer)

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        running = client.start(call(server.url()), heard)
        running.pause()
        await answered.wait()
        await asyncio.sleep(0.05)
        assert heard.events == []

        running.resume()
        await heard.wait()
        # the connection reads again, for whoever is next
        assert (await fetch(client, server.url())).body == b"hello"
        assert server.accepted == 1
