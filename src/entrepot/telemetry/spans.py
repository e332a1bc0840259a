"""The spans of an entry, by the semantic conventions for generative AI.

Rules of this file: nothing is said of what was asked or answered. The span of an exchange is a server's; each attempt is a
client's, and tokens are on these alone: whoever adds spans up must not find them twice. What a client asks for as its model is
told once it is known that there is such a name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec

from entrepot.canonical.response import Usage
from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.exchange.tracing import attempt_span_id, exchange_span_id
from entrepot.telemetry.genai import Attributes, Hosts, Value, error_type, operation_of, provider_name, told

Kind = Literal["server", "client"]
_MS = 1_000_000
_LONGEST = 200


class SpanFacts(msgspec.Struct, frozen=True):
    """One span. Ids are hexadecimal digits, times Unix nanoseconds; `parent_is_remote`: it is a span of the client's."""

    name: str
    kind: Kind
    trace: str
    span: str
    parent: str | None
    parent_is_remote: bool
    flags: int
    start_ns: int
    end_ns: int
    attributes: Attributes
    failed: bool


def spans_of(entry: Entry, hosts: Hosts) -> Iterator[SpanFacts]:
    """The spans of an exchange, its own first; none where no span of it is to be kept."""
    trace = entry.trace
    if trace is None or not trace.recorded:
        return
    operation, own = operation_of(entry), exchange_span_id(entry.id)
    known = entry.route is not None or bool(entry.attempts)
    yield SpanFacts(
        name=f"{operation} {entry.asked_model[:_LONGEST]}" if known else operation,
        kind="server",
        trace=trace.id,
        span=own,
        parent=trace.parent,
        parent_is_remote=True,
        flags=trace.flags,
        start_ns=entry.started_ns,
        end_ns=entry.started_ns + round(entry.duration_ms * _MS),
        attributes=told({**_exchange(entry, operation), "gen_ai.request.model": entry.asked_model if known else None}),
        failed=entry.state == "broken" or entry.status >= 500,
    )
    for attempt in entry.attempts:
        start_ns = entry.started_ns + round((attempt.started_ms or 0.0) * _MS)
        host = hosts.of(attempt)
        yield SpanFacts(
            name=f"{operation} {host['gen_ai.request.model']}",
            kind="client",
            trace=trace.id,
            span=attempt_span_id(entry.id, attempt.number),
            parent=own,
            parent_is_remote=False,
            flags=trace.flags,
            start_ns=start_ns,
            end_ns=start_ns + round(attempt.duration_ms * _MS),
            attributes=told({**_attempt(entry, attempt, operation), **host}),
            failed=attempt.failure is not None,
        )


def _exchange(entry: Entry, operation: str) -> Mapping[str, Value | None]:
    served = entry.served
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.provider.name": None if served is None else provider_name(served.provider),
        "gen_ai.response.model": None if served is None else served.model,
        **_circumstances(entry),
        "gen_ai.response.time_to_first_chunk": _seconds(entry.first_token_ms) if entry.stream else None,
        "http.response.status_code": entry.status,
        "error.type": error_type(entry),
        "entrepot.exchange.id": entry.id,
        "entrepot.state": entry.state,
        "entrepot.error.code": entry.error_code,
        "entrepot.dialect": entry.dialect,
        "entrepot.route": entry.route,
        "entrepot.rule": entry.rule,
        "entrepot.key": entry.key,
        "entrepot.team": entry.team,
        "entrepot.deployment": None if served is None else served.deployment,
        "entrepot.attempts": len(entry.attempts),
        "entrepot.added": entry.added_ms / 1000,
        "entrepot.cost.nano_usd": entry.cost_nano_usd,
        "entrepot.baseline.nano_usd": None if entry.baseline is None else entry.baseline.cost_nano_usd,
    }


def _attempt(entry: Entry, attempt: AttemptRecord, operation: str) -> Mapping[str, Value | None]:
    return {
        "gen_ai.operation.name": operation,
        "gen_ai.response.model": None if attempt.claimed_model is None else attempt.claimed_model[:_LONGEST],
        **_circumstances(entry),
        "gen_ai.response.time_to_first_chunk": _seconds(attempt.first_byte_ms) if entry.stream else None,
        **({} if attempt.usage is None else _usage(attempt.usage)),
        "http.response.status_code": attempt.status or None,
        "error.type": attempt.failure,
        "entrepot.model": attempt.model,
        "entrepot.attempt": attempt.number,
        "entrepot.answered": attempt.answered,
        "entrepot.cost.nano_usd": attempt.cost_nano_usd,
    }


def _circumstances(entry: Entry) -> Mapping[str, Value | None]:
    session = 0 if entry.grounds is None else entry.grounds.session
    return {
        "gen_ai.conversation.id": str(session) if session else None,
        "gen_ai.request.stream": True if entry.stream else None,
    }


def _usage(usage: Usage) -> Mapping[str, Value | None]:
    return {
        "gen_ai.usage.input_tokens": usage.all_input,
        "gen_ai.usage.output_tokens": usage.all_output,
        "gen_ai.usage.cache_read.input_tokens": usage.cache_read_tokens or None,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write_tokens or None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning_tokens or None,
        "entrepot.usage.estimated": True if usage.estimated else None,
    }


def _seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000
