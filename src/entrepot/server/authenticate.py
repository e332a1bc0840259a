"""Who is asking: a key becomes a principal.

Rules of this file: a key is looked up by its SHA-256 digest, so the time taken tells nothing of the key; the key itself is
neither kept nor logged. OpenAI clients send `Authorization: Bearer`, Anthropic's either that or `x-api-key`, Gemini's
`x-goog-api-key` or, in programs that speak HTTP themselves, `?key=` as Google's own examples do: there alone it is read from
an address, because addresses are written to logs along the way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from urllib.parse import parse_qs

from entrepot.errors import Unauthenticated
from entrepot.policy.rules import Principal
from entrepot.settings.schema import KeySettings

MAX_KEY_BYTES = 512


class Keyring:
    """The keys of an installation, by digest."""

    def __init__(self, keys: Iterable[KeySettings]) -> None:
        self._principals: Mapping[bytes, Principal] = {bytes.fromhex(key.sha256): key.principal() for key in keys}

    def authenticate(self, headers: Mapping[bytes, bytes], query: bytes = b"") -> Principal:
        """The principal behind the request's key. Raises Unauthenticated, which does not say what was wrong with it.

        `query` is the address's where its dialect takes a key there.
        """
        key = _presented_key(headers) or _key_of_query(query)
        if not key:
            raise Unauthenticated(
                "no API key was sent: use 'Authorization: Bearer <key>' with a key of this gateway",
                code="missing_api_key",
            )
        principal = self._principals.get(hashlib.sha256(key).digest()) if len(key) <= MAX_KEY_BYTES else None
        if principal is None:
            raise Unauthenticated("the API key is not one of this gateway's; a provider's own key is not accepted here")
        return principal


def _presented_key(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    return (headers.get(b"x-api-key") or headers.get(b"x-goog-api-key") or b"").strip()


def _key_of_query(query: bytes) -> bytes:
    if b"key=" not in query:
        return b""
    return parse_qs(query.decode("latin-1"), encoding="latin-1").get("key", [""])[0].strip().encode("latin-1")
