"""GET /metrics: who may read it.

Rules of this file: what an installation spends and on whom is not everybody's to know. It is read from the networks that the
operator names, by default from this machine alone. Whoever comes through a proxy is where that proxy says, if it is one that is
trusted, and nowhere if it is not: a proxy on this machine does not make its clients neighbours.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable, Mapping

import msgspec

from entrepot.errors import Forbidden, Unauthenticated
from entrepot.server.addresses import caller_address, lies_in, parse_networks
from entrepot.settings.schema import MetricsSettings

_FORWARDED = (b"x-forwarded-for", b"forwarded", b"x-real-ip")


class MetricsPage:
    """The page: `render` makes it, `read` reads the token that the settings refer to."""

    def __init__(
        self,
        settings: MetricsSettings,
        trusted_proxies: tuple[str, ...],
        render: Callable[[], bytes],
        read: Callable[[str], str],
    ) -> None:
        self._render = render
        self._allowed = parse_networks(settings.allow)
        self._trusted = parse_networks(trusted_proxies)
        self._token = settings.token
        self._read = read

    async def read(self, headers: Mapping[bytes, bytes], peer: str | None) -> bytes:
        """The page. Raises what `admit` raises."""
        self.admit(headers, peer)
        return await asyncio.to_thread(self._render)

    def admit(self, headers: Mapping[bytes, bytes], peer: str | None) -> None:
        """Raises Forbidden or Unauthenticated; SettingsError where the token is not there."""
        if not self._is_near(headers, peer):
            raise Forbidden(
                "metrics are not read from here; [metrics] allow says from where", code="address_not_allowed"
            )
        if self._token is not None:
            scheme, _, shown = headers.get(b"authorization", b"").partition(b" ")
            wanted = self._read(self._token).encode()
            if scheme.lower() != b"bearer" or not hmac.compare_digest(shown.strip(), wanted):
                raise Unauthenticated(
                    "metrics are read with the token of [metrics]: use 'Authorization: Bearer <token>'"
                )

    def _is_near(self, headers: Mapping[bytes, bytes], peer: str | None) -> bool:
        forwarded = any(name in headers for name in _FORWARDED)
        if peer is None:  # a Unix socket: whoever may open it
            return not forwarded
        direct = caller_address(peer, "", ())
        address = caller_address(peer, headers.get(b"x-forwarded-for", b"").decode("latin-1"), self._trusted)
        if address is None or (forwarded and address == direct):
            return False  # somebody came through a proxy that nobody vouches for
        return lies_in(address, self._allowed)


class Telling(msgspec.Struct, frozen=True, eq=False):
    """How a gateway tells how it goes: the page of metrics, errors counted by code, notes on the rest of the installation."""

    page: MetricsPage
    refuse: Callable[[str], None]
    notes: Callable[[], list[str]]
