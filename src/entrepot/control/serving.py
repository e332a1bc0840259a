"""The admin API served in the control process, on a socket that was opened by whoever started it."""

from __future__ import annotations

import asyncio
import logging
import socket

from entrepot.catalog.load import load_catalog
from entrepot.control.api import AdminApi
from entrepot.control.asking import Installation
from entrepot.control.sessions import Sessions
from entrepot.control.store import open_control
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import EntrepotError
from entrepot.server.connection import ConnectionLimits
from entrepot.server.serving import build_server
from entrepot.settings.schema import ControlSettings, Settings

GRACE_S = 2.0
LIMITS = ConnectionLimits(head_timeout_s=10.0, stalled_s=30.0)
_log = logging.getLogger("entrepot.control")


async def serve_admin(
    settings: Settings, control: ControlSettings, listening: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until told to stop. What keeps it from serving is logged: the rest of the control process goes on without it."""
    try:
        store = await asyncio.to_thread(open_control, settings.ledger.directory)
    except EntrepotError as error:
        _log.error("there is no admin API: %s", error.message)
        listening.close()
        return
    installation = Installation(settings, store, load_catalog())
    server = build_server(
        AdminApi(installation, Sessions(control.session_s)),
        limits=LIMITS,
        grace_s=GRACE_S,
        render_error=OpenAIChat.render_error,
    )
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await stop.wait()
    finally:
        server.should_exit = True
        await serving
        store.close()
