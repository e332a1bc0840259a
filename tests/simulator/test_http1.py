import asyncio
from collections.abc import AsyncIterator

import pytest

from entrepot.simulator.http1 import Connection, HttpRequest, port_of, start_server
from tests.simulator.waiting import until

pytestmark = pytest.mark.sockets

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def serve(request: HttpRequest, connection: Connection) -> None:
    if request.path == "/echo":
        connection.write_whole(200, {"x-seen": request.headers.get("x-say", "")}, request.body)
    elif request.path == "/chunks":
        connection.write_head(200, {"transfer-encoding": "chunked"})
        for piece in (b"one", "港".encode(), b""):
            connection.write_chunk(piece)
    elif request.path == "/large":
        for _ in range(400):
            connection.write(b"x" * 65536)
            await connection.drained()
    elif request.path == "/reset":
        connection.reset()
    elif request.path == "/odd":
        connection.write_whole(799, {}, b"")
    else:
        await asyncio.Event().wait()


@pytest.fixture
async def connections() -> set[Connection]:
    return set()


@pytest.fixture
async def streams(connections: set[Connection]) -> AsyncIterator[Streams]:
    server = await start_server(serve, "127.0.0.1", 0, connections)
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    yield reader, writer
    writer.close()
    server.close()
    await until(lambda: not connections)


async def ask(streams: Streams, path: str, body: bytes = b"", headers: str = "") -> None:
    streams[1].write(f"POST {path} HTTP/1.1\r\ncontent-length: {len(body)}\r\n{headers}\r\n".encode() + body)


async def test_requests_on_one_connection_are_answered_in_order(streams: Streams) -> None:
    for word in (b"one", b"two"):
        await ask(streams, "/echo", word, "x-say: hi\r\n")
    answer = await streams[0].readuntil(b"two")
    assert answer.index(b"one") < answer.index(b"two")
    assert answer.count(b"HTTP/1.1 200 OK\r\nx-seen: hi\r\ncontent-length: 3\r\n\r\n") == 2


async def test_a_request_may_come_in_pieces(streams: Streams) -> None:
    for piece in (b"POST /echo HT", b"TP/1.1\r\ncontent-le", b"ngth: 4\r\n\r\nab", b"cd"):
        streams[1].write(piece)
        await asyncio.sleep(0.01)
    assert (await streams[0].readuntil(b"abcd")).startswith(b"HTTP/1.1 200 OK")


async def test_chunks_are_framed(streams: Streams) -> None:
    await ask(streams, "/chunks")
    assert (await streams[0].readuntil(b"0\r\n\r\n")).endswith(b"3\r\none\r\n3\r\n\xe6\xb8\xaf\r\n0\r\n\r\n")


async def test_a_client_that_asks_first_is_told_to_go_on(streams: Streams) -> None:
    streams[1].write(b"POST /echo HTTP/1.1\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    assert await streams[0].readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    streams[1].write(b"ok")
    assert (await streams[0].readuntil(b"ok")).startswith(b"HTTP/1.1 200 OK")


async def test_what_is_not_http_is_a_400_and_closed(streams: Streams) -> None:
    streams[1].write(b"HELLO\r\n\r\n")
    assert (await streams[0].read()).startswith(b"HTTP/1.1 400")


async def test_a_connection_is_closed_when_the_client_says_so(streams: Streams) -> None:
    await ask(streams, "/echo", b"bye", "connection: close\r\n")
    assert (await streams[0].read()).endswith(b"bye")


async def test_an_odd_status_has_a_reason_too(streams: Streams) -> None:
    await ask(streams, "/odd")
    assert await streams[0].readline() == b"HTTP/1.1 799 Unknown\r\n"


async def test_a_reset_is_a_reset(streams: Streams) -> None:
    await ask(streams, "/reset")
    with pytest.raises(ConnectionResetError):
        await streams[0].read()


async def test_a_client_that_leaves_ends_its_task(streams: Streams, connections: set[Connection]) -> None:
    await ask(streams, "/hang")
    await until(lambda: connections)
    (connection,) = connections
    streams[1].close()
    await asyncio.wait_for(connection.gone.wait(), 10)
    assert not connections


async def test_a_client_that_reads_slowly_is_waited_for(streams: Streams, connections: set[Connection]) -> None:
    await ask(streams, "/large")
    await streams[0].readexactly(65536)
    await asyncio.sleep(0.05)
    (connection,) = connections
    assert connection.sent_bytes < 400 * 65536
    await streams[0].readexactly(399 * 65536)
