"""The admin API over raw ASGI: find the endpoint, know the person, read the body, act off the event loop, answer.

Rules of this file: `ENDPOINTS` is all that can be asked, with what it takes to be allowed to; `docs/reference/admin.md` repeats
it. Nothing is decided here. Errors have the shape that OpenAI's have. Nothing that is answered may be kept by a browser.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

import msgspec

from entrepot.control import content_endpoints as content
from entrepot.control import document_endpoints as documents
from entrepot.control import key_endpoints as keys
from entrepot.control import member_endpoints as members
from entrepot.control import trial_endpoints as trials
from entrepot.control.asking import Ask, Installation
from entrepot.control.deployment_endpoints import list_deployments
from entrepot.control.oidc_endpoints import SignIn as ProviderSignIn
from entrepot.control.openapi import Described, build_document
from entrepot.control.people import Permission, Person, require
from entrepot.control.sessions import COOKIE, Sessions, render_cookie, token_of
from entrepot.control.sign_in import by_key, check_same_site, identify
from entrepot.control.trail import list_changes, note_sign_in
from entrepot.control.trial_wanted import TrialBody
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.request_body import taking_apart
from entrepot.errors import BodyTimeout, Defect, EntrepotError, MethodNotAllowed, NotFound
from entrepot.policy.budgets import Budget
from entrepot.policy.rules import Rule
from entrepot.server.http import (
    ClientDisconnected,
    Receive,
    Scope,
    Send,
    answer,
    discard_body,
    end_answer,
    has_body,
    headers_of,
    read_body,
)
from entrepot.settings.client_key import digest

log = logging.getLogger("entrepot.control")

ROOT = "/admin/v1/"
MOST_BODY_BYTES = 256 * 1024
BODY_TIMEOUT_S = 10.0

Answer = tuple[int, object, tuple[tuple[bytes, bytes], ...]]


class Endpoint(NamedTuple):
    """One method of one path below `ROOT`. `permission` None: whoever is signed in. `body` is what it reads, `query` likewise."""

    method: str
    path: str
    act: Callable[[Ask], Any]
    permission: Permission | None = None
    body: type[msgspec.Struct] | None = None
    query: tuple[str, ...] = ()


ENDPOINTS = (
    Endpoint("GET", "whoami", members.who_am_i),
    Endpoint("GET", "keys", keys.list_keys, "read keys"),
    Endpoint("POST", "keys", keys.make_key, "change keys", keys.KeyBody),
    Endpoint("GET", "keys/{name}", keys.show_key, "read keys"),
    Endpoint("PATCH", "keys/{name}", keys.change_key, "change keys", keys.KeyChange),
    Endpoint("DELETE", "keys/{name}", keys.delete_key, "change keys"),
    Endpoint("POST", "keys/{name}/rotate", keys.rotate_key, "change keys", keys.Rotation),
    Endpoint("GET", "teams", documents.list_teams, "read teams"),
    Endpoint("PUT", "teams/{name}", documents.put_team, "change teams", documents.TeamBody),
    Endpoint("DELETE", "teams/{name}", documents.delete_team, "change teams"),
    Endpoint("GET", "members", members.list_members, "read members"),
    Endpoint("POST", "members", members.make_member, "change members", members.MemberBody),
    Endpoint("GET", "members/{name}", members.show_member, "read members"),
    Endpoint("PATCH", "members/{name}", members.change_member, "change members", members.MemberChange),
    Endpoint("DELETE", "members/{name}", members.delete_member, "change members"),
    Endpoint("POST", "members/{name}/rotate", members.rotate_member, "change members", keys.Rotation),
    Endpoint("GET", "rules", documents.list_rules, "read rules"),
    Endpoint("GET", "rules/{name}", documents.show_rule, "read rules"),
    Endpoint("PUT", "rules/{name}", documents.put_rule, "change rules", Rule),
    Endpoint("DELETE", "rules/{name}", documents.delete_rule, "change rules"),
    Endpoint("GET", "budgets", documents.list_budgets, "read budgets"),
    Endpoint("GET", "budgets/{name}", documents.show_budget, "read budgets"),
    Endpoint("PUT", "budgets/{name}", documents.put_budget, "change budgets", Budget),
    Endpoint("DELETE", "budgets/{name}", documents.delete_budget, "change budgets"),
    Endpoint("GET", "trials", trials.list_trials, "read trials"),
    Endpoint("POST", "trials", trials.start_trial, "change trials", TrialBody),
    Endpoint("GET", "trials/{name}", trials.show_trial, "read trials"),
    Endpoint("DELETE", "trials/{name}", trials.stop_trial, "change trials"),
    Endpoint("GET", "deployments", list_deployments, "read deployments"),
    Endpoint("GET", "content/{name}", content.show_content, "read content"),
    Endpoint("DELETE", "content/{name}", content.erase_content, "erase content"),
    Endpoint("GET", "audit", list_changes, "read audit", query=("limit", "before", "kind", "name")),
)
_HEADERS = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A member's key, for a session in its place."""

    key: str


class AdminApi:
    """The ASGI application of the control process."""

    def __init__(
        self,
        installation: Installation,
        sessions: Sessions,
        *,
        secure_cookies: bool = False,
        sign_in: ProviderSignIn | None = None,
    ) -> None:
        self._installation = installation
        self._sessions = sessions
        self._secure = secure_cookies
        self._sign_in = sign_in

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        headers = headers_of(scope)
        received = False
        try:
            body = await read_body(receive, headers, MOST_BODY_BYTES, BODY_TIMEOUT_S)
            received = True
            status, value, more = await self._serve(scope, headers, body)
            await answer(send, status, (*_HEADERS, *more), msgspec.json.encode(value))
        except EntrepotError as error:
            if error.status >= 500:
                log.error("%s %s: %s", scope["method"], scope["path"][:200], error.message)
            await _answer_error(error, receive, send, unread=not received and has_body(headers))
        except ClientDisconnected:
            pass
        except Exception:  # the border: whatever escaped is our defect, and must not take the process along
            log.exception("%s %s failed by a defect", scope["method"], scope["path"][:200])
            await _answer_error(Defect("unexpected"), receive, send, unread=not received and has_body(headers))

    async def _serve(self, scope: Scope, headers: Mapping[bytes, bytes], body: bytes) -> Answer:
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        path: str = scope.get("raw_path", scope["path"].encode()).decode("latin-1").partition("?")[0]
        if path == "/livez":
            return 200, {"status": "live"}, ()
        if path == "/openapi.json" and method == "GET":
            return 200, document(), ()
        if path in (f"{ROOT}login", f"{ROOT}logout"):
            if method != "POST":
                raise MethodNotAllowed(f"{path} takes POST", allowed=("POST",))
            return await (self._log_in if path.endswith("login") else self._log_out)(headers, body)
        if path in (f"{ROOT}oidc/login", f"{ROOT}oidc/callback"):
            return await self._by_provider(method, path, scope, headers)
        endpoint, named = find_endpoint(method, path)
        now_ns = time.time_ns()
        person = await asyncio.to_thread(self._identify, headers, method, now_ns / 1_000_000_000)
        if endpoint.permission is not None:
            require(person, endpoint.permission)
        query = dict(parse_qsl(scope["query_string"].decode("latin-1")))
        ask = Ask(self._installation, person, now_ns, named, query, body)
        return 200, await asyncio.to_thread(endpoint.act, ask), ()

    def _identify(self, headers: Mapping[bytes, bytes], method: str, now_s: float) -> Person:
        return identify(headers, method, self._installation.store.snapshot(), self._sessions, now_s)

    async def _log_in(self, headers: Mapping[bytes, bytes], body: bytes) -> Answer:
        if b"origin" in headers or b"sec-fetch-site" in headers:
            check_same_site(headers)  # or another site could sign somebody in as somebody else
        with taking_apart(body):
            key = msgspec.json.decode(body, type=SignIn).key.strip()
        now_ns = time.time_ns()
        now_s = now_ns / 1_000_000_000
        snapshot = await asyncio.to_thread(self._installation.store.snapshot)
        person = by_key(key, snapshot, now_s)
        await asyncio.to_thread(note_sign_in, self._installation, person, now_ns)
        token = self._sessions.open(now_s, sha256=digest(key))
        cookie = render_cookie(COOKIE, token, self._sessions.lasts_s, secure=self._secure)
        return 200, {"name": person.name, "role": person.role}, (cookie,)

    async def _by_provider(self, method: str, path: str, scope: Scope, headers: Mapping[bytes, bytes]) -> Answer:
        if self._sign_in is None:
            raise NotFound("no identity provider is set up: [control.oidc] in the settings names one")
        if method != "GET":
            raise MethodNotAllowed(f"{path} takes GET", allowed=("GET",))
        return await (self._sign_in.begin() if path.endswith("login") else self._sign_in.finish(scope, headers))

    async def _log_out(self, headers: Mapping[bytes, bytes], _body: bytes) -> Answer:
        check_same_site(headers)
        token = token_of(headers)
        if token is not None:
            self._sessions.close(token)
        return 200, {"signed_out": True}, (render_cookie(COOKIE, "", 0, secure=self._secure),)


def document() -> dict[str, Any]:
    """What can be asked, as an OpenAPI document."""
    return build_document(
        (
            *(_describe(endpoint) for endpoint in ENDPOINTS),
            Described("POST", f"{ROOT}login", "A session in place of a member's key.", SignIn, key=False),
            Described("POST", f"{ROOT}logout", "The session ends."),
            Described("GET", "/livez", "Whether the process lives.", key=False),
        )
    )


def _describe(endpoint: Endpoint) -> Described:
    told = (endpoint.act.__doc__ or "").partition("\n")[0]
    named = endpoint.body is not None and endpoint.path.endswith("{name}") and endpoint.method == "PUT"
    return Described(endpoint.method, f"{ROOT}{endpoint.path}", told, endpoint.body, named, query=endpoint.query)


def find_endpoint(method: str, path: str) -> tuple[Endpoint, dict[str, str]]:
    """The endpoint of a path as it was sent, and what stands in the path. Raises NotFound, MethodNotAllowed."""
    segments = path.removeprefix(ROOT).split("/") if path.startswith(ROOT) else []
    there: list[str] = []
    for endpoint in ENDPOINTS:
        named = _match(endpoint.path.split("/"), segments)
        if named is not None and endpoint.method == method:
            return endpoint, named
        if named is not None:
            there.append(endpoint.method)
    if there:
        raise MethodNotAllowed(f"this path takes {' or '.join(there)}, not {method[:20]}", allowed=tuple(there))
    raise NotFound(f"there is nothing at {path[:200]}: the admin API is below {ROOT}")


def _match(template: list[str], segments: list[str]) -> dict[str, str] | None:
    if len(template) != len(segments):
        return None
    named: dict[str, str] = {}
    for wanted, given in zip(template, segments, strict=True):
        if wanted.startswith("{"):
            named[wanted[1:-1]] = unquote(given, errors="replace")
        elif wanted != given:
            return None
    return named


async def _answer_error(error: EntrepotError, receive: Receive, send: Send, *, unread: bool) -> None:
    rendered = OpenAIChat.render_error(error)
    headers = list(_HEADERS)
    if isinstance(error, MethodNotAllowed):
        headers.append((b"allow", ", ".join(error.allowed).encode()))
    if unread:
        headers.append((b"connection", b"close"))
    await answer(send, rendered.status, tuple(headers), rendered.body, end=not unread)
    if unread:
        if not isinstance(error, BodyTimeout):
            await discard_body(receive, BODY_TIMEOUT_S)
        await end_answer(send)
