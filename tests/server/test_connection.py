"""A client's connection as hostile and as odd clients use it."""

from __future__ import annotations

import asyncio
import json

import pytest

from entrepot.server.connection import ConnectionLimits
from entrepot.server.http import Receive, Scope, Send, answer, read_body
from tests.server.talk import talk

GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"
SHORT = ConnectionLimits(head_timeout_s=0.05, stalled_s=0.05, max_head_bytes=1000)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the path and the body."""
    body = await read_body(receive, dict(scope["headers"]), 10**6, 5)
    await answer(send, 200, (), f"{scope['method']} {scope['path']} ".encode() + body)


def error_of(data: bytes) -> tuple[int, str]:
    """Status and code of an error in the dialect's shape."""
    head, _, body = data.partition(b"\r\n\r\n")
    assert b"content-type: application/json" in head
    assert b"connection: close" in head
    return int(head.split()[1]), json.loads(body)["error"]["code"]


def post(body: bytes, *headers: bytes) -> bytes:
    lines = b"".join(header + b"\r\n" for header in headers)
    return b"POST /chat HTTP/1.1\r\nhost: x\r\n%bcontent-length: %d\r\n\r\n%b" % (lines, len(body), body)


@pytest.mark.parametrize(
    "data",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET /模型 HTTP/1.1\r\nhost: x\r\n\r\n".encode(),
        b"POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\ncontent-length: 9x\r\n\r\n",
        b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_what_is_no_http_gets_the_dialects_error(data: bytes) -> None:
    async with talk(echo) as client:
        client.say(data)
        assert error_of(await client.rest()) == (400, "invalid_http")


async def test_a_head_that_does_not_come_to_its_end_is_not_waited_for() -> None:
    async with talk(echo, SHORT) as client:
        client.say(GET[:-2])
        assert error_of(await client.rest()) == (408, "request_timeout")


async def test_nor_is_the_head_of_a_later_request() -> None:
    async with talk(echo, SHORT) as client:
        client.say(GET)
        assert (await client.until(b"GET /livez ")).startswith(b"HTTP/1.1 200")
        client.say(GET[:10])
        assert error_of(await client.rest()) == (408, "request_timeout")


async def test_a_connection_that_says_nothing_is_closed_without_a_word() -> None:
    async with talk(echo, SHORT) as client:
        assert await client.rest() == b""


async def test_a_body_has_a_time_of_its_own() -> None:
    async with talk(echo, SHORT) as client:
        client.say(post(b"12345")[:-5])
        await asyncio.sleep(0.1)  # twice what a head may take
        client.say(b"12345")
        assert (await client.until(b"12345")).startswith(b"HTTP/1.1 200")


async def test_a_head_without_end_is_refused_before_it_fills_the_memory() -> None:
    async with talk(echo, ConnectionLimits(max_head_bytes=1000)) as client:
        client.say(b"GET / HTTP/1.1\r\nx: " + b"x" * 1000)
        assert error_of(await client.rest()) == (431, "head_too_large")


async def test_what_comes_behind_a_request_does_not_land_inside_its_answer() -> None:
    going = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await going.wait()
        await answer(send, 200, (), b"the answer")

    async with talk(slow) as client:
        client.say(GET + b"nonsense\r\n\r\n")
        await asyncio.sleep(0.01)
        going.set()
        said = await client.rest()
        assert said.startswith(b"HTTP/1.1 200")
        assert said.endswith(b"the answer")


async def test_pipelined_requests_are_answered_in_order() -> None:
    async with talk(echo) as client:
        client.say(post(b"first") + post(b"second"))
        assert b"first" in await client.until(b"first")
        assert b"second" in await client.until(b"second")


@pytest.mark.parametrize("wish", [b"h2c", b"websocket"])
@pytest.mark.parametrize("cut", [None, 60, 130])
async def test_a_wish_to_upgrade_is_not_granted_and_the_body_not_lost(wish: bytes, cut: int | None) -> None:
    request = post(b'{"model": "auto"}', b"connection: Upgrade, HTTP2-Settings", b"upgrade: " + wish)
    async with talk(echo) as client:
        client.say(request[:cut])
        if cut is not None:
            await asyncio.sleep(0.01)
            client.say(request[cut:])
        said = await client.rest()
        assert said.startswith(b"HTTP/1.1 200")
        assert said.endswith(b'POST /chat {"model": "auto"}')


async def test_a_wish_to_upgrade_without_a_body_is_answered_too() -> None:
    async with talk(echo) as client:
        client.say(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n")
        assert (await client.rest()).endswith(b"GET /livez ")


@pytest.mark.parametrize("end", [True, False])
async def test_a_client_that_takes_nothing_is_dropped(end: bool) -> None:
    gone = asyncio.Event()

    async def flood(scope: Scope, receive: Receive, send: Send) -> None:
        await read_body(receive, {}, 10, 5)
        await answer(send, 200, (), b"x" * 10_000_000, end=end)
        if not end:
            await receive()
        gone.set()

    async with talk(flood, SHORT) as client:
        client.reader._transport.pause_reading()  # type: ignore[attr-defined]  # asyncio's streams read ahead otherwise
        client.say(GET)
        await asyncio.wait_for(gone.wait(), 10)
        await asyncio.wait_for(client.dropped(), 10)
