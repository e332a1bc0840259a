"""A client's connection: uvicorn's HTTP/1.1, with the limits and the manners that it leaves to others.

Rules of this file. A head may be so long and take so long; a new connection that sends nothing is closed. What is no HTTP
gets an error in the dialect's shape, but never inside an answer that is under way. A client that takes nothing of what is
sent to it is dropped, and so is what an answer left unsent. A wish to upgrade is not granted and does no harm: Java's own
client, for one, wishes for HTTP/2 with the first request on every connection.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import httptools
import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from entrepot.dialects.base import Answer
from entrepot.errors import BodyTimeout, EntrepotError, HeadTooLarge, InvalidRequest


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Seconds for a head to arrive and for a client to take what is sent, bytes of a head (give or take one read)."""

    head_timeout_s: float = 30.0
    stalled_s: float = 120.0
    max_head_bytes: int = 64 * 1024


class ClientConnection(HttpToolsProtocol):
    """One connection; uvicorn makes it and calls it."""

    def __init__(
        self,
        *,
        limits: ConnectionLimits,
        render_error: Callable[[EntrepotError], Answer],
        **given: Any,  # noqa: ANN401 - what uvicorn passes, passed on
    ) -> None:
        super().__init__(**given)
        self._limits = limits
        self._render_error = render_error
        self._in_head = True
        self._head_bytes = 0
        self._head_timer: asyncio.TimerHandle | None = None
        self._stalled_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Called by the event loop."""
        super().connection_made(transport)
        self._head_timer = self.loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        self._stop_head_timer()
        self._stop_stalled_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._go_on_without_upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(InvalidRequest("what came is not an HTTP/1.1 request", code="invalid_http"))
            return
        if self._in_head:
            self._watch_head(len(data))
        elif self._head_timer is not None:
            self._stop_head_timer()

    def on_message_begin(self) -> None:
        """Called by the parser."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Called by the parser."""
        super().on_headers_complete()
        self._in_head = False

    def on_message_complete(self) -> None:
        """Called by the parser, which takes the end of a head that wishes for an upgrade for the end of the message."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Called at the end of an answer."""
        super().on_response_complete()
        if self.transport.is_closing() and self.transport.get_write_buffer_size():
            self._watch_stalling()

    def pause_writing(self) -> None:
        """Called by the transport: the client does not take what is sent."""
        super().pause_writing()
        self._watch_stalling()

    def resume_writing(self) -> None:
        """Called by the transport."""
        super().resume_writing()
        self._stop_stalled_timer()

    def timeout_keep_alive_handler(self) -> None:
        """Called when no further request came: a close would wait for a client that has not even taken the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    def _watch_head(self, count: int) -> None:
        self._head_bytes += count
        if self._head_bytes > self._limits.max_head_bytes:
            self._stop_head_timer()
            self._refuse(HeadTooLarge(f"the request's head is longer than {self._limits.max_head_bytes} bytes"))
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(self._limits.head_timeout_s, self._head_is_late)

    def _head_is_late(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse(BodyTimeout(f"the request's head did not arrive within {self._limits.head_timeout_s:g} s"))
        else:
            self.transport.close()

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _watch_stalling(self) -> None:
        self._stop_stalled_timer()
        self._stalled_timer = self.loop.call_later(self._limits.stalled_s, self.transport.abort)

    def _stop_stalled_timer(self) -> None:
        if self._stalled_timer is not None:
            self._stalled_timer.cancel()
            self._stalled_timer = None

    def _refuse(self, error: EntrepotError) -> None:
        """Answer what cannot become a request, and close."""
        cycle = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            # A good request is being answered; what came behind it must not land inside its answer.
            cycle.keep_alive = False
            return
        if cycle is not None and cycle.response_started and not cycle.response_complete:
            self.transport.close()
            return
        answer = self._render_error(error)
        length = (b"content-length", str(len(answer.body)).encode())
        lines = [
            name + b": " + value + b"\r\n"
            for name, value in (*self.server_state.default_headers, *answer.headers, length, (b"connection", b"close"))
        ]
        self.transport.write(b"".join([STATUS_LINE[answer.status], *lines, b"\r\n", answer.body]))
        self.transport.close()

    def _go_on_without_upgrade(self, rest: bytes) -> None:
        """The head is read and its request begun; the parser wants no more. Another one reads the body, the last thing here."""
        framing = [
            b"%b: %b\r\n" % (name, value)
            for name, value in self.headers
            if name in (b"content-length", b"transfer-encoding")
        ]
        self.cycle.keep_alive = False
        self.parser = httptools.HttpRequestParser(_BodyReader(self))
        self.parser.feed_data(b"".join([b"POST / HTTP/1.1\r\n", *framing, b"\r\n"]) + rest)


class _BodyReader:
    """Hears of a body only."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self.on_body = connection.on_body

    def on_message_complete(self) -> None:
        self._connection.on_message_complete()
