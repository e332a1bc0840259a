"""Other dialects' signatures (dialects/seal.py) inside `thoughtSignature`, so that a Gemini client brings them back.

Rules of this file: the wire's signature is bytes in base64, which Google's own client decodes and encodes anew. A sealed one is
therefore base64 of its mark; it is told by how that begins, and is never sent to Google.
"""

from __future__ import annotations

import base64
import binascii

from entrepot.dialects.gemini_generate.wire import DIALECT
from entrepot.dialects.seal import seal, unseal

_SEALED = base64.urlsafe_b64encode(b"entrepot:").decode()  # nine bytes: their base64 is the same whatever follows
_ONE_ALPHABET = str.maketrans("-_", "+/")


def wire_signature(signature: str | None, bound_to: str | None) -> str:
    """What the wire carries: the signature itself where it is of this dialect."""
    if bound_to == DIALECT and signature:
        return signature
    return base64.urlsafe_b64encode(seal(signature, bound_to, DIALECT).encode()).decode()


def is_sealed(wire: str) -> bool:
    """Whether the wire carries another dialect's signature."""
    return wire.startswith(_SEALED)


def canonical_signature(wire: str) -> tuple[str | None, str | None]:
    """(signature, bound_to) of what the wire carries."""
    if not is_sealed(wire):
        return wire, DIALECT
    try:
        # Either alphabet: Google's client writes the one with `-` and `_`, others the plain one.
        kept = base64.b64decode(wire.translate(_ONE_ALPHABET), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return wire, DIALECT
    return unseal(kept, DIALECT)
