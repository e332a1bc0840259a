"""The two addresses of a sign-in with an identity provider: where it begins, and where the browser comes back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Protocol
from urllib.parse import parse_qsl

import msgspec

from entrepot.control.asking import Installation
from entrepot.control.people import Person
from entrepot.control.sessions import COOKIE, Sessions, read_cookie, render_cookie
from entrepot.control.trail import note_sign_in
from entrepot.server.http import Scope

Redirect = tuple[int, object, tuple[tuple[bytes, bytes], ...]]
SIGN_IN_COOKIE = "entrepot-sign-in"
PATH = "/admin/v1/oidc"
AFTERWARDS = "/admin/v1/whoami"


class Begun(msgspec.Struct, frozen=True):
    """Where the browser is sent, and the cookie by which it is known when it comes back."""

    url: str
    cookie: str


class Provider(Protocol):
    """See `oidc.IdentityProvider`, which is imported where the settings name one alone."""

    def begin(self, now_s: float) -> Begun:
        """Send somebody to the provider."""
        ...

    def finish(self, query: Mapping[str, str], cookie: str | None, now_s: float) -> Person:
        """The person who came back."""
        ...


class SignIn(msgspec.Struct, frozen=True, eq=False):
    """Sign-in with the identity provider of the settings."""

    provider: Provider
    installation: Installation
    sessions: Sessions
    secure: bool
    lasts_s: float

    async def begin(self) -> Redirect:
        """`GET /admin/v1/oidc/login`."""
        begun = await asyncio.to_thread(self.provider.begin, time.time())
        cookie = render_cookie(SIGN_IN_COOKIE, begun.cookie, self.lasts_s, secure=self.secure, path=PATH)
        return 303, {"sign_in_at": begun.url}, ((b"location", begun.url.encode("ascii", "replace")), cookie)

    async def finish(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Redirect:
        """`GET /admin/v1/oidc/callback`."""
        now_ns = time.time_ns()
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        cookie = read_cookie(headers, SIGN_IN_COOKIE)
        person = await asyncio.to_thread(self.provider.finish, query, cookie, now_ns / 1_000_000_000)
        await asyncio.to_thread(note_sign_in, self.installation, person, now_ns)
        token = self.sessions.open(now_ns / 1_000_000_000, person=person)
        return (
            303,
            {"name": person.name, "role": person.role},
            (
                (b"location", AFTERWARDS.encode()),
                render_cookie(COOKIE, token, self.sessions.lasts_s, secure=self.secure),
                render_cookie(SIGN_IN_COOKIE, "", 0, secure=self.secure, path=PATH),
            ),
        )
