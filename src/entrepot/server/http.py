"""The little HTTP that endpoints need over raw ASGI: reading a body within limits, answering, noticing a client's going."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from entrepot.errors import BodyTimeout, BodyTooLarge, InvalidRequest
from entrepot.exchange.commands import Headers

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


# What a client may go on sending after it was told that its body is too large.
_DISCARD_S = 5.0
_DISCARD_BYTES = 256 * 1024 * 1024


class ClientDisconnected(Exception):
    """The client went away while its body was being read; there is nobody to answer."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers; of a repeated one the first counts, so that nothing can be appended to it."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers.setdefault(name, value)
    return headers


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], max_bytes: int, timeout_s: float) -> bytes:
    """The request's body. Raises BodyTooLarge, BodyTimeout, InvalidRequest or ClientDisconnected."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > max_bytes:
        raise BodyTooLarge(f"the body is {int(declared)} bytes long; the limit is {max_bytes}")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise InvalidRequest("compressed request bodies are not accepted: send it without content-encoding")
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


class AsgiClient:
    """The client of one exchange, as the driver sees it."""

    __slots__ = ("_receive", "_send", "head_sent")

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.head_sent = False

    async def send_head(self, status: int, headers: Headers) -> None:
        """Send the status line and headers."""
        self.head_sent = True
        await self._send({"type": "http.response.start", "status": status, "headers": list(headers)})

    async def send_body(self, data: bytes, end: bool) -> None:
        """Send bytes of the body."""
        await self._send({"type": "http.response.body", "body": data, "more_body": not end})

    async def wait_gone(self) -> None:
        """Returns once the client has closed its connection."""
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def answer_early(send: Send, receive: Receive, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer to a request whose body is still arriving, which is then read and thrown away for a while.

    A connection that is closed with unread bytes is reset, and the reset may overtake the answer (RFC 9112, section 9.6).
    """
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_S):
            discarded = 0
            while discarded < _DISCARD_BYTES:
                message = await receive()
                discarded += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    await send({"type": "http.response.body", "body": b""})


async def answer(send: Send, status: int, headers: Headers, body: bytes) -> None:
    """A whole answer with its length."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
