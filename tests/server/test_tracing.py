from __future__ import annotations

from entrepot.exchange.tracing import UNTRACED, TraceRules
from entrepot.server.http import Scope, headers_of
from entrepot.server.tracing import tracing_of

ID = "01a202ef-f84a-7916-affa-ebdc3d382150"
GIVEN = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def scope_of(*headers: tuple[bytes, bytes]) -> Scope:
    return {"headers": list(headers)}


def test_a_trace_is_read_from_the_headers_and_lists_of_its_state_add_up() -> None:
    scope = scope_of((b"tracestate", b"a=1"), (b"traceparent", GIVEN), (b"tracestate", b"b=2"))
    tracing = tracing_of(scope, headers_of(scope), ID, UNTRACED)
    assert tracing is not None
    assert (tracing.trace.parent, tracing.state) == ("b7ad6b7169203331", b"a=1,b=2")


def test_a_trace_that_is_named_twice_is_none() -> None:
    scope = scope_of((b"traceparent", GIVEN), (b"traceparent", GIVEN))
    assert tracing_of(scope, headers_of(scope), ID, UNTRACED) is None


def test_a_trace_begins_here_only_where_spans_are_kept() -> None:
    scope = scope_of((b"tracestate", b"a=1"))
    assert tracing_of(scope, headers_of(scope), ID, UNTRACED) is None
    tracing = tracing_of(scope, headers_of(scope), ID, TraceRules(records=True))
    assert tracing is not None
    assert (tracing.trace.parent, tracing.state) == (None, b"")
