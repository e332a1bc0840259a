"""A process whose place another has taken: what it owes to those who are still connected."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path
from typing import cast

import pytest

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.server.connection import ClientConnection, ConnectionLimits
from entrepot.server.http import Receive, Scope, Send, answer
from entrepot.server.listening import listen_on_path
from entrepot.server.serving import build_server
from tests.server.talk import Talk, talk

GET = b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n"


async def hello(_scope: Scope, _receive: Receive, send: Send) -> None:
    await answer(send, 200, (), b"hello")


def connection_of(client: Talk) -> ClientConnection:
    return cast("ClientConnection", client.transport.get_protocol())


async def test_who_is_connected_is_answered_once_more_and_told_that_it_was_the_last() -> None:
    async with talk(hello) as client:
        client.say(GET)
        assert b"connection: close" not in await client.until(b"hello")
        connection_of(client).leave()
        client.say(GET)
        said = await client.rest()
        assert b"connection: close\r\n" in said
        assert said.endswith(b"hello")


async def test_all_that_was_asked_at_once_is_answered() -> None:
    going = asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await going.wait()
        await hello(scope, receive, send)

    async with talk(slow) as client:
        client.say(GET + GET)
        await asyncio.sleep(0.01)
        connection_of(client).leave()
        connection_of(client).leave()  # again and again, until nobody is connected
        going.set()
        said = await client.rest()
        assert said.count(b"hello") == 2
        assert said.count(b"connection: close") == 1


async def test_an_answer_that_has_begun_ends_without_a_close_that_nobody_was_told_of() -> None:
    going = asyncio.Event()

    async def begun(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun ", "more_body": True})
        await going.wait()
        await send({"type": "http.response.body", "body": b"ended", "more_body": False})

    async with talk(begun) as client:
        client.say(GET)
        await client.until(b"begun ")
        connection_of(client).leave()
        going.set()
        await client.until(b"\r\n0\r\n\r\n")
        assert not client.transport.is_closing()
        client.say(GET)
        assert b"connection: close\r\n" in await client.rest()


@pytest.mark.sockets
async def test_a_server_that_ends_leaves_a_unix_socket_to_the_others_that_listen_on_it(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with listen_on_path(str(path), "[gateway] socket") as listening:
        inherited = socket.socket(fileno=os.dup(listening.fileno()))
        server = build_server(hello, limits=ConnectionLimits(), grace_s=0, render_error=OpenAIChat.render_error)
        server.config.load()
        serving = asyncio.create_task(server.serve(sockets=[inherited]))
        _, writer = await asyncio.open_unix_connection(path)
        writer.close()
        while not server.started:
            await asyncio.sleep(0.005)
        server.stop()
        await asyncio.wait_for(serving, 10)
        _, writer = await asyncio.open_unix_connection(path)  # into the queue of the others
        writer.close()
