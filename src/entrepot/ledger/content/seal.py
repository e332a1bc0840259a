"""Keys that kept content is encrypted with: AES-256-GCM, one of them for what is written, earlier ones for what is read.

Rules of this file: a key is 32 random bytes, written in base64 (`entrepot ledger content new-key` draws one); no key is made of
a passphrase, which somebody who has the file could guess. What is sealed is bound to its exchange's id and its form. A nonce is
drawn for each (NIST SP 800-38D, 8.2.2): with 96 random bits, 2^32 seals under one key stay within its bound, so change the key
before that. A key is known by eight hex digits of a digest, which tell nothing of it. No message holds a key.
"""

from __future__ import annotations

import base64
import hashlib
import importlib
import secrets
from collections.abc import Mapping
from typing import Protocol

from entrepot.errors import ExtraMissing, LedgerError, SettingsError
from entrepot.ledger.content.record import Form

KEY_BYTES = 32
_NONCE_BYTES = 12
_ID_OF = b"entrepot content key\n"


class _Cipher(Protocol):
    def encrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...

    def decrypt(self, nonce: bytes, data: bytes, associated_data: bytes) -> bytes: ...


def make_key() -> str:
    """A new key, as text."""
    return base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()


def read_key(text: str, reference: str) -> bytes:
    """The key that `text` says. Raises SettingsError, which names the reference."""
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:  # not base64, or not even ASCII
        key = b""
    if len(key) != KEY_BYTES:
        raise SettingsError(
            f"secret {reference} is not a key for content, which is {KEY_BYTES} random bytes in base64: "
            "make one with `entrepot ledger content new-key`"
        )
    return key


def id_of(key: bytes) -> str:
    """What a key is known by."""
    return hashlib.sha256(_ID_OF + key).hexdigest()[:8]


class Seals:
    """Seals with `current` (None: leaves bodies open), and opens with that and with `earlier`. Raises ExtraMissing."""

    def __init__(self, current: bytes | None = None, earlier: tuple[bytes, ...] = ()) -> None:
        keys = (*(() if current is None else (current,)), *earlier)
        self.current = None if current is None else id_of(current)
        self._ciphers: Mapping[str, _Cipher] = {}
        if not keys:
            return
        try:
            aead = importlib.import_module("cryptography.hazmat.primitives.ciphers.aead")
            self._invalid: type[Exception] = importlib.import_module("cryptography.exceptions").InvalidTag
        except ImportError:
            raise ExtraMissing("[content] encrypt_with", "content") from None
        self._ciphers = {id_of(key): aead.AESGCM(key) for key in keys}

    def seal(self, body: bytes, exchange: str, form: Form) -> tuple[str | None, bytes]:
        """The id of the key, and the body sealed with it; None and the body where there is no key."""
        if self.current is None:
            return None, body
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return self.current, nonce + self._ciphers[self.current].encrypt(nonce, body, _bound(exchange, form))

    def open(self, body: bytes, sealed_by: str | None, exchange: str, form: Form) -> bytes:
        """The body as it was. Raises LedgerError where its key is not at hand, or where it is not what was sealed."""
        if sealed_by is None:
            return body
        cipher = self._ciphers.get(sealed_by)
        if cipher is None:
            told = f"the content of {exchange} is encrypted with the key {sealed_by}"
            held = ", ".join(self._ciphers) or "none"
            raise LedgerError(f"{told}, and [content] names another ({held}): name that key in decrypt_with to read it")
        try:
            return cipher.decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], _bound(exchange, form))
        except (self._invalid, ValueError):
            raise LedgerError(
                f"the content of {exchange} cannot be decrypted with the key {sealed_by}: it was changed after it was written"
            ) from None


def _bound(exchange: str, form: Form) -> bytes:
    return f"{exchange}\n{form}".encode()
