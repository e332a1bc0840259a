"""Keys that clients of the gateway present: how one is made, recognized and held.

Rules of this file: the text of a key is shown once, when it is made; what is kept is its SHA-256. A key is `ent-`, 43
characters that carry 32 random bytes in base 62, and 6 that carry their CRC-32, so that a scanner for leaked secrets knows
one from noise without asking anyone. With 256 random bits a plain digest is as good as a slow one: there is nothing to guess.
"""

from __future__ import annotations

import hashlib
import string
import zlib
from typing import NamedTuple

PREFIX = "ent-"
ENTROPY_BYTES = 32

PREFIX_CHARACTERS = 8
"""How many characters of a key may be shown: 24 of its 256 random bits."""

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_BODY_CHARACTERS = 43  # 62**43 > 2**256
_CHECK_CHARACTERS = 6  # 62**6 > 2**32


class ClientKey(NamedTuple):
    """A fresh key: the text to show once, and the digest to keep."""

    text: str
    sha256: str

    def __repr__(self) -> str:
        return f"ClientKey(sha256={self.sha256!r})"


def make_key(entropy: bytes) -> ClientKey:
    """The key that 32 random bytes make."""
    if len(entropy) != ENTROPY_BYTES:
        raise ValueError(f"a key is made of {ENTROPY_BYTES} random bytes")
    body = _base62(int.from_bytes(entropy, "big"), _BODY_CHARACTERS)
    text = PREFIX + body + _check(body)
    return ClientKey(text, digest(text))


def digest(text: str) -> str:
    """The hex SHA-256 by which a key is held."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def prefix_of(text: str) -> str:
    """How a key begins: enough to recognize it in a list or a log, too little to use it."""
    return f"{text[:PREFIX_CHARACTERS]}…"


def is_well_formed(text: str) -> bool:
    """Whether `text` is a key that `make_key` could have made; says nothing of whether it is in force."""
    body, check = text[len(PREFIX) : -_CHECK_CHARACTERS], text[-_CHECK_CHARACTERS:]
    return text.startswith(PREFIX) and len(body) == _BODY_CHARACTERS and check == _check(body)


def _check(body: str) -> str:
    return _base62(zlib.crc32(body.encode("utf-8", "surrogatepass")), _CHECK_CHARACTERS)


def _base62(number: int, characters: int) -> str:
    digits = ""
    for _ in range(characters):
        number, digit = divmod(number, 62)
        digits = _ALPHABET[digit] + digits
    return digits
