"""The shape of what entrepot.toml says of how the gateway tells how it goes: metrics, logs, traces."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from entrepot.settings.words import Name


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


class OtelTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where traces and metrics are sent by OpenTelemetry's protocol (OTLP over HTTP). Needs the otel extra."""

    endpoint: Annotated[Name, Meta(description="The collector's address, such as http://localhost:4318.")]
    headers: Annotated[
        Name | None, Meta(description="Where its headers are found, as name=value,name=value: env:NAME or file:PATH.")
    ] = None
    service_name: Annotated[Name, Meta(description="What this installation is called there.")] = "entrepot"
    traces: Annotated[bool, Meta(description="Whether a trace of each exchange is sent.")] = True
    metrics: Annotated[bool, Meta(description="Whether metrics of generative AI are sent.")] = True
    sample: Annotated[
        float,
        Meta(ge=0, le=1, description="The share of traces that is sent; those that clients began keep their word."),
    ] = 1.0
