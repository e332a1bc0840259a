"""Serving an ASGI application on a socket that was opened by somebody else, until told to stop.

Rules of this file: signals are left to the process. At a stop, answers under way get the grace period; what is then still
under way is cancelled, and waited for, because a cancelled exchange is still written down.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import cast

import uvicorn

from entrepot.dialects.base import Answer
from entrepot.errors import EntrepotError
from entrepot.server.connection import ClientConnection, ConnectionLimits
from entrepot.server.http import Application
from entrepot.server.idle import Idle

KEEP_ALIVE_S = 75
"""Longer than the clients' own pools keep a connection, so that it is they who close it and no request meets the close."""

_WRITTEN_DOWN_S = 5.0


class Server(uvicorn.Server):
    """uvicorn, which ends with nothing left undone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone: uvicorn would raise them again before the spool is closed."""
        yield

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
    )
    return Server(config)
