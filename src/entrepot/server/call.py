"""One HTTP request as the endpoints hand it on."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from entrepot.dialects.base import Envelope
from entrepot.server.http import Asker, Receive, Scope, Send


class Call(msgspec.Struct, eq=False):
    """One HTTP request on its way through the endpoints."""

    scope: Scope
    receive: Receive
    client: Asker
    send: Send
    headers: Mapping[bytes, bytes]
    id: str
    started_ns: int
    started_s: float
    upload_s: float = 0.0
    received: bool = False

    @property
    def peer(self) -> str | None:
        """The other end of the connection, where it has an address."""
        peer = self.scope.get("client")
        return None if peer is None else peer[0]

    @property
    def envelope(self) -> Envelope:
        """What dialects read of a request beside its body."""
        return Envelope(self.scope["path"], self.scope["query_string"].decode("latin-1"), self.headers)
