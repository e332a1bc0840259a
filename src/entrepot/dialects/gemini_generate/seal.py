"""Other providers' signatures inside `thoughtSignature`, so that a Gemini client brings them back.

Rules of this file: the wire's signature is bytes in base64, which Google's own client decodes and encodes anew. One of another
dialect is therefore base64 of `entrepot:<dialect>:<signature>`; it is told by how that begins, and is never sent to Google.
"""

from __future__ import annotations

import base64
import binascii

from entrepot.dialects.gemini_generate.wire import DIALECT

_OPENING = b"entrepot:"  # nine bytes, so that their base64 is the same whatever follows
_SEALED = base64.urlsafe_b64encode(_OPENING).decode()


def seal(signature: str, bound_to: str | None) -> str:
    """What the wire carries: the signature itself where it is of this dialect."""
    if bound_to == DIALECT:
        return signature
    return base64.urlsafe_b64encode(_OPENING + f"{bound_to or ''}:{signature}".encode()).decode()


def is_sealed(wire: str) -> bool:
    """Whether `seal` wrapped another dialect's signature."""
    return wire.startswith(_SEALED)


def unseal(wire: str) -> tuple[str, str | None]:
    """The signature, and the dialect that it is bound to."""
    if not is_sealed(wire):
        return wire, DIALECT
    try:
        # Either alphabet: Google's client writes the one with `-` and `_`, others the plain one.
        text = base64.b64decode(wire.translate(str.maketrans("-_", "+/")), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return wire, DIALECT
    bound_to, _, signature = text.removeprefix(_OPENING.decode()).partition(":")
    return signature, bound_to or None
