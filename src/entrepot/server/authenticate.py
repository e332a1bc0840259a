"""Who is asking: a key becomes a principal.

Rules of this file: a key is looked up by its SHA-256 digest. How long that takes tells nothing of the key: to come closer to
a digest in force a caller would have to choose what SHA-256 makes of a text. The key itself is neither kept nor logged.
OpenAI clients send `Authorization: Bearer`, Anthropic's either that or `x-api-key`, Gemini's `x-goog-api-key` or, in programs
that speak HTTP themselves, `?key=` as Google's own examples do: there alone it is read from an address, because addresses are
written to logs along the way. A keyring is never changed: another one takes its place.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import parse_qs

from entrepot.errors import Forbidden, Unauthenticated
from entrepot.policy.rules import Principal
from entrepot.policy.teams import Team, parents_of
from entrepot.server.addresses import Network, caller_address, lies_in, parse_networks
from entrepot.settings.principals import principal_of
from entrepot.settings.schema import KeySettings

MAX_KEY_BYTES = 512


class _Known(NamedTuple):
    """A key that was made once. `networks` None: it may be used from anywhere."""

    principal: Principal
    expires_s: float | None
    disabled: bool
    networks: tuple[Network, ...] | None


class Keyring:
    """The keys of an installation, by digest."""

    def __init__(
        self, keys: Iterable[KeySettings], teams: Iterable[Team] = (), trusted_proxies: Iterable[str] = ()
    ) -> None:
        parents = parents_of(teams)
        self._trusted = parse_networks(trusted_proxies)
        compiled = [(key, _compile(key, parents)) for key in keys]
        self._known: Mapping[bytes, _Known] = {
            bytes.fromhex(key.sha256): known for key, known in compiled if key.sha256
        }
        self._certified = {key.certificate: known for key, known in compiled if key.certificate is not None}

    def authenticate(
        self,
        headers: Mapping[bytes, bytes],
        query: bytes = b"",
        *,
        peer: str | None = None,
        certificate: Sequence[str] = (),
        now_s: float = 0.0,
    ) -> Principal:
        """The principal behind the request's key.

        Raises Unauthenticated, which does not say what was wrong with a key that is not known here, or Forbidden where the
        key may not be used from the caller's address. `query` is the address's where its dialect takes a key there; `peer`
        the other end of the connection; `certificate` the names in the one that the client showed, which count where no key was
        sent; `now_s` Unix time.
        """
        key = _presented_key(headers) or _key_of_query(query)
        if key:
            known = self._known.get(hashlib.sha256(key).digest()) if len(key) <= MAX_KEY_BYTES else None
        else:
            known = self._certified_by(certificate)
        if known is None:
            raise Unauthenticated("the API key is not one of this gateway's; a provider's own key is not accepted here")
        principal = known.principal
        if known.disabled:
            raise Unauthenticated(f"the API key '{principal.key}' is disabled", code="disabled_api_key")
        if known.expires_s is not None and now_s >= known.expires_s:
            raise Unauthenticated(f"the API key '{principal.key}' has expired", code="expired_api_key")
        if known.networks is not None:
            self._check_address(known, peer, headers.get(b"x-forwarded-for", b"").decode("latin-1"))
        return principal

    def _certified_by(self, names: Sequence[str]) -> _Known:
        """Whom a client's certificate stands for, where it showed one and no key. Raises Unauthenticated."""
        known = next((self._certified[name] for name in names if name in self._certified), None)
        if known is None:
            told = f"; the certificate of {names[0][:100]} stands for none" if names else ""
            raise Unauthenticated(
                f"no API key was sent: use 'Authorization: Bearer <key>' with a key of this gateway{told}",
                code="missing_api_key",
            )
        return known

    def _check_address(self, known: _Known, peer: str | None, forwarded: str) -> None:
        address = caller_address(peer, forwarded, self._trusted)
        if address is None or not lies_in(address, known.networks or ()):
            name, told = known.principal.key, "an address that cannot be told" if address is None else address
            raise Forbidden(f"the API key '{name}' may not be used from {told}", code="address_not_allowed")


def _compile(key: KeySettings, parents: Mapping[str, str]) -> _Known:
    addresses = key.scope.addresses
    networks = None if addresses is None else parse_networks(addresses)
    return _Known(principal_of(key, parents), key.expires_s, key.disabled, networks)


def _presented_key(headers: Mapping[bytes, bytes]) -> bytes:
    scheme, _, rest = headers.get(b"authorization", b"").partition(b" ")
    if scheme.lower() == b"bearer":
        return rest.strip()
    return (headers.get(b"x-api-key") or headers.get(b"x-goog-api-key") or b"").strip()


def _key_of_query(query: bytes) -> bytes:
    if b"key=" not in query:
        return b""
    return parse_qs(query.decode("latin-1"), encoding="latin-1").get("key", [""])[0].strip().encode("latin-1")
