"""Networks as people write them: 10.0.0.0/8, 2001:db8::/32, or one address alone."""

from __future__ import annotations

import ipaddress


def check_network(text: str) -> str | None:
    """What is wrong with `text` as a network in CIDR form; None if it is one."""
    try:
        ipaddress.ip_network(text)
    except ValueError:
        pass
    else:
        return None
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return "expected a network such as 10.0.0.0/8 or 2001:db8::/32, or one address"
    return f"has bits of an address beyond its prefix; the network is {meant}, one address has no prefix"
