import asyncio

import pytest

from entrepot.simulator.books import Tokens
from entrepot.simulator.delivery import Delivery, Tally
from entrepot.simulator.heard import Heard
from entrepot.simulator.http1 import Connection, HttpRequest, port_of, start_server
from entrepot.simulator.said import Frame, Reply
from entrepot.simulator.wire import Rendering
from entrepot.simulator.wire_openai import OpenAIChatWire

RENDERING = Rendering(OpenAIChatWire(), Heard("m", "", ""), Reply("x", "m", 0, (), Tokens()), 4)
pytestmark = pytest.mark.sockets


async def delivered(frames: list[Frame], stream: bool) -> tuple[bytes, Tally]:
    tally = Tally()

    async def serve(_: HttpRequest, connection: Connection) -> None:
        await Delivery(connection, frames, stream, {"x-request-id": "7"}, 0.001, 0.001, tally, RENDERING).whole()
        connection.close()

    server = await start_server(serve, "127.0.0.1", 0, set())
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(server))
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    answer = await reader.read()
    writer.close()
    server.close()
    return answer, tally


async def test_a_whole_answer_has_its_length() -> None:
    answer, tally = await delivered([Frame(b"{}", 3)], stream=False)
    assert answer.endswith(b"x-request-id: 7\r\ncontent-length: 2\r\n\r\n{}")
    assert tally == Tally(status=200, delivered_tokens=3, whole=True)


async def test_a_stream_is_chunked_frame_by_frame() -> None:
    answer, tally = await delivered([Frame(b"data: 1\n\n", 1), Frame(b"data: 2\n\n", 2)], stream=True)
    assert answer.endswith(b"\r\n\r\n9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n0\r\n\r\n")
    assert tally.delivered_tokens == 3


def test_a_single_frame_is_halved_without_losing_anything() -> None:
    delivery = Delivery(Connection(no_serve, set()), [Frame(b"abcde", 5)], False, {}, 0.0, 0.0, Tally(), RENDERING)
    halves = delivery.halved().frames
    assert [half.data for half in halves] == [b"ab", b"cde"]
    assert [half.tokens for half in halves] == [2, 3]


async def no_serve(_: HttpRequest, __: Connection) -> None:
    """Serves nothing."""
