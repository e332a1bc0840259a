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
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class ClientDisconnected(Exception):
    """The client went away while its body was being read; there is nobody to answer."""


_LISTS = frozenset({b"x-entrepot-tags", b"x-entrepot-data-class", b"x-entrepot-client-region", b"x-forwarded-for"})
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


async def answer(send: Send, status: int, headers: Headers, body: bytes, *, end: bool = True) -> None:
    """A whole answer with its length. Not to `end` leaves the connection open until `end_answer`."""
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body, "more_body": not end})


async def end_answer(send: Send) -> None:
    """The end of an answer whose bytes have all been sent."""
    await send({"type": "http.response.body", "body": b""})
