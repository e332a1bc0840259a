"""A client's connection: HTTP/1.1 for uvicorn's server, with the limits and the manners that its own leaves to others.

Rules of this file. A head may be so long and take so long; a new connection that sends nothing is closed. What is no HTTP
gets an error in the dialect's shape, but never inside an answer that is under way. A client that takes nothing of what is
sent to it is dropped, and so is what an answer left unsent. A wish to upgrade is not granted and does no harm: Java's own
client, for one, wishes for HTTP/2 with the first request on every connection. Requests that come before the one ahead is
answered wait, and no more is read meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import unquote

import httptools
import msgspec
import uvicorn
from uvicorn.server import ServerState

from entrepot.dialects.base import Answer
from entrepot.errors import BodyTimeout, EntrepotError, HeadTooLarge, InvalidRequest
from entrepot.server.http import Application, Scope
from entrepot.server.idle import Idle
from entrepot.server.incoming import Incoming, status_line
from entrepot.server.listening_tls import names_in

READ_AHEAD_BYTES = 64 * 1024
"""So much of a body is read before somebody asks for it."""
CERTIFICATE = "entrepot.certificate"
"""Where an ASGI scope has the names in the client's certificate, if it showed one that is trusted."""
_ASGI = {"version": "3.0", "spec_version": "2.3"}
_Address = tuple[str, int] | None


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Seconds for a head to arrive and for a client to take what is sent, bytes of a head (give or take one read)."""

    head_timeout_s: float = 30.0
    stalled_s: float = 120.0
    max_head_bytes: int = 64 * 1024


class ClientConnection(asyncio.Protocol):
    """One connection; uvicorn makes it. The parser calls `on_…`, a request the methods of `incoming.Wire`."""

    def __init__(
        self,
        *,
        limits: ConnectionLimits,
        render_error: Callable[[EntrepotError], Answer],
        idle: Idle,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._loop = _loop or asyncio.get_running_loop()
        self._limits = limits
        self._render_error = render_error
        self._idle = idle
        self._application = cast("Application", config.loaded_app)
        self._state = server_state
        self._lifespan_state = app_state
        self._transport: asyncio.Transport = cast("asyncio.Transport", None)
        self._parser = httptools.HttpRequestParser(self)
        self._parser.set_dangerous_leniencies(
            lenient_data_after_close=True
        )  # what follows an answer's close is ignored
        self._reading: Incoming | None = None
        self._answering: Incoming | None = None
        self._waiting: list[tuple[Incoming, Scope]] = []
        self._ends: tuple[str, _Address, _Address] = ("http", None, None)
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None
        self._read_paused = False
        self._room: asyncio.Future[None] | None = None
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False
        self._names: tuple[str, ...] = ()
        self._is_leaving = False

    # ---- the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)
        client, server = (_address(transport.get_extra_info(name)) for name in ("peername", "sockname"))
        secured = transport.get_extra_info("ssl_object")
        if secured is not None:
            self._names = names_in(secured.getpeercert())
        self._ends = ("http" if transport.get_extra_info("sslcontext") is None else "https", client, server)
        self._state.connections.add(self)  # type: ignore[arg-type]  # uvicorn names its own two kinds; it calls `shutdown` alone
        self._head_timer = self._loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Called by the event loop."""
        self._state.connections.discard(self)
        self._idle.end(self)
        self._stop_head_timer()
        self._stop_stalled_timer()
        if self._room is not None and not self._room.done():
            self._room.set_result(None)
        self._waiting.clear()
        for incoming in (self._answering, self._reading):
            if incoming is not None and not incoming.disconnected:
                incoming.lose()
        self._answering = self._reading = None
        del self._parser  # it refers back to this connection

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._idle.end(self)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(InvalidRequest("what came is not an HTTP/1.1 request", code="invalid_http"))
            return
        if self._in_head:
            self._watch_head(len(data))
        elif self._head_timer is not None:
            self._stop_head_timer()

    def pause_writing(self) -> None:
        """Called by the transport: the client does not take what is sent."""
        if self._room is None:
            self._room = self._loop.create_future()
        self._watch_stalling()

    def resume_writing(self) -> None:
        """Called by the transport."""
        room, self._room = self._room, None
        if room is not None and not room.done():
            room.set_result(None)
        self._stop_stalled_timer()

    # ---- the parser

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._in_head = True
        self._head_bytes = 0
        self._url = b""
        self._headers = []
        self._expects_continue = False

    def on_url(self, url: bytes) -> None:
        """Called by the parser."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        elif name == b"transfer-encoding" and value.strip().lower() != b"chunked":
            raise InvalidRequest("a transfer coding other than chunked")  # whose body nobody here would decode
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        self._in_head = False
        parser = self._parser
        method, version = parser.get_method().decode("ascii"), parser.get_http_version()
        incoming = Incoming(
            self,
            keep_alive=version != "1.0" and not self._is_leaving and parser.should_keep_alive(),
            is_head=method == "HEAD",
            is_old=version == "1.0",
            expects_continue=self._expects_continue,
        )
        scope = self._scope(method, version)
        self._reading = incoming
        if self._answering is None:
            self._start(incoming, scope)
        else:
            self._waiting.append((incoming, scope))
            self._pause_reading()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        incoming = self._reading
        if incoming is not None and not incoming.response_complete and incoming.feed(body) > READ_AHEAD_BYTES:
            self._pause_reading()

    def on_message_complete(self) -> None:
        """Called by the parser, which takes the end of a head that wishes for an upgrade for the end of the message."""
        if not self._parser.should_upgrade():
            self.end_body()

    def end_body(self) -> None:
        """The body of the request that is being read is complete."""
        if self._reading is not None and not self._reading.response_complete:
            self._reading.end()
        elif self._answering is None:
            self._idle.begin(self)

    # ---- a request

    def write(self, data: bytes) -> None:
        """See Wire."""
        self._transport.write(data)

    def room(self) -> Awaitable[None] | None:
        """See Wire."""
        return self._room

    def read_on(self) -> None:
        """See Wire. Where another request has come already, it has to be answered first."""
        if self._read_paused and not self._waiting:
            self._read_paused = False
            self._transport.resume_reading()

    def close(self) -> None:
        """See Wire."""
        self._transport.close()

    @property
    def closing(self) -> bool:
        """See Wire."""
        return self._transport.is_closing()

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """See Wire."""
        return self._state.default_headers

    def answered(self, incoming: Incoming) -> None:
        """See Wire."""
        self._state.total_requests += 1
        self._answering = None
        if self._transport.is_closing():
            if self._transport.get_write_buffer_size():
                self._watch_stalling()
            return
        if self._waiting:
            self._start(*self._waiting.pop(0))
        elif self._reading is incoming:
            self._idle.begin(self)
        self.read_on()

    # ---- the server

    def shutdown(self) -> None:
        """Called by uvicorn at a stop: what is under way is answered first."""
        if self._answering is None:
            self._transport.close()
        else:
            self._answering.keep_alive = False

    def leave(self) -> None:
        """Another process takes over: what is asked here is answered still, and the client is told to ask anew elsewhere.

        An answer whose head has left without saying so does not end the connection: its client may ask again meanwhile.
        """
        self._is_leaving = True
        latest = self._waiting[-1][0] if self._waiting else self._answering
        if latest is not None and not latest.head_sent:
            latest.keep_alive = False

    def idle_too_long(self) -> None:
        """No further request came. A close would wait for a client that has not even taken the last answer."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        elif not self._transport.is_closing():
            self._transport.close()

    def _scope(self, method: str, version: str) -> Scope:
        target = httptools.parse_url(self._url)
        path = target.path.decode("ascii")
        scheme, client, server = self._ends
        return {
            "type": "http",
            "asgi": _ASGI,
            "http_version": version,
            "method": method,
            "scheme": scheme,
            "path": unquote(path) if "%" in path else path,
            "raw_path": target.path,
            "query_string": target.query or b"",
            "root_path": "",
            "headers": self._headers,
            "client": client,
            "server": server,
            "state": self._lifespan_state,
            CERTIFICATE: self._names,
        }

    def _start(self, incoming: Incoming, scope: Scope) -> None:
        self._answering = incoming
        tasks = self._state.tasks
        task = self._loop.create_task(incoming.run(self._application, scope))
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    def _pause_reading(self) -> None:
        if not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def _watch_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._limits.max_head_bytes:
            self._stop_head_timer()
            self._refuse(HeadTooLarge(f"the request's head is longer than {self._limits.max_head_bytes} bytes"))
        elif self._head_timer is None:
            self._head_timer = self._loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(BodyTimeout(f"the request's head did not arrive within {self._limits.head_timeout_s:g} s"))
        else:
            self._transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_stalling(self) -> None:
        self._stop_stalled_timer()
        self._stalled_timer = self._loop.call_later(self._limits.stalled_s, self._transport.abort)

    def _stop_stalled_timer(self) -> None:
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def _refuse(self, error: EntrepotError) -> None:
        """Answer what cannot become a request, and close."""
        answering = self._answering
        if answering is not None and not answering.more_body:
            # A good request is being answered; what came behind it must not land inside its answer.
            (self._waiting[-1][0] if self._waiting else answering).keep_alive = False
            return
        if answering is not None and answering.head_sent:
            self._transport.close()
            return
        answer = self._render_error(error)
        length = (b"content-length", str(len(answer.body)).encode())
        headers = (*self._state.default_headers, *answer.headers, length, (b"connection", b"close"))
        lines = b"".join(b"%b: %b\r\n" % pair for pair in headers)
        self._transport.write(b"".join((status_line(answer.status), lines, b"\r\n", answer.body)))
        self._transport.close()

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """The head is read and its request begun; the parser wants no more. Another one reads the body, the last thing here."""
        framing = [
            b"%b: %b\r\n" % (name, value)
            for name, value in self._headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        if self._reading is not None:
            self._reading.keep_alive = False
        self._parser = httptools.HttpRequestParser(_BodyReader(self))
        self._parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n"]) + rest)


def _address(found: object) -> _Address:
    """The other end's address; none of a Unix socket."""
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) and len(found) >= 2 else None


class _BodyReader:
    """Hears of a body only."""

    def __init__(self, connection: ClientConnection) -> None:
        self.on_body = connection.on_body
        self.on_message_complete = connection.end_body
