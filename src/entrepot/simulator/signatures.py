"""Signatures that a stand-in puts on its reasoning, and knows again: nobody else can make one, and nothing signed may change.

Rules of this file: a signature is a keyed digest of what it signs, so nothing has to be kept between two requests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

_DIGEST_BYTES = 32


def sign(wire: str, text: str) -> str:
    """A signature of `text` that only stand-ins of this wire make: base64 text."""
    return base64.b64encode(_digest(wire, text)).decode()


def signed(wire: str, text: str, signature: str) -> bool:
    """Whether it is their signature of this text."""
    return hmac.compare_digest(sign(wire, text).encode(), signature.encode("utf-8", "surrogatepass"))


def seal(wire: str, text: str) -> str:
    """`text` as opaque state, base64: its digest, then the text itself, encoded."""
    return base64.b64encode(_digest(wire, text) + text.encode("utf-8", "surrogatepass")).decode()


def opened(wire: str, sealed: str) -> str | None:
    """What `seal` sealed; None if it was not sealed here, or altered since."""
    try:
        data = base64.b64decode(sealed, validate=True)
        text = data[_DIGEST_BYTES:].decode("utf-8", "surrogatepass")
    except (binascii.Error, ValueError):
        return None
    return text if hmac.compare_digest(data[:_DIGEST_BYTES], _digest(wire, text)) else None


def _digest(wire: str, text: str) -> bytes:
    return hmac.new(f"stand-in of {wire}".encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
