"""Where a body ends: RFC 9112 section 6.3, less everything that two readers could take in two ways. No I/O.

Rules of this file: whatever is doubtful is refused, because the next answer on the connection would be read from the
wrong byte (section 11.2, response splitting). llhttp refuses a length beside a transfer coding, two lengths and folded
headers by itself; it lets pass what is refused here.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto

from entrepot.upstream.limits import Limits


class Malformed(Exception):
    """What the peer sent is not an answer that this client takes. Stays inside this package."""


class Framing(Enum):
    """How the end of a body is known."""

    EMPTY = auto()
    SIZED = auto()
    CHUNKED = auto()
    UNTIL_CLOSE = auto()


def decide_framing(version: str, status: int, headers: Iterable[tuple[bytes, bytes]], limits: Limits) -> Framing:
    """The framing that a head announces; header names are in lower case.

    Raises `Malformed`: the head leaves room for doubt, or announces a body over the limit.
    """
    if version not in ("1.1", "1.0"):
        raise Malformed(f"HTTP version {version}")
    if not 100 <= status <= 599 or status == 101:
        raise Malformed(f"status {status}")
    framing = Framing.UNTIL_CLOSE
    for name, value in headers:
        if name == b"transfer-encoding":
            if value.lower() != b"chunked" or framing is not Framing.UNTIL_CLOSE or version == "1.0":
                raise Malformed("a transfer coding other than one 'chunked' in HTTP/1.1")
            framing = Framing.CHUNKED
        elif name == b"content-length":
            if not value.isdigit() or framing is not Framing.UNTIL_CLOSE:
                raise Malformed("a content-length that is doubtful or not alone")
            if int(value) > limits.max_body_bytes:
                raise Malformed(f"a body of more than {limits.max_body_bytes} bytes")
            framing = Framing.SIZED
    if status < 200:
        if framing is not Framing.UNTIL_CLOSE:
            raise Malformed("an informational answer with a body")
        return Framing.EMPTY
    return Framing.EMPTY if status in (204, 304) else framing
