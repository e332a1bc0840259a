"""The little HTTP that endpoints need over raw ASGI: reading a body within limits, answering, noticing a client's going."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Protocol

from entrepot.errors import BodyTimeout, BodyTooLarge, InvalidRequest
from entrepot.exchange.commands import Headers, SendHead

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


EXTENSION = "entrepot"
"""Under this name in a scope's `extensions` our own server leaves the request itself (`incoming.py`)."""


class ClientDisconnected(Exception):
    """The client went away while its body was being read; there is nobody to answer."""


_LISTS = frozenset(
    {b"x-entrepot-tags", b"x-entrepot-data-class", b"x-entrepot-client-region", b"x-forwarded-for", b"tracestate"}
)
"""Headers whose values add up when they are repeated (RFC 9110, 5.3): a tag that were dropped would not narrow, and of
addresses those that count stand at the end.
"""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers; of a repeated one the first counts, so that nothing can be appended to it, save for lists."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _LISTS and name in headers:
            headers[name] += b"," + value
        else:
            headers.setdefault(name, value)
    return headers


def check_body(headers: Mapping[bytes, bytes], max_bytes: int) -> None:
    """Raises BodyTooLarge or InvalidRequest where the headers say that the body cannot be taken."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise BodyTooLarge(f"the body is {int(declared)} bytes long; the limit is {max_bytes}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise InvalidRequest("compressed request bodies are not accepted: send it without content-encoding")


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int, timeout_s: float) -> bytes:
    """The request's body. Raises BodyTooLarge, BodyTimeout, InvalidRequest or ClientDisconnected."""
    check_body(headers, max_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _read_all(receive, max_bytes)
    except TimeoutError:
        raise BodyTimeout(f"the body did not arrive within {timeout_s:g} s") from None


async def _read_all(receive: Receive, max_bytes: int) -> bytes:
    pieces: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        piece = message.get("body", b"")
        length += len(piece)
        if length > max_bytes:
            raise BodyTooLarge(f"the body is longer than the limit of {max_bytes} bytes")
        pieces.append(piece)
        if not message.get("more_body", False):
            return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def has_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these headers has a body."""
    return headers.get(b"content-length", b"0") != b"0" or b"transfer-encoding" in headers


async def discard_body(receive: Receive, timeout_s: float) -> None:
    """Read what is left of a body that is not wanted, for so long at most.

    A connection that is closed while its client still sends is reset, and the client may never see why.
    """
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout_s):
            while (message := await receive())["type"] != "http.disconnect" and message.get("more_body", False):
                pass


class Asker(Protocol):
    """The client of one exchange, as the driver sees it (`drive.driver.Client`), and what of its body is here."""

    head_sent: bool

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None] | None:
        """Send bytes, behind a head where there is one."""

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """Have this called once the client has closed its connection."""

    def whole_body(self) -> bytes | None:
        """The body where all of it is here and nothing of it was taken yet."""


def asker_behind(scope: Scope, receive: Receive, send: Send) -> Asker:
    """The client behind a request: what our own server left in the scope, or whoever speaks ASGI."""
    extensions = scope.get("extensions")
    if extensions is not None and EXTENSION in extensions:
        left: Asker = extensions[EXTENSION]
        return left
    return AsgiAsker(receive, send)


class AsgiAsker:
    """The client of one exchange behind any ASGI server, or behind none."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self._watch: asyncio.Task[None] | None = None
        self.head_sent = False

    def send(self, head: SendHead | None, data: bytes, end: bool) -> Awaitable[None]:
        """See Asker."""
        self.head_sent = self.head_sent or head is not None
        return self._send_messages(head, data, end)

    def on_gone(self, call: Callable[[], None] | None) -> None:
        """See Asker."""
        if self._watch is not None:
            self._watch.cancel()
        self._watch = None if call is None else asyncio.ensure_future(self._wait_gone(call))

    def whole_body(self) -> None:
        """See Asker: it has to be asked for."""

    async def _send_messages(self, head: SendHead | None, data: bytes, end: bool) -> None:
        if head is not None:
            await self._send({"type": "http.response.start", "status": head.status, "headers": list(head.headers)})
        await self._send({"type": "http.response.body", "body": data, "more_body": not end})

    async def _wait_gone(self, call: Callable[[], None]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        call()


async def answer(send: Send, status: int, headers: Headers, body: bytes, *, end: bool = True) -> None:
    """A whole answer with its length. Not to `end` leaves the connection open until `end_answer`."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": not end})


async def end_answer(send: Send) -> None:
    """The end of an answer whose bytes have all been sent."""
    await send({"type": "http.response.body", "body": b""})
