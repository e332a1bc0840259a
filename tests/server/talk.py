"""A connection of a client to an ASGI application, over a pair of Unix sockets: no port, no process."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator

from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.server.connection import ConnectionLimits
from entrepot.server.http import Application
from entrepot.server.serving import build_server


class Talk:
    """The client's end; `closed` is what the server's end says about itself."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, transport: asyncio.Transport
    ) -> None:
        self.reader = reader
        self.writer = writer
        self.transport = transport

    def say(self, data: bytes) -> None:
        self.writer.write(data)

    async def rest(self) -> bytes:
        """All that comes until the server closes."""
        with contextlib.suppress(ConnectionError):
            return await asyncio.wait_for(self.reader.read(), 10)
        return b""

    async def until(self, mark: bytes) -> bytes:
        return await asyncio.wait_for(self.reader.readuntil(mark), 10)

    async def dropped(self) -> None:
        """Returns once the server has closed its end."""
        while not self.transport.is_closing():
            await asyncio.sleep(0.005)


@contextlib.asynccontextmanager
async def talk(application: Application, limits: ConnectionLimits | None = None) -> AsyncIterator[Talk]:
    """A connection that was just opened."""
    loop = asyncio.get_running_loop()
    server = build_server(
        application, limits=limits or ConnectionLimits(), grace_s=1, render_error=OpenAIChat.render_error
    )
    server.config.load()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    state = server.server_state
    transport, _ = await loop.connect_accepted_socket(
        lambda: server.config.http_protocol_class(config=server.config, server_state=state, app_state={}),  # type: ignore[call-arg]  # as uvicorn does
        theirs,
    )
    reader, writer = await asyncio.open_connection(sock=ours)
    try:
        yield Talk(reader, writer, transport)
    finally:
        writer.close()
        transport.abort()
        while state.connections or state.tasks:
            await asyncio.sleep(0)
