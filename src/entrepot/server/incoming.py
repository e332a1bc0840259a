"""One request on a client's connection, and its answer: as ASGI has it, and straighter for the exchanges of the gateway.

Rules of this file: what is sent with a head leaves with it in one write. A head may name its length; otherwise the body is
chunked, or ends with the connection where the client speaks HTTP/1.0. Nothing is raised because a client has gone: what is
sent to it then is dropped, and whoever asked to be told is told. Nothing here refers to the scope, which refers to it.
"""

from __future__ import annotations

import asyncio
import http
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Protocol

from entrepot.errors import Defect
from entrepot.exchange.commands import SendHead
from entrepot.server.http import EXTENSION, Application, Message, Scope

JOINED_BYTES = 64 * 1024
"""What is written with a head, or as one chunk, in a single piece; longer bytes are not copied for it."""

log = logging.getLogger("entrepot.server")

_Headers = Sequence[tuple[bytes, bytes]]
_WITHOUT_BODY = (204, 304)
_UNEXPECTED = SendHead(500, ((b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")))


class Wire(Protocol):
    """The connection, as far as a request needs it."""

    def write(self, data: bytes) -> None:
        """Send bytes; they wait in memory while the client does not take them."""

    def room(self) -> Awaitable[None] | None:
        """What to wait for before more is written; None if there is room."""

    def read_on(self) -> None:
        """The body so far was taken: more of it may come."""

    def close(self) -> None:
        """Close, once what was written is sent."""

    def answered(self, incoming: Incoming) -> None:
        """The last byte of an answer was written."""

    @property
    def closing(self) -> bool:
        """Whether it is being closed."""

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """What every answer says."""


class Incoming:
    """A request whose head is complete. Its body comes by `feed` and ends with `end`."""

    __slots__ = (
        "_continues",
        "_gone",
        "_held",
        "_left",
        "_news",
        "_no_body",
        "_old",
        "_pieces",
        "_waiter",
        "_wire",
        "disconnected",
        "head_sent",
        "keep_alive",
        "more_body",
        "response_complete",
    )

    def __init__(self, wire: Wire, *, keep_alive: bool, is_head: bool, is_old: bool, expects_continue: bool) -> None:
        self._wire = wire
        self._no_body = is_head
        self._old = is_old
        self._continues = expects_continue
        self.keep_alive = keep_alive
        self.more_body = True
        self.disconnected = False
        self.head_sent = False
        self.response_complete = False
        self._pieces: list[bytes] = []
        self._news = False
        self._waiter: asyncio.Future[None] | None = None
        self._gone: Callable[[], None] | None = None
        self._held: SendHead | None = None
        self._left: int | None = None

    # ---- what the connection says

    def feed(self, data: bytes) -> int:
        """A piece of the body came; returns how many bytes wait to be taken."""
        self._pieces.append(data)
        self._tell()
        return len(data) if len(self._pieces) == 1 else sum(map(len, self._pieces))

    def end(self) -> None:
        """The body is complete."""
        self.more_body = False
        self._tell()

    def lose(self) -> None:
        """The client has closed its connection."""
        if self.response_complete:
            return
        self.disconnected = True
        self._tell()
        if self._gone is not None:
            self._gone()

    def _tell(self) -> None:
        self._news = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    # ---- what the gateway's own exchanges use

    def whole_body(self) -> bytes | None:
        """The body where all of it is here and nothing of it was taken yet."""
        if self.more_body or self.disconnected:
            return None
        self._news = False
        pieces, self._pieces = self._pieces, []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """See `drive.driver.Client`."""
        self._gone = call
        if call is not None and self.disconnected:
            call()

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """See `drive.driver.Client`."""
        if self.disconnected:
            return None
        wire = self._wire
        framed = data
        if head is not None:
            opening = self._open(head)
            framed = self._frame(data, end)
            if len(framed) <= JOINED_BYTES:
                wire.write(opening + framed)
            else:
                wire.write(opening)
                wire.write(framed)
        elif self.head_sent:
            framed = self._frame(data, end)
            if framed:
                wire.write(framed)
        else:
            raise Defect("a body was to be sent without a head")
        if end:
            self._complete()
            return None
        return wire.room()

    def _open(self, head: SendHead) -> bytes:
        """Decide how the body is framed; the head's bytes."""
        if self.head_sent:
            raise Defect("a second head was to be sent")
        self.head_sent = True
        self._continues = False
        lines = [status_line(head.status), *default_lines(tuple(self._wire.default_headers))]
        length: int | None = None
        closes = False
        for name, value in head.headers:
            if name == b"content-length":
                length = int(value)
            elif name == b"connection" and value == b"close":
                closes = True
            lines.append(b"%b: %b\r\n" % (name, value))
        if head.status in _WITHOUT_BODY:
            self._no_body = True
        self._left = length
        if closes or (length is None and self._old and not self._no_body):
            self.keep_alive = False
        if length is None and not self._no_body and not self._old:
            lines.append(b"transfer-encoding: chunked\r\n")
        if not self.keep_alive and not closes:
            lines.append(b"connection: close\r\n")
        lines.append(b"\r\n")
        rendered = b"".join(lines)
        if not rendered.count(b"\n") == rendered.count(b"\r") == len(lines):
            raise Defect("a header was to be sent that holds a line end")
        return rendered

    def _frame(self, data: bytes, end: bool) -> bytes:
        if self._no_body:
            return b""
        if self._left is not None:
            self._left -= len(data)
            if self._left < 0 or (end and self._left):
                raise Defect("an answer was to be sent that is not as long as its head says")
            return data
        if self._old:
            return data
        if not end:
            return b"%x\r\n%b\r\n" % (len(data), data) if data else b""
        return b"%x\r\n%b\r\n0\r\n\r\n" % (len(data), data) if data else b"0\r\n\r\n"

    def _complete(self) -> None:
        self.response_complete = True
        self._gone = None
        self._tell()
        if not self.keep_alive:
            self._wire.close()
        self._wire.answered(self)

    # ---- ASGI

    async def run(self, application: Application, scope: Scope) -> None:
        """Have the application answer. Whatever it raises is its defect, and costs the client the connection at most."""
        scope["extensions"] = {EXTENSION: self}
        try:
            await application(scope, self.receive, self.send_message)
        except Exception:  # the border of the server: one request's defect must not become another's
            log.exception("the application failed")
        if self.response_complete or self.disconnected:
            return
        if self.head_sent:
            self._wire.close()
        else:
            self.send(_UNEXPECTED, b"Internal Server Error", end=True)

    async def receive(self) -> Message:
        """ASGI: the next of the body; or that the client has gone, or has had its answer."""
        if self._continues and not self._wire.closing:
            self._continues = False
            self._wire.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.disconnected and not self.response_complete:
            self._wire.read_on()
            while not self._news:
                self._waiter = asyncio.get_running_loop().create_future()
                await self._waiter
            self._news = False
        if self.disconnected or self.response_complete:
            return {"type": "http.disconnect"}
        body, self._pieces = b"".join(self._pieces), []
        return {"type": "http.request", "body": body, "more_body": self.more_body}

    async def send_message(self, message: Message) -> None:
        """ASGI: the head is kept until the first of its body comes."""
        if message["type"] == "http.response.start":
            if self._held is not None or self.head_sent:
                raise Defect("a second head was to be sent")
            self._held = SendHead(message["status"], tuple((name.lower(), value) for name, value in message["headers"]))
            return
        head, self._held = self._held, None
        waits = self.send(head, message.get("body", b""), end=not message.get("more_body", False))
        if waits is not None:
            await waits


@lru_cache(maxsize=600)
def status_line(status: int) -> bytes:
    """The first line of an answer."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


@lru_cache(maxsize=64)
def default_lines(headers: tuple[tuple[bytes, bytes], ...]) -> tuple[bytes, ...]:
    """Header lines that every answer has; they change once a second."""
    return tuple(b"%b: %b\r\n" % pair for pair in headers)
