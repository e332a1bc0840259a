"""Who asks the admin API: a member by their key, or whoever a session belongs to.

Rules of this file: what is valid is looked up anew for each request, so that a member who is disabled, or whose key is rotated,
is out at once, sessions included. A request that a session's cookie speaks for, and that changes something, must come from our
own pages: browsers send cookies also where another site asks. A key in a header cannot be sent by another site.
"""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.control.objects import Snapshot
from entrepot.control.people import Person, find_by_digest, person_of
from entrepot.control.sessions import Sessions, token_of
from entrepot.errors import Forbidden, Unauthenticated
from entrepot.settings.client_key import digest

SAFE_METHODS = frozenset({"GET", "HEAD"})
LONGEST_KEY = 512


def identify(
    headers: Mapping[bytes, bytes], method: str, snapshot: Snapshot, sessions: Sessions, now_s: float
) -> Person:
    """The person who asks. Raises Unauthenticated, or Forbidden for what another site may have sent."""
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return by_key(rest.strip().decode("latin-1"), snapshot, now_s)
    token = token_of(headers)
    session = None if token is None else sessions.find(token, now_s)
    if session is None:
        raise Unauthenticated(
            "sign in, or send 'Authorization: Bearer <key>' with a member's key", code="missing_api_key"
        )
    if method not in SAFE_METHODS:
        check_same_site(headers)
    if session.person is not None:
        return session.person
    member = find_by_digest(snapshot, session.sha256 or "", now_s)
    if member is None:
        raise Unauthenticated("the session has ended: sign in again", code="expired_session")
    return person_of(member, "session")


def by_key(key: str, snapshot: Snapshot, now_s: float) -> Person:
    """The member whose key this is. Raises Unauthenticated, which does not say what is wrong with it."""
    member = find_by_digest(snapshot, digest(key), now_s) if len(key) <= LONGEST_KEY else None
    if member is None:
        raise Unauthenticated("the key is no member's; a client's key opens the gateway, not the admin API")
    return person_of(member, "key")


def check_same_site(headers: Mapping[bytes, bytes]) -> None:
    """Raises Forbidden unless the browser says that one of our own pages asks."""
    site = headers.get(b"sec-fetch-site")
    if site is not None:
        ours = site == b"same-origin"
    else:  # an older browser
        origin, host = headers.get(b"origin", b""), headers.get(b"host", b"")
        ours = bool(host) and origin.partition(b"://")[2] == host
    if not ours:
        raise Forbidden(
            "a session changes things from its own pages only; programs send a member's key", code="cross_site"
        )
