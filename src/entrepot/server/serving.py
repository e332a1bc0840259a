"""Serving an ASGI application on a socket that was opened by somebody else, until told to stop.

Rules of this file: signals are left to the process. At a stop, answers under way get the grace period; what is then still
under way is cancelled, and waited for, because a cancelled exchange is still written down. A process whose place another has
taken closes no connection on which its client might be asking at that moment: it answers once more, says that this was the
last, and stops when nobody is connected any more, or after the grace period.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast

import uvicorn

from entrepot.dialects.base import Answer
from entrepot.errors import EntrepotError
from entrepot.server.connection import ClientConnection, ConnectionLimits
from entrepot.server.http import Application
from entrepot.server.idle import Idle
from entrepot.server.listening import BACKLOG

KEEP_ALIVE_S = 75
"""Longer than the clients' own pools keep a connection, so that it is they who close it and no request meets the close."""

_WRITTEN_DOWN_S = 5.0
_LOOK_S = 0.05
_KEEP_PATH: dict[str, Any] = {"cleanup_socket": False} if sys.version_info >= (3, 13) else {}
"""A Unix socket's file is whose it is that opened it, and others may listen there yet; since 3.13 it would go with a server."""


class Server(uvicorn.Server):
    """uvicorn, which says when it listens, and ends with nothing left undone."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._is_leaving = False

    def leave(self) -> None:
        """End without haste, for others listen on the same sockets."""
        self._is_leaving = self.should_exit = True

    def stop(self) -> None:
        """End as soon as what is under way is answered."""
        self._is_leaving, self.should_exit = False, True

    @property
    def has_left(self) -> bool:
        """Whether it ends because another has its place."""
        return self._is_leaving

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again before the spool is closed."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen on the sockets, be they of the internet or of this machine alone."""
        config, loop = self.config, asyncio.get_running_loop()

        def connect() -> asyncio.Protocol:
            return config.http_protocol_class(config=config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]  # as uvicorn does

        self.servers = []
        for each in sockets or ():
            if each.family == socket.AF_UNIX:
                self.servers.append(
                    await loop.create_unix_server(connect, sock=each, ssl=config.ssl, backlog=BACKLOG, **_KEEP_PATH)
                )
            else:
                self.servers.append(await loop.create_server(connect, sock=each, ssl=config.ssl, backlog=BACKLOG))
        self.started = True
        if self._on_started is not None:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, then wait for what it cancelled."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + (self.config.timeout_graceful_shutdown or 0)
        for server in self.servers:
            server.close()
        while self._is_leaving and self.server_state.connections and loop.time() < until_s:
            for connection in list(self.server_state.connections):
                cast("ClientConnection", connection).leave()
            await asyncio.sleep(_LOOK_S)
        self.config.timeout_graceful_shutdown = max(0, math.ceil(until_s - loop.time()))
        await super().shutdown(sockets)
        if self.server_state.tasks:
            await asyncio.wait(self.server_state.tasks, timeout=_WRITTEN_DOWN_S)


def build_server(
    application: Application,
    *,
    limits: ConnectionLimits,
    grace_s: float,
    render_error: Callable[[EntrepotError], Answer],
    tls: ssl.SSLContext | None = None,
    on_started: Callable[[], None] | None = None,
) -> Server:
    """A server for `application`; `render_error` words what is wrong with what is no request. Serves until `stop` or `leave`."""
    connection = partial(ClientConnection, limits=limits, render_error=render_error, idle=Idle(KEEP_ALIVE_S))
    config = uvicorn.Config(
        application,
        http=cast("type[asyncio.Protocol]", connection),
        ws="none",
        lifespan="off",
        interface="asgi3",
        proxy_headers=False,
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=math.ceil(grace_s),
        ssl_context_factory=None if tls is None else lambda *_: tls,
    )
    return Server(config, on_started)
