"""[metrics], [log] and [otel] checked and resolved."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from entrepot.settings.networks import check_network
from entrepot.settings.problems import Problems
from entrepot.settings.schema import LogSettings, MetricsSettings, OtelSettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.telemetry_tables import LogTable, MetricsTable, OtelTable


def resolve_metrics(table: MetricsTable, directory: Path, problems: Problems) -> MetricsSettings:
    """Who may read metrics."""
    for index, network in enumerate(table.allow):
        if wrong := check_network(network):
            problems.add(("metrics", "allow", index), wrong)
    return MetricsSettings(table.allow, _reference(table.token, ("metrics", "token"), directory, problems))


def resolve_log(table: LogTable) -> LogSettings:
    """What is logged."""
    return LogSettings(**msgspec.structs.asdict(table))


def resolve_otel(table: OtelTable | None, directory: Path, problems: Problems) -> OtelSettings | None:
    """Where traces are sent."""
    if table is None:
        return None
    parts = urlsplit(table.endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        what = "not the address of a collector; write it as http://localhost:4318 (OTLP over HTTP, without a path of a signal)"
        problems.add(("otel", "endpoint"), what)
    given = {**msgspec.structs.asdict(table), "endpoint": table.endpoint.rstrip("/")}
    given["headers"] = _reference(table.headers, ("otel", "headers"), directory, problems)
    return OtelSettings(**given)


def _reference(text: str | None, path: tuple[str, ...], directory: Path, problems: Problems) -> str | None:
    if text is None:
        return None
    if wrong := check_reference(text):
        problems.add(path, wrong)
        return None
    return anchor_reference(text, directory)
