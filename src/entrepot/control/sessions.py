"""Sessions: who signed in with a browser, until when.

Rules of this file: a session is known by a random token, of which only the digest is held, in memory alone: there is nothing to
forge and nothing to steal from a disk, and it ends when it is closed, when its time is over, and when the control process is
started anew. One that was opened with a key is worth as much as that key is at the moment; see `sign_in.py`. Time is handed in.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

import msgspec

from entrepot.control.people import Person

COOKIE = "entrepot-session"
MOST_SESSIONS = 10_000


class Session(msgspec.Struct, frozen=True):
    """Opened with a key, whose digest is `sha256`, or by an identity provider, which named the `person`."""

    until_s: float
    sha256: str | None = None
    person: Person | None = None


class Sessions:
    """The sessions of one control process."""

    def __init__(self, lasts_s: float) -> None:
        self.lasts_s = lasts_s
        self._by_digest: dict[bytes, Session] = {}

    def open(self, now_s: float, *, sha256: str | None = None, person: Person | None = None) -> str:
        """A new one; returns its token. Where there are too many the oldest ends."""
        self._by_digest = {key: one for key, one in self._by_digest.items() if one.until_s > now_s}
        while len(self._by_digest) >= MOST_SESSIONS:
            del self._by_digest[next(iter(self._by_digest))]
        token = secrets.token_urlsafe(32)
        self._by_digest[_digest(token)] = Session(now_s + self.lasts_s, sha256, person)
        return token

    def find(self, token: str, now_s: float) -> Session | None:
        """The session of this token, if its time is not over."""
        session = self._by_digest.get(_digest(token))
        return session if session is not None and session.until_s > now_s else None

    def close(self, token: str) -> None:
        """End it."""
        self._by_digest.pop(_digest(token), None)


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def token_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The session's token that a request brings."""
    return read_cookie(headers, COOKIE)


def read_cookie(headers: Mapping[bytes, bytes], name: str) -> str | None:
    """A cookie of the request."""
    try:
        cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
    except CookieError:
        return None
    return cookies[name].value if name in cookies else None


def render_cookie(name: str, value: str, lasts_s: float, *, secure: bool, path: str = "/") -> tuple[bytes, bytes]:
    """A header that sets a cookie which scripts cannot read and other sites' requests do not bring; 0 s takes it away."""
    end = f"; Max-Age={int(lasts_s)}; Path={path}; HttpOnly; SameSite=Lax{'; Secure' if secure else ''}"
    return b"set-cookie", f"{name}={value}{end}".encode("ascii")
