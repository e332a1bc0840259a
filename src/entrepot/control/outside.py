"""Whether an address leads outside: what a person may have our processes call who is not trusted with the inside.

Rules of this file: a name counts by all addresses that it has now, and what has none, or cannot be asked, does not lead
outside. Asking for addresses may take a while: call it off the event loop. Whoever calls dials one of the addresses that were
looked at, because a name may have others a moment later, and follows no redirects.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from urllib.parse import urlsplit

Resolve = Callable[[str], Iterable[str]]


def leads_outside(url: str, resolve: Resolve | None = None) -> bool:
    """Whether `url` is HTTP or HTTPS to a public address."""
    return bool(addresses_outside(url, resolve))


def addresses_outside(url: str, resolve: Resolve | None = None) -> tuple[str, ...]:
    """The addresses of `url` if it is HTTP or HTTPS and all of them are public, else none. `resolve` gives those of a name."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
        _ = parts.port
    except ValueError:
        return ()
    if parts.scheme not in ("http", "https") or not host:
        return ()
    try:
        found = list((resolve or _resolve)(host))
        addresses = [ipaddress.ip_address(each.partition("%")[0]) for each in found]
    except (OSError, ValueError):
        return ()
    return tuple(map(str, addresses)) if all(_is_public(address) for address in addresses) else ()


def _is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if inner is not None:
            return _is_public(inner)
        if address in _NAT64:
            return _is_public(ipaddress.IPv4Address(address.packed[-4:]))
    return address.is_global and not address.is_multicast


def _resolve(host: str) -> list[str]:
    """Also reads the forms of addresses that only resolvers know: 127.1, 0x7f000001, 2130706433."""
    return [str(found[4][0]) for found in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
