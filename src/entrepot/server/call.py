"""One HTTP request as the endpoints hand it on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

import msgspec

from entrepot.dialects.base import ClientDialect, Envelope
from entrepot.dialects.counting import counting_dialect
from entrepot.dialects.registry import CLIENT_DIALECTS, CLIENT_PATHS, client_dialect
from entrepot.exchange.records import Trace
from entrepot.exchange.tracing import Tracing
from entrepot.server.http import Asker, Receive, Scope, Send
from entrepot.server.models import asker_of, model_named


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
    spoken: ClientDialect | None = None
    tracing: Tracing | None = None

    @property
    def dialect(self) -> ClientDialect:
        """The dialect of the path that was asked for."""
        if self.spoken is None:
            path: str = self.scope["path"]
            if self.scope["method"] != "POST" and model_named(path) is not None:
                self.spoken = CLIENT_DIALECTS[asker_of(path, self.headers)]
            else:
                self.spoken = counting_dialect(path) or client_dialect(path) or next(iter(CLIENT_PATHS.values()))
        return self.spoken

    @property
    def peer(self) -> str | None:
        """The other end of the connection, where it has an address."""
        peer = self.scope.get("client")
        return None if peer is None else peer[0]

    @property
    def trace(self) -> Trace | None:
        """The trace that the exchange belongs to."""
        return None if self.tracing is None else self.tracing.trace

    @property
    def logged(self) -> dict[str, dict[str, str]]:
        """What a log record of it carries beside its message."""
        return {"fields": {} if self.tracing is None else {"trace_id": self.tracing.trace.id}}

    @property
    def envelope(self) -> Envelope:
        """What dialects read of a request beside its body."""
        return Envelope(self.scope["path"], self.scope["query_string"].decode("latin-1"), self.headers)


Handler = Callable[[Call], Awaitable[None]]
