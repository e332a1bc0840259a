"""Opening a connection: name lookup, TCP, the proxy's tunnel, TLS.

Rules of this file: failure comes as `ProviderError`, whose message names where and why and holds no secret; the caller
bounds the time. Addresses are raced as RFC 8305 ("happy eyeballs") says: families alternate, the next address starts
after 250 ms or as soon as one fails. That is done here because uvloop's `create_connection` tries them one by one.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import re
import socket
import ssl
from itertools import chain, zip_longest
from typing import Any, cast

import msgspec

from entrepot.catalog.schema import Way
from entrepot.errors import ProviderError
from entrepot.upstream.limits import Limits
from entrepot.upstream.proxy import Proxy
from entrepot.upstream.request import Origin
from entrepot.upstream.tls import describe_tls_failure

ATTEMPT_DELAY_S = 0.25
"""RFC 8305 section 8: the recommended connection attempt delay."""

_STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})(?: ([^\r\n\0]*))?\r\n")

Found = tuple[int, int, int, str, Any]


class Destination(msgspec.Struct, frozen=True, cache_hash=True):
    """Whom a connection speaks to, through which proxy and in which way. Connections are shared within one destination only."""

    origin: Origin
    proxy: Proxy | None = None
    way: Way | None = None

    @property
    def tunnelled(self) -> bool:
        """Whether the proxy only passes bytes on, as it must for TLS."""
        return self.proxy is not None and self.origin.scheme == "https"

    @property
    def place(self) -> str:
        """Where a connection is opened, for a message."""
        if self.way is not None and self.way.socket is not None:
            return f"the Unix socket {self.way.socket}"
        return self.origin.authority if self.proxy is None else f"proxy {self.proxy.authority}"


async def dial(destination: Destination, protocol: asyncio.Protocol, tls: ssl.SSLContext, limits: Limits) -> None:
    """Connect `protocol` to a destination; returns once requests can be written.

    Raises `ProviderError`: there is no connection; the message says where and why.
    """
    origin, place = destination.origin, destination.place
    loop = asyncio.get_running_loop()
    try:
        sock = await _reach(destination)
    except (OSError, UnicodeError) as error:
        raise ProviderError(_describe(error, place), code="connect") from error
    try:
        if destination.tunnelled:
            await _open_tunnel(destination, sock, protocol, tls, limits)
        elif origin.scheme == "https":
            create = loop.create_unix_connection if sock.family == socket.AF_UNIX else loop.create_connection
            await create(lambda: protocol, sock=sock, ssl=tls, server_hostname=origin.host)
        elif sock.family == socket.AF_UNIX:
            await loop.create_unix_connection(lambda: protocol, sock=sock)
        else:
            await loop.create_connection(lambda: protocol, sock=sock)
    except ssl.SSLError as error:
        raise ProviderError(describe_tls_failure(error, origin.authority), code="connect") from error
    except OSError as error:
        raise ProviderError(f"the connection to {place} broke: {_reason(error)}", code="connect") from error


def overlook_unheard(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An event loop's exception handler: what a connection failed with that nobody waits for any more is no fault to report.

    A handshake can fail in the very turn of the loop in which its call is cancelled: uvloop's own future keeps the error, and
    would have it logged with a traceback.
    """
    if "future" in context and isinstance(context.get("exception"), OSError):
        return
    loop.default_exception_handler(context)


async def _open_tunnel(
    destination: Destination, sock: socket.socket, protocol: asyncio.Protocol, tls: ssl.SSLContext, limits: Limits
) -> None:
    """Ask the proxy for a tunnel, and start TLS with the origin inside it."""
    loop = asyncio.get_running_loop()
    tunnel = _Tunnel(destination, limits)
    transport, _ = await loop.create_connection(lambda: tunnel, sock=sock)
    try:
        await tunnel.opened
        secured = await loop.start_tls(transport, protocol, tls, server_hostname=destination.origin.host)
    except BaseException:
        transport.abort()
        raise
    if secured is None:
        raise ConnectionResetError("closed during the handshake")
    protocol.connection_made(secured)  # start_tls leaves this to its caller


class _Tunnel(asyncio.Protocol):
    """Speaks CONNECT (RFC 9110 section 9.3.6) with a proxy; `opened` is done when the tunnel stands."""

    def __init__(self, destination: Destination, limits: Limits) -> None:
        self._destination = destination
        self._limits = limits
        self._head = b""
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        # nobody waits for it any more once the call was cancelled; a refusal then is no fault to report
        self.opened.add_done_callback(lambda opened: opened.cancelled() or opened.exception())

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        origin, proxy = self._destination.origin, self._destination.proxy
        host = f"[{origin.host}]" if ":" in origin.host else origin.host
        authority = f"{host}:{origin.port}".encode("ascii")
        lines = [b"CONNECT %b HTTP/1.1" % authority, b"host: %b" % authority]
        if proxy is not None and proxy.authorization is not None:
            lines.append(b"proxy-authorization: " + proxy.authorization)
        cast("asyncio.Transport", transport).write(b"\r\n".join([*lines, b"", b""]))

    def data_received(self, data: bytes) -> None:
        if self.opened.done():
            return
        self._head += data
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            if len(self._head) > self._limits.max_head_bytes:
                self._refuse("its answer has no end")
            return
        line = _STATUS_LINE.match(self._head)
        if line is None:
            self._refuse("its answer is not HTTP")
        elif not line[1].startswith(b"2"):
            reason = "".join(filter(str.isprintable, (line[2] or b"").decode("latin-1")))[:100]
            self._refuse(f"{line[1].decode('ascii')} {reason}".strip())
        elif len(self._head) > end + 4:
            # these bytes would come before the origin's TLS: nobody but the proxy can have sent them
            self._refuse("it sent bytes of its own into the tunnel")
        else:
            self.opened.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio names it
        if not self.opened.done():
            self._refuse("it closed the connection")

    def _refuse(self, reason: str) -> None:
        proxy = self._destination.proxy
        place = proxy.authority if proxy is not None else "?"
        self.opened.set_exception(
            ProviderError(
                f"proxy {place} opened no tunnel to {self._destination.origin.authority}: {reason}", code="connect"
            )
        )


async def _reach(destination: Destination) -> socket.socket:
    """A connected socket. Raises OSError or UnicodeError."""
    origin, proxy, way = destination.origin, destination.proxy, destination.way
    if way is not None and way.socket is not None:
        return await _connect((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", way.socket))
    return await _open_socket(origin.host if proxy is None else proxy.host, (proxy or origin).port)


async def _open_socket(host: str, port: int) -> socket.socket:
    """A connected TCP socket to the first address that answers. Raises what the last address failed with."""
    addresses = await _resolve(host, port)
    race: set[asyncio.Task[socket.socket]] = set()
    try:
        while True:
            if addresses:
                race.add(asyncio.create_task(_connect(addresses.pop(0))))
            ended, race = await asyncio.wait(
                race, timeout=ATTEMPT_DELAY_S if addresses else None, return_when=asyncio.FIRST_COMPLETED
            )
            winner = next((task for task in ended if task.exception() is None), None)
            if winner is not None:
                race |= ended - {winner}
                return winner.result()
            if ended and not race and not addresses:
                return ended.pop().result()
    finally:
        for task in race:
            task.cancel()
            task.add_done_callback(_close_unused)


def _close_unused(task: asyncio.Task[socket.socket]) -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


async def _connect(found: Found) -> socket.socket:
    family, kind, protocol, _, address = found
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        # a model may think for minutes without a byte: let the kernel notice a peer or a NAT entry that is gone
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


async def _resolve(host: str, port: int) -> list[Found]:
    """The addresses of a host, families alternating, the one that the resolver prefers first."""
    try:
        literal = ipaddress.ip_address(host)
    except ValueError:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    else:
        family = socket.AF_INET6 if literal.version == 6 else socket.AF_INET
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))]
    if not found:
        raise OSError(f"no address for {host}")
    first = [item for item in found if item[0] == found[0][0]]
    second = [item for item in found if item[0] != found[0][0]]
    return [item for item in chain.from_iterable(zip_longest(first, second)) if item is not None]


def _describe(error: OSError | UnicodeError, place: str) -> str:
    if isinstance(error, socket.gaierror | UnicodeError):
        return f"no address was found for {place}: {_reason(error)}"
    return f"no connection to {place}: {_reason(error)}"


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, OSError):
        # asyncio words its own message round the number; getaddrinfo's numbers are not the system's
        if error.errno and not isinstance(error, socket.gaierror):
            return os.strerror(error.errno)
        return error.strerror or str(error) or type(error).__name__
    return str(error)
