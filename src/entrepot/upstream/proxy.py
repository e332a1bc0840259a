"""Which proxy stands before an origin. No I/O; the environment is passed in.

Rules of this file: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` as curl and Go read them: the lower-case name wins, an
empty value is none, `NO_PROXY` lists hosts (with everything below them), addresses, networks and `*`, each with an
optional port. Loopback is never sent to a proxy: what is meant is this machine, not the proxy's. A proxy that cannot be
used is an error, never passed over: to go round it would send data where the operator did not want it to go.
"""

from __future__ import annotations

import base64
import ipaddress
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from entrepot.errors import SettingsError
from entrepot.upstream.request import Origin

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
IPNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxy(msgspec.Struct, frozen=True):
    """An HTTP proxy. `authorization` is the value of `proxy-authorization`, a secret: it is not shown."""

    host: str
    port: int
    authorization: bytes | None = None

    @property
    def authority(self) -> str:
        """Host and port, for a message."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __repr__(self) -> str:
        return f"Proxy({self.authority})"


def parse_proxy(value: str, variable: str) -> Proxy:
    """The proxy that an environment variable names, with or without `http://`.

    Raises `SettingsError`: it is none that can be used; the message names the variable, never its value.
    """
    wanted = f"{variable} must be http://[user:password@]host[:port]"
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        # the parser quotes what it cannot read, which may be a password
        raise SettingsError(f"{wanted}; what it holds cannot be read as an address") from None
    if parts.scheme != "http":
        raise SettingsError(f"{wanted}; a proxy that is spoken to by {parts.scheme!r} is not supported")
    if not host or not value.isascii() or not value.isprintable():
        raise SettingsError(f"{wanted}; it has no proper host")
    authorization = None
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        authorization = b"Basic " + base64.b64encode(pair.encode())
    return Proxy(host, port or 80, authorization)


class Proxies:
    """The proxies that an environment names, and what goes past them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._by_scheme: dict[str, Proxy] = {}
        for scheme in ("http", "https"):
            name, value = _look_up(environ, f"{scheme}_proxy")
            if value:
                self._by_scheme[scheme] = parse_proxy(value, name)
        self._bypasses = [_Bypass(word) for word in _look_up(environ, "no_proxy")[1].replace(",", " ").split()]

    def choose(self, origin: Origin) -> Proxy | None:
        """The proxy for `origin`, None if it is called directly."""
        proxy = self._by_scheme.get(origin.scheme)
        if proxy is None:
            return None
        host = origin.host.rstrip(".").lower()
        address = _parse_ip(host)
        if host == "localhost" or host.endswith(".localhost") or (address is not None and address.is_loopback):
            return None
        if any(bypass.covers(host, address, origin.port) for bypass in self._bypasses):
            return None
        return proxy


class _Bypass:
    """One word of `NO_PROXY`."""

    def __init__(self, word: str) -> None:
        self._network = _parse_network(word)
        self._port: int | None = None
        if self._network is None:
            name, colon, port = word.rpartition(":")
            if colon and port.isdigit():
                word, self._port = name, int(port)
                self._network = _parse_network(word)
        self._name = word.lower().removeprefix("*").strip(".") if word != "*" else "*"

    def covers(self, host: str, address: IPAddress | None, port: int) -> bool:
        """Whether a host (lower case, and as an address where it is one) is called directly."""
        if self._port is not None and self._port != port:
            return False
        if self._name == "*":
            return True
        if address is not None or self._network is not None:
            return address is not None and self._network is not None and address in self._network
        return bool(self._name) and (host == self._name or host.endswith(f".{self._name}"))


def _look_up(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """The variable that is set, lower case first, and its value."""
    for variant in (name, name.upper()):
        value = environ.get(variant, "").strip()
        if value:
            return variant, value
    return name.upper(), ""


def _parse_ip(host: str) -> IPAddress | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _parse_network(word: str) -> IPNetwork | None:
    try:
        return ipaddress.ip_network(word.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None
