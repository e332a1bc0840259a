"""Addresses of providers: well formed, and of which it can be said that they are the operator's own machines.

Rules of this file: no name is looked up. An address is taken for one's own only if it cannot be anybody else's: loopback,
a private or link-local IP, or a name that no public registry hands out.
"""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import SplitResult, parse_qsl, urlsplit

_SECRET_NAME = re.compile(r"key|token|secret|password|sig(nature)?$", re.IGNORECASE)
_PRIVATE_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".intranet", ".svc.cluster.local")

LONGEST_WEBHOOK = 2_000


def check_base_url(base_url: str) -> str | None:
    """What is wrong with `base_url`; None if it can be called."""
    try:
        parts = urlsplit(base_url)
        port_is_wrong = parts.port == 0
    except ValueError:
        return "not an address; write it as https://host/v1"
    if parts.scheme not in ("http", "https") or not parts.hostname or port_is_wrong or " " in base_url:
        return "not an address; write it as https://host/v1"
    if parts.username is not None or parts.password is not None:
        return (
            'holds a password; give the key by reference instead: key = "env:NAME" (the address is not repeated here)'
        )
    if parts.fragment:
        return "ends in a fragment; an address is https://host/path, with a query at most"
    if any(_SECRET_NAME.search(name) for name, _ in parse_qsl(parts.query, keep_blank_values=True)):
        return 'holds a key in its query; give it by reference: key = "env:NAME" (the address is not repeated here)'
    return None


def check_webhook(url: str) -> str | None:
    """What is wrong with an address that messages are posted to; None if they can be. It is not repeated: it may be secret."""
    try:
        parts = urlsplit(url)
        port_is_wrong = parts.port == 0
    except ValueError:
        port_is_wrong = True
    if port_is_wrong or parts.scheme not in ("http", "https") or not parts.hostname or not url.startswith("http"):
        return "is no address; write it as https://host/path"
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url or len(url) > LONGEST_WEBHOOK:
        return f"is at most {LONGEST_WEBHOOK} printable ASCII characters without spaces; encode others in percent form"
    if "@" in parts.netloc:
        return "holds a name or password before its host, which is not sent: put what the receiver wants into the path"
    return "ends in a fragment, which is not sent" if parts.fragment else None


def is_own_machine(base_url: str) -> bool:
    """Whether the address can only be one of the operator's own machines."""
    host = _split(base_url).hostname or ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host == "localhost" or ("." not in host and bool(host)) or host.endswith(_PRIVATE_SUFFIXES)
    return address.is_private or address.is_loopback or address.is_link_local


def _split(base_url: str) -> SplitResult:
    return urlsplit(base_url if "://" in base_url else f"//{base_url}")
