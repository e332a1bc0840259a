"""The admin API served in the control process, on a socket that was opened by whoever started it."""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import socket

from entrepot.catalog.load import load_catalog
from entrepot.control.api import AdminApi
from entrepot.control.asking import Installation
from entrepot.control.oidc_endpoints import PATH, SignIn
from entrepot.control.place import control_place
from entrepot.control.sessions import Sessions
from entrepot.control.store import ControlStore
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import EntrepotError, ExtraMissing
from entrepot.server.connection import ConnectionLimits
from entrepot.server.listening import address_of
from entrepot.server.listening_tls import listening_tls
from entrepot.server.serving import build_server
from entrepot.settings.schema import ControlSettings, Settings
from entrepot.upstream.credentials import Credentials

GRACE_S = 2.0
LIMITS = ConnectionLimits(head_timeout_s=10.0, stalled_s=30.0)
_log = logging.getLogger("entrepot.control")


def build_api(settings: Settings, control: ControlSettings, store: ControlStore, address: str) -> AdminApi:
    """The admin API, which listens at `address` and is known at that of the settings, where they say one.

    Without what signing in with an identity provider needs, it is served without that.
    """
    public = control.public_url or address
    installation, sessions = Installation(settings, store, load_catalog()), Sessions(control.session_s)
    secure = public.startswith("https://")
    sign_in: SignIn | None = None
    if control.oidc is not None:
        try:
            oidc = importlib.import_module("entrepot.control.oidc")
            credentials = Credentials(os.environ)
            provider = oidc.IdentityProvider(control.oidc, f"{public.rstrip('/')}{PATH}/callback", credentials.read)
            sign_in = SignIn(provider, installation, sessions, secure, oidc.LASTS_S)
        except ExtraMissing as error:
            _log.error("nobody can sign in with the identity provider: %s", error.message)
    return AdminApi(installation, sessions, secure_cookies=secure, sign_in=sign_in)


async def serve_admin(
    settings: Settings, control: ControlSettings, listening: socket.socket, stop: asyncio.Event
) -> None:
    """Serve until told to stop. What keeps it from serving is logged: the rest of the control process goes on without it."""
    try:
        tls = listening_tls(control.tls, "[control.tls]")
        store = await asyncio.to_thread(control_place(settings, os.environ).open_store)
    except EntrepotError as error:
        _log.error("there is no admin API: %s", error.message)
        listening.close()
        return
    server = build_server(
        build_api(settings, control, store, address_of(listening, tls=tls is not None)),
        limits=LIMITS,
        grace_s=GRACE_S,
        render_error=OpenAIChat.render_error,
        tls=None if tls is None else tls.context,
    )
    following = None if tls is None else asyncio.create_task(tls.follow())
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    try:
        await stop.wait()
    finally:
        server.should_exit = True
        await serving
        if following is not None:
            following.cancel()
        store.close()
