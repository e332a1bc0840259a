"""A request as it is written: addresses and header lines. No I/O.

Rules of this file: nothing that a caller passes in can end a line (request splitting). Framing and connection headers are
written here alone, and so are credentials: a request that brings its own would carry a client's key to a provider.
`accept-encoding` is ours too: answers are asked for uncoded, because a coded stream arrives later and costs more CPU than
a gateway's network does.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from entrepot import __version__
from entrepot.dialects.base import HeaderPairs
from entrepot.errors import ProviderError

Scheme = Literal["http", "https"]

DEFAULT_PORTS: dict[Scheme, int] = {"http": 80, "https": 443}

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_HOST_NAME = re.compile(r"(?=.{1,253}\Z)[A-Za-z0-9_-]{1,63}(\.[A-Za-z0-9_-]{1,63})*\.?")
_IPV6 = re.compile(r"[0-9A-Fa-f:.]+")
_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_WRITTEN_HERE = frozenset(
    b"host content-length transfer-encoding connection keep-alive te trailer upgrade expect proxy-connection".split()
)
_CREDENTIALS = frozenset(
    b"authorization proxy-authorization x-api-key x-goog-api-key api-key x-amz-security-token x-amz-date".split()
)
_DEFAULTS = ((b"user-agent", b"entrepot/" + __version__.encode("ascii")), (b"accept", b"*/*"))


class Origin(msgspec.Struct, frozen=True):
    """Scheme, host and port. An IPv6 literal has no brackets here."""

    scheme: Scheme
    host: str
    port: int

    @property
    def authority(self) -> str:
        """Host and port as a `host` header names them: without the scheme's own port."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        return name if self.port == DEFAULT_PORTS[self.scheme] else f"{name}:{self.port}"


class Address(msgspec.Struct, frozen=True):
    """A parsed URL: where to connect, and the path and query to ask for there."""

    origin: Origin
    target: str


@lru_cache(maxsize=1024)
def parse_address(url: str) -> Address:
    """Parse the absolute URL of a deployment.

    Raises `ProviderError`: it is not an http or https URL of printable ASCII with a plain host, or holds a user name.
    """
    if not _PRINTABLE.fullmatch(url):
        raise ProviderError("the address to call holds a space, a control or a non-ASCII character; percent-encode it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        # the parser quotes what it cannot read, which may be a password
        raise ProviderError("the address to call is malformed: its host or port cannot be read") from None
    if parts.scheme not in ("http", "https"):
        raise ProviderError(f"the address to call begins with {parts.scheme!r}; it must be http or https")
    if "@" in parts.netloc:
        raise ProviderError("the address to call holds a user name; a key belongs into the deployment's secret")
    if not host or port == 0 or not (_IPV6 if "[" in parts.netloc else _HOST_NAME).fullmatch(host):
        raise ProviderError("the address to call has no proper host or port")
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Address(Origin(scheme, host, port or DEFAULT_PORTS[scheme]), target)


def render_line(name: bytes, value: bytes) -> bytes:
    """One header line.

    Raises `ProviderError`: the name is no token, or the value could end the line.
    """
    if not _TOKEN.fullmatch(name):
        raise ProviderError(f"header name {name.decode('latin-1')!r} is malformed")
    if b"\r" in value or b"\n" in value or b"\0" in value:
        raise ProviderError(f"the value of header {name.decode('latin-1')!r} holds a line end or NUL")
    return b"%b: %b\r\n" % (name, value)


@lru_cache(maxsize=512)
def render_lines(headers: HeaderPairs) -> bytes:
    """The header lines of a request, with what is sent with every one.

    Raises `ProviderError`: a header is malformed, or one that is written by this client alone.
    """
    names = {name.lower() for name, _ in headers}
    for name in names & (_WRITTEN_HERE | _CREDENTIALS):
        raise ProviderError(f"header {name.decode('ascii')!r} is written by the upstream client alone")
    pairs = [pair for pair in headers if pair[0].lower() != b"accept-encoding"]
    pairs += [pair for pair in _DEFAULTS if pair[0] not in names]
    pairs.append((b"accept-encoding", b"identity"))
    return b"".join(render_line(name, value) for name, value in pairs)


def render_request_line(method: str, target: str) -> bytes:
    """The first line; `target` comes from a parsed address.

    Raises `ProviderError`: the method is no token.
    """
    encoded = method.encode("ascii", "replace")
    if not _TOKEN.fullmatch(encoded):
        raise ProviderError(f"method {method!r} is malformed")
    return b"%b %b HTTP/1.1\r\n" % (encoded, target.encode("ascii"))


def render_length(method: str, body: bytes) -> bytes:
    """The line that frames the body, and the head's end. A request that has no body by nature gets none."""
    if not body and method in ("GET", "HEAD", "DELETE", "OPTIONS"):
        return b"\r\n"
    return b"content-length: %d\r\n\r\n" % len(body)
