"""From which address a request comes: the connection's, or what a trusted proxy in front says of it.

Rules of this file: `X-Forwarded-For` is read from the right, because each proxy adds at that end and a client may have
written what stands to the left; the first address that is no trusted proxy's is the caller's. What cannot be read as an
address is nobody's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from functools import lru_cache

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """Networks in CIDR form. Raises ValueError."""
    return tuple(map(ipaddress.ip_network, texts))


def caller_address(peer: str | None, forwarded: str, trusted: Sequence[Network]) -> Address | None:
    """Who asks; None if that cannot be told, as over a Unix socket. `forwarded` is the value of `X-Forwarded-For`."""
    address = _parse(peer or "")
    if address is None or not lies_in(address, trusted):
        return address
    for hop in reversed(forwarded.split(",")) if forwarded.strip() else ():
        address = _parse(hop)
        if address is None or not lies_in(address, trusted):
            return address
    return address


def is_trusted(peer: str | None, trusted: Sequence[Network]) -> bool:
    """Whether the other end of the connection is a trusted proxy."""
    address = _parse(peer or "")
    return address is not None and lies_in(address, trusted)


def lies_in(address: Address, networks: Iterable[Network]) -> bool:
    """Whether one of the networks holds the address."""
    return any(address in network for network in networks)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Address | None:
    """An address as proxies write it: alone, with a port, in brackets. One of IPv4 within IPv6 is taken for IPv4."""
    text = text.strip().partition("%")[0]
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address
