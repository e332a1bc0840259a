"""Servers on loopback that send exact bytes, a client to call them, and a sink that remembers what it was given."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import HeaderPairs, WireRequest
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from entrepot.upstream.client import UpstreamClient
from entrepot.upstream.limits import DEFAULT_LIMITS, Limits

Script = Callable[["Peer"], Awaitable[None]]

CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
HELLO = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


class Peer:
    """The server's side of one connection; `number` counts connections from 0."""

    def __init__(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.number = number
        self.reader = reader
        self.writer = writer

    async def read_head(self) -> bytes:
        return await self.reader.readuntil(b"\r\n\r\n")

    async def read_request(self) -> tuple[bytes, bytes]:
        """Head and body of the next request."""
        head = await self.read_head()
        length = 0
        for line in head.lower().split(b"\r\n"):
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return head, await self.reader.readexactly(length)

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self, *pieces: bytes) -> tuple[bytes, bytes]:
        request = await self.read_request()
        await self.send(*pieces)
        return request

    async def wait_until_closed(self) -> None:
        """Until the client has closed, or broken, the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass


class Server:
    """A running scripted server; `heads` are the request heads it has read, `closed` counts finished scripts."""

    def __init__(self, script: Script) -> None:
        self.port = 0
        self.accepted = 0
        self._script = script
        self._tasks: set[asyncio.Task[None]] = set()

    def url(self, path: str = "/v1", host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        peer = Peer(self.accepted, reader, writer)
        self.accepted += 1
        try:
            await self._script(peer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has closed, which many scripts end with
        except asyncio.CancelledError:
            pass  # the server is stopping; asyncio.streams would report a cancelled task as a fault
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def finish(self) -> None:
        """Wait until every script has come to its end."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)


@asynccontextmanager
async def serve(script: Script, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    """Run `script` for every connection, on a free port of loopback."""
    server = Server(script)
    listener = await asyncio.start_server(server.accept, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await server.stop()
        await listener.wait_closed()


async def always_hello(peer: Peer) -> None:
    while True:
        await peer.answer(HELLO)


class Heard:
    """A sink: remembers events, and can be waited for."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._changed = asyncio.Event()

    def __call__(self, event: Event) -> None:
        assert not self.over, f"{event} after the end"
        self.events.append(event)
        self._changed.set()

    @property
    def over(self) -> bool:
        return bool(self.events) and isinstance(self.events[-1], UpstreamEnded | UpstreamFailed)

    @property
    def body(self) -> bytes:
        return b"".join(event.data for event in self.events if isinstance(event, UpstreamChunk))

    @property
    def head(self) -> UpstreamHead:
        head = self.events[0]
        assert isinstance(head, UpstreamHead)
        return head

    @property
    def failure(self) -> UpstreamFailed:
        last = self.events[-1]
        assert isinstance(last, UpstreamFailed)
        return last

    async def wait(self, until: Callable[[], bool] | None = None) -> Heard:
        """Wait for the end, or until a condition holds after an event."""
        while not (until() if until is not None else self.over):
            self._changed.clear()
            await self._changed.wait()
        return self


def call(
    url: str,
    body: bytes = b"{}",
    *,
    attempt: int = 1,
    headers: HeaderPairs = ((b"content-type", b"application/json"),),
    method: str = "POST",
    auth: str = "none",
    secret: str | None = None,
    connect_timeout_s: float = 10.0,
) -> CallUpstream:
    """A command as an exchange gives it."""
    deployment = Deployment(
        id="p/m",
        model="m",
        maker="x",
        maker_country="CN",
        provider="p",
        provider_country="CN",
        region="CN",
        base_url="https://unused.test",
        dialect="openai-chat",
        upstream_name="m",
        auth=auth,
        secret=secret,
    )
    return CallUpstream(attempt, deployment, WireRequest(url, body, headers, method), connect_timeout_s)


@asynccontextmanager
async def open_client(
    limits: Limits = DEFAULT_LIMITS, *, tls: ssl.SSLContext | None = None, **environ: str
) -> AsyncIterator[UpstreamClient]:
    """A client that trusts nobody over TLS unless it is told to."""
    client = UpstreamClient(environ=environ, limits=limits, tls=tls or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    try:
        yield client
    finally:
        await client.close()
    assert client.open_count == 0


async def fetch(client: UpstreamClient, url: str, body: bytes = b"{}", *, attempt: int = 1) -> Heard:
    """One call, to its end."""
    heard = Heard()
    client.start(call(url, body, attempt=attempt), heard)
    return await heard.wait()


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until something holds that nobody announces."""
    while not condition():
        await asyncio.sleep(0.001)


def count_open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())
