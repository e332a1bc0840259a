"""Serving an ASGI application on a socket that was opened by somebody else, until told to stop.

Rules of this file: signals are left to the process. At a stop, answers under way get the grace period; what is then still
under way is cancelled, and waited for, because a cancelled exchange is still written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
import ssl
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

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


class Server(uvicorn.Server):
    """uvicorn, which says when it listens, and ends with nothing left undone."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None] | None = None) -> None:
        super().__init__(config)
        self._on_started = on_started

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
                self.servers.append(await loop.create_unix_server(connect, sock=each, ssl=config.ssl, backlog=BACKLOG))
            else:
                self.servers.append(await loop.create_server(connect, sock=each, ssl=config.ssl, backlog=BACKLOG))
        self.started = True
        if self._on_started is not None:
            self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop as uvicorn does, then wait for what it cancelled."""
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
    """A server for `application`; `render_error` words what is wrong with what is no request. Stops when `should_exit`."""
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
