"""A small HTTP/1.1 server whose every byte can be controlled.

Rules of this file: one task serves a connection's requests in order; the task is cancelled the moment the connection is
lost. It is not built on an ASGI server because those repair or refuse exactly the faults that a stand-in must show: a body
shorter than its content-length, half a chunk, a connection reset. It is for loopback only.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import cast

import httptools
import msgspec

Headers = Mapping[str, str]


class HttpRequest(msgspec.Struct, frozen=True):
    """One request; header names are in lower case, `query` is what stands after the path's question mark."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    query: str = ""


class Connection(asyncio.Protocol):
    """One client's connection. `sent_bytes` counts what left this process for good, over all its requests."""

    def __init__(self, serve: Serve, connections: set[Connection]) -> None:
        self._serve = serve
        self._connections = connections
        self._parser = httptools.HttpRequestParser(self)
        self._requests: asyncio.Queue[HttpRequest] = asyncio.Queue()
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._task: asyncio.Task[None] | None = None
        self._written = 0
        self.sent_bytes = 0
        self.gone = asyncio.Event()

    # What the event loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve."""
        self._transport = cast("asyncio.Transport", transport)
        self._connections.add(self)
        self._task = asyncio.get_running_loop().create_task(self._run())

    def data_received(self, data: bytes) -> None:
        """Take bytes of requests; what is not HTTP is answered and closed."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why it was lost does not matter
        """Stop serving at once."""
        self._connections.discard(self)
        self._writable.set()
        self.gone.set()
        if self._task is not None:
            self._task.cancel()

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self._writable.set()

    # What the parser says.

    def on_message_begin(self) -> None:
        """A request begins."""
        self._url = b""
        self._headers: dict[str, str] = {}
        self._body: list[bytes] = []

    def on_url(self, url: bytes) -> None:
        """Part of the target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header."""
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """A client that asks before it sends a large body is told to go on."""
        if self._headers.get("expect", "").lower() == "100-continue":
            self.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """Part of the body."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """A request is whole."""
        method = self._parser.get_method().decode("latin-1")
        path, _, query = self._url.decode("latin-1").partition("?")
        self._requests.put_nowait(HttpRequest(method, path, self._headers, b"".join(self._body), query))

    async def _run(self) -> None:
        try:
            while True:
                request = await self._requests.get()
                await self._serve(request, self)
                if request.headers.get("connection", "").lower() == "close":
                    self.close()
        except asyncio.CancelledError:
            if not self.gone.is_set():
                raise
        except Exception:
            self.reset()  # a defect of the simulator: nobody must wait for an answer that will not come
            raise

    # What an answer is made of.

    def write(self, data: bytes) -> None:
        """Write raw bytes."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(data)
        self._written += len(data)
        self.sent_bytes = self._written - transport.get_write_buffer_size()

    async def drained(self) -> None:
        """Wait until the client has read enough that more may be written, and let other tasks run."""
        await asyncio.sleep(0)
        await self._writable.wait()

    def write_head(self, status: int, headers: Headers) -> None:
        """Write a status line and headers."""
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = "Unknown"
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        self.write(f"HTTP/1.1 {status} {reason}\r\n{lines}\r\n".encode("latin-1"))

    def write_chunk(self, data: bytes) -> None:
        """Write one chunk of a chunked body; empty data writes the last one."""
        self.write(b"%x\r\n%b\r\n" % (len(data), data))

    def write_whole(self, status: int, headers: Headers, body: bytes) -> None:
        """Write a whole answer with its length."""
        self.write_head(status, {**headers, "content-length": str(len(body))})
        self.write(body)

    def close(self) -> None:
        """Close in order, after what was written."""
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        """Reset the connection (TCP RST): what was not yet read is lost to the client."""
        transport = self._transport
        if transport is None:
            return
        raw: socket.socket | None = transport.get_extra_info("socket")
        if raw is not None and not transport.is_closing():
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


Serve = Callable[[HttpRequest, Connection], Awaitable[None]]


async def start_server(serve: Serve, host: str, port: int, connections: set[Connection]) -> asyncio.Server:
    """Listen on `host`:`port` (0: a free port). Open connections are kept in `connections`."""
    loop = asyncio.get_running_loop()
    return await loop.create_server(lambda: Connection(serve, connections), host, port)


def port_of(server: asyncio.Server) -> int:
    """The port that a server listens on."""
    return int(server.sockets[0].getsockname()[1])
