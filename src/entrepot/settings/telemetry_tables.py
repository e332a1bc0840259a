"""The shape of what entrepot.toml says of how the gateway tells how it goes: metrics, logs."""

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
