"""Signatures that a stand-in puts on its reasoning, and knows again: nobody else can make one, and none may change.

Rules of this file: a signature holds what it stands for beside a keyed digest of it, so nothing is kept between two requests.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

import msgspec

_DIGEST_BYTES = 32


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


def sign(wire: str, shown: str, thought: str) -> str:
    """The signature of reasoning of which a client sees `shown`: it holds all that was thought."""
    return seal(wire, msgspec.json.encode([shown, thought]).decode())


def thought_of(wire: str, shown: str, signature: str) -> str | None:
    """What was thought, from a signature that came back; None if it was not made here for what is `shown`."""
    text = opened(wire, signature)
    if text is None or not text.startswith("["):
        return None
    told, thought = msgspec.json.decode(text)
    return str(thought) if told == shown else None


def _digest(wire: str, text: str) -> bytes:
    return hmac.new(f"stand-in of {wire}".encode(), text.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
