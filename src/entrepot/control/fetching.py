"""JSON from an identity provider: small, in time, over TLS, from where it was asked and from nowhere else.

Rules of this file: no redirect is followed, because what is sent may hold a secret. Without TLS only this machine is asked. It
waits: call it off the event loop.
"""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

from entrepot.errors import Unavailable

TIMEOUT_S = 10.0
MOST_BYTES = 1024 * 1024
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_args: object, **_more: object) -> None:
        """What would be redirected is an error instead."""


_OPENER = urllib.request.build_opener(_NoRedirect)


def is_safe(url: str) -> bool:
    """Whether a secret may be sent there: over TLS, or to this machine."""
    parts = urlsplit(url)
    return bool(parts.hostname) and (
        parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _THIS_MACHINE)
    )


def fetch_json(
    url: str, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object at `url`: where `form` is given, the answer to posting it. Raises Unavailable, which repeats no secret."""
    host = urlsplit(url).netloc
    if not is_safe(url):
        raise Unavailable(f"the identity provider names an address without TLS: {host}")
    body = None if form is None else urlencode(form).encode("ascii")
    request = urllib.request.Request(url, body, {"accept": "application/json", **(headers or {})})  # noqa: S310 - is_safe admits http and https alone
    try:
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            data = answer.read(MOST_BYTES + 1)
        found = json.loads(data) if len(data) <= MOST_BYTES else None
    except urllib.error.HTTPError as error:
        with error:
            raise Unavailable(f"the identity provider at {host} answered with status {error.code}") from None
    except (OSError, http.client.HTTPException) as error:
        raise Unavailable(f"the identity provider at {host} cannot be reached: {type(error).__name__}") from None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unavailable(f"the identity provider at {host} answered with what is no JSON object, or is too long")
    return found
