"""The call to a provider, from the command to the events of its answer.

Rules of this file: `start` never raises for a request, a provider or an installation that is wrong; every call ends in
exactly one `UpstreamEnded` or `UpstreamFailed`, unless it is cancelled. With an idle connection at hand the request is
written before `start` returns, and no task is made. A request is sent a second time in one case only: the connection had
been used before and broke before one byte of an answer, which is how a provider's closing of an idle connection looks
from here. The second time is on a fresh connection, so there is no third.

Deadlines but the one to connect belong to the exchange, which cancels. It asks for no compression and follows no
redirect: a provider's redirect would take a key and a prompt to another host.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Mapping

import msgspec

from entrepot.canonical.stream import FailureKind
from entrepot.catalog.schema import Way
from entrepot.dialects.base import HeaderPairs, WireRequest
from entrepot.errors import OperatorError, ProviderError
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamEnded, UpstreamFailed
from entrepot.upstream.cloud_call import STOPPING, CloudCall
from entrepot.upstream.clouds import CLOUD_AUTHS, Clouds
from entrepot.upstream.connection import Connection
from entrepot.upstream.credentials import Credentials
from entrepot.upstream.dial import Destination, dial
from entrepot.upstream.limits import DEFAULT_LIMITS, Limits
from entrepot.upstream.pool import Pool
from entrepot.upstream.proxy import Proxies
from entrepot.upstream.request import (
    Origin,
    parse_address,
    render_length,
    render_line,
    render_lines,
    render_request_line,
)
from entrepot.upstream.running import RunningCall, Sink
from entrepot.upstream.tls import Contexts, build_tls

__all__ = ["Limits", "RunningCall", "UpstreamClient"]

MAX_KNOWN_TARGETS = 4096

logger = logging.getLogger("entrepot.upstream")


class _Target(msgspec.Struct, frozen=True):
    """What is the same in every request to one URL, or in all that go there with the same headers.

    `opening` may hold a key, or the proxy's password: it is not shown.
    """

    destination: Destination
    opening: bytes

    def __repr__(self) -> str:
        return f"_Target({self.destination!r})"


class UpstreamClient:
    """Calls providers over HTTP/1.1. Belongs to the event loop it is first used in.

    `environ` gives the secrets, the proxies and `SSL_CERT_FILE`; `tls` replaces the context made of it.

    Raises `SettingsError`: a proxy or `SSL_CERT_FILE` in the environment cannot be used.
    """

    def __init__(
        self, *, environ: Mapping[str, str], limits: Limits = DEFAULT_LIMITS, tls: ssl.SSLContext | None = None
    ) -> None:
        self._limits = limits
        self._credentials = Credentials(environ)
        self.clouds = Clouds()
        self._proxies = Proxies(environ)
        self._tls = Contexts(build_tls(environ) if tls is None else tls)
        self._pool = Pool(limits)
        self._targets: dict[tuple[str, str, Way | None], _Target] = {}
        self._openings: dict[tuple[str, str, HeaderPairs, HeaderPairs, Way | None], _Target] = {}
        self._opening: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def open_count(self) -> int:
        """How many connections are open."""
        return self._pool.open_count

    @property
    def idle_count(self) -> int:
        """How many of them wait for a call."""
        return self._pool.idle_count

    def start(self, command: CallUpstream, sink: Sink) -> RunningCall:
        """Send the command's request; `sink` gets the events of its answer, straight from the event loop's callbacks.

        Never calls `sink` before it returns.
        """
        if command.deployment.auth in CLOUD_AUTHS:
            return self._start_in_cloud(command, sink)
        return self._begin(command, sink, None)

    async def connect(self, url: str, timeout_s: float, way: Way | None = None) -> None:
        """Open a connection to where `url` is, as a call would, and close it.

        Raises ProviderError where there is none, SettingsError where the way's files cannot be used.
        """
        origin = parse_address(url.replace("{model}", "model")).origin
        connection = Connection(self._find_destination(origin, way), self._pool, self._limits)
        try:
            async with asyncio.timeout(timeout_s):
                await dial(connection.destination, connection, self._tls.find(way), self._limits)
        except TimeoutError:
            raise ProviderError(f"no connection to {origin.authority} within {timeout_s:g} s", code="connect") from None
        finally:
            connection.abort()

    async def close(self) -> None:
        """End every call under way with `cut_off`, and close every connection."""
        self._closed = True
        for task in tuple(self._opening):
            task.cancel()
        if self._opening:
            await asyncio.wait(self._opening)
        await self._pool.close(STOPPING)

    def open_for(self, call: _Call) -> None:
        """Open a connection and run the call on it; needs a task, which is kept until it ends."""
        if self._closed:
            call.fail("cut_off", STOPPING)
            return
        task = asyncio.get_running_loop().create_task(self._open(call))
        call.opening = task
        self._keep(task)
        task.add_done_callback(call.opened)

    def _begin(self, command: CallUpstream, sink: Sink, credentials: HeaderPairs | None) -> RunningCall:
        """Make the call, with its deployment's key where no other credentials are given."""
        loop = asyncio.get_running_loop()
        call = _Call(self, command, sink)
        request = command.request
        try:
            if credentials is None:
                opened = self._find_opening(
                    request, self._credentials.headers(command.deployment), command.deployment.way
                )
            else:  # a cloud's are of this request alone
                opened = self._open_target(request, credentials, command.deployment.way)
            call.destination = opened.destination
            beside = b"".join([render_line(*pair) for pair in command.beside]) if command.beside else b""
            call.head = opened.opening + beside + render_length(request.method, request.body)
        except ProviderError as error:
            loop.call_soon(call.fail, "protocol", error.message)
        except OperatorError as error:
            # what is wrong with an installation is said by the message; a traceback would not help
            logger.error("deployment %s cannot be called: %s", command.deployment.id, error.message)
            loop.call_soon(call.fail, "auth", error.public)
        else:
            self._run(call)
        return call

    def _start_in_cloud(self, command: CallUpstream, sink: Sink) -> RunningCall:
        call = CloudCall(self._begin, self._keep, self.clouds, command, sink)
        call.start()
        return call

    def _keep(self, task: asyncio.Task[None]) -> None:
        """Have a task ended by `close`."""
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _run(self, call: _Call) -> None:
        if self._closed:
            asyncio.get_running_loop().call_soon(call.fail, "cut_off", STOPPING)
            return
        connection = self._pool.take(call.destination)
        if connection is not None:
            call.run_on(connection)
        else:
            self.open_for(call)

    async def _open(self, call: _Call) -> None:
        connection = Connection(call.destination, self._pool, self._limits)
        try:
            async with asyncio.timeout(call.connect_timeout_s):
                tls = self._tls.find(call.destination.way)
                await dial(call.destination, connection, tls, self._limits)
        except TimeoutError:
            connection.abort()
            place = call.destination.origin.authority
            call.fail("connect", f"no connection to {place} within {call.connect_timeout_s:g} s")
        except OperatorError as error:
            logger.error("%s cannot be called: %s", call.destination.origin.authority, error.message)
            call.fail("connect", error.public)
        except ProviderError as error:
            connection.abort()
            call.fail("connect", error.message)
        except asyncio.CancelledError:
            connection.abort()
            raise
        else:
            call.run_on(connection)

    def _find_target(self, method: str, url: str, way: Way | None) -> _Target:
        target = self._targets.get((method, url, way))
        if target is None:
            address = parse_address(url)
            origin = address.origin
            destination = self._find_destination(origin, way)
            proxy = destination.proxy
            path, lines = address.target, b""
            if proxy is not None and origin.scheme == "http":
                path = f"http://{origin.authority}{path}"
                if proxy.authorization is not None:
                    lines = render_line(b"proxy-authorization", proxy.authorization)
            host = render_line(b"host", origin.authority.encode("ascii"))
            target = _Target(destination, render_request_line(method, path) + host + lines)
            if len(self._targets) >= MAX_KNOWN_TARGETS:
                self._targets.clear()
            self._targets[method, url, way] = target
        return target

    def _find_destination(self, origin: Origin, way: Way | None) -> Destination:
        proxy = None if way is not None and way.socket is not None else self._proxies.choose(origin)
        return Destination(origin, proxy, way)

    def _find_opening(self, request: WireRequest, credentials: HeaderPairs, way: Way | None) -> _Target:
        """The request's target, with all of its head but the line that frames its body."""
        key = (request.method, request.url, request.headers, credentials, way)
        opened = self._openings.get(key)
        if opened is None:
            if len(self._openings) >= MAX_KNOWN_TARGETS:
                self._openings.clear()
            opened = self._openings[key] = self._open_target(request, credentials, way)
        return opened

    def _open_target(self, request: WireRequest, credentials: HeaderPairs, way: Way | None) -> _Target:
        target = self._find_target(request.method, request.url, way)
        lines = [render_line(name, value) for name, value in credentials]
        return _Target(target.destination, b"".join((target.opening, render_lines(request.headers), *lines)))


class _Call:
    """One call under way, and what its connection has to know of it."""

    destination: Destination
    head: bytes

    def __init__(self, client: UpstreamClient, command: CallUpstream, sink: Sink) -> None:
        self.attempt = command.attempt
        self.body = command.request.body
        self.connect_timeout_s = command.connect_timeout_s
        self.paused = False
        self.opening: asyncio.Task[None] | None = None
        self._client = client
        self._sink = sink
        self._connection: Connection | None = None
        self._over = False

    def cancel(self) -> None:
        """See `RunningCall`."""
        self._over = True
        if self.opening is not None:
            self.opening.cancel()
        if self._connection is not None:
            self._connection.drop(self)

    def pause(self) -> None:
        """See `RunningCall`."""
        self.paused = True
        if self._connection is not None:
            self._connection.pause(self)

    def resume(self) -> None:
        """See `RunningCall`."""
        self.paused = False
        if self._connection is not None:
            self._connection.resume(self)

    def run_on(self, connection: Connection) -> None:
        """Send the request on a connection, unless the peer has closed it meanwhile."""
        if connection.usable:
            self._connection = connection
            connection.send(self)
        else:
            self.fail("cut_off", "the connection was closed as soon as it was open")

    def start_over(self) -> None:
        """The kept connection was stale: send the request again, on a fresh one."""
        self._connection = None
        self._client.open_for(self)

    def opened(self, task: asyncio.Task[None]) -> None:
        """The task that opened a connection has ended, by cancellation or a defect of ours perhaps."""
        self.opening = None
        if task.cancelled():
            self.fail("cut_off", STOPPING)
        elif task.exception() is not None:
            logger.error("opening a connection failed by a defect", exc_info=task.exception())
            self.fail("connect", "the connection could not be opened")

    def deliver(self, event: Event) -> None:
        """Pass an event on, unless the call was cancelled or has ended."""
        if self._over:
            return
        if isinstance(event, UpstreamEnded | UpstreamFailed):
            self._over = True
            self._connection = None
        self._sink(event)

    def fail(self, kind: FailureKind, message: str) -> None:
        """End with `UpstreamFailed`."""
        self.deliver(UpstreamFailed(self.attempt, kind, message))
