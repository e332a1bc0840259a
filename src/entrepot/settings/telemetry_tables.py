"""The shape of what entrepot.toml says of how the gateway tells how it goes: metrics, logs, traces."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.exchange.tracing import Where
from entrepot.settings.words import Name

Signal = Literal["traces", "metrics"]
_WHERE = "`everywhere`, `on_premises` or `nowhere`."


class MetricsTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who may read GET /metrics."""

    allow: Annotated[tuple[Name, ...], Meta(description="Networks from which it may be read, such as 10.0.0.0/8.")] = (
        "127.0.0.0/8",
        "::1/128",
    )
    token: Annotated[
        Name | None, Meta(description="Where a bearer token is found that is needed too: env:NAME or file:PATH.")
    ] = None


class LogTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is logged, and how. No prompt and no answer ever is."""

    format: Annotated[
        Literal["text", "json"], Meta(description="Lines for people, or a JSON object a line for programs.")
    ] = "text"
    level: Annotated[Literal["debug", "info", "warning", "error"], Meta(description="The least that is logged.")] = (
        "info"
    )
    exchanges: Annotated[bool, Meta(description="Log a line for each exchange once it is in the ledger.")] = False


class TelemetryTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What an OpenTelemetry collector is sent, and which providers are told of a client's trace. No prompt and no answer is."""

    export: Annotated[
        tuple[Signal, ...], Meta(description="What is sent by OTLP over HTTP. Needs the otel extra.")
    ] = ()
    endpoint: Annotated[
        Name | None, Meta(description="The collector, without /v1/traces; otherwise what OTEL_EXPORTER_OTLP_* say.")
    ] = None
    headers: Annotated[
        Name | None,
        Meta(description="Where headers for it are found, as name=value,name=value: env:NAME or file:PATH."),
    ] = None
    sample: Annotated[float, Meta(ge=0, le=1, description="The share of traces begun here that is kept.")] = 1.0
    queue: Annotated[
        int, Meta(ge=1, le=1_000_000, description="How many exchanges wait at most while the collector takes none.")
    ] = 10_000
    traceparent: Annotated[
        Where, Meta(description=f"Which deployments are told which trace a request belongs to: {_WHERE}")
    ] = "everywhere"
    tracestate: Annotated[
        Where, Meta(description=f"Which are told what the client's tools add to it too: {_WHERE}")
    ] = "on_premises"
