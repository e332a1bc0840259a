"""The trace that a request says it belongs to."""

from __future__ import annotations

from collections.abc import Mapping

from entrepot.exchange.tracing import TraceRules, Tracing, begin_tracing
from entrepot.server.http import Scope

_PARENT = b"traceparent"


def tracing_of(scope: Scope, headers: Mapping[bytes, bytes], exchange: str, rules: TraceRules) -> Tracing | None:
    """The trace of this exchange, None where it belongs to none. A `traceparent` that is there twice says nothing."""
    if _PARENT in headers:
        given = [value for name, value in scope["headers"] if name == _PARENT]
        return begin_tracing(rules, exchange, given, headers.get(b"tracestate", b""))
    return begin_tracing(rules, exchange, ()) if rules.records else None
