"""[metrics], [log] and [telemetry] checked and resolved."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from entrepot.exchange.tracing import TraceRules
from entrepot.settings.networks import check_network
from entrepot.settings.problems import Problems
from entrepot.settings.schema import LogSettings, MetricsSettings, TelemetrySettings
from entrepot.settings.secret import anchor_reference, check_reference
from entrepot.settings.telemetry_tables import LogTable, MetricsTable, TelemetryTable


def resolve_metrics(table: MetricsTable, directory: Path, problems: Problems) -> MetricsSettings:
    """Who may read metrics."""
    for index, network in enumerate(table.allow):
        if wrong := check_network(network):
            problems.add(("metrics", "allow", index), wrong)
    return MetricsSettings(table.allow, _reference(table.token, ("metrics", "token"), directory, problems))


def resolve_log(table: LogTable) -> LogSettings:
    """What is logged."""
    return LogSettings(**msgspec.structs.asdict(table))


def resolve_telemetry(table: TelemetryTable, directory: Path, problems: Problems) -> TelemetrySettings:
    """What a collector is sent, and what providers are told of traces."""
    if len(set(table.export)) < len(table.export):
        problems.add(("telemetry", "export"), "names the same twice")
    if table.endpoint is not None and not _is_address(table.endpoint):
        problems.add(
            ("telemetry", "endpoint"),
            "expected the address of a collector, such as http://localhost:4318, without a user name, a query or a fragment",
        )
    if table.sample < 1 and "traces" not in table.export:
        problems.add(("telemetry", "sample"), "no traces are kept: export names none")
    return TelemetrySettings(
        export=table.export,
        endpoint=table.endpoint,
        headers=_reference(table.headers, ("telemetry", "headers"), directory, problems),
        queue=table.queue,
        tracing=TraceRules("traces" in table.export, table.sample, table.traceparent, table.tracestate),
    )


def _is_address(text: str) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    whole = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return whole and "@" not in parts.netloc and not parts.query and not parts.fragment


def _reference(text: str | None, path: tuple[str, ...], directory: Path, problems: Problems) -> str | None:
    if text is None:
        return None
    if wrong := check_reference(text):
        problems.add(path, wrong)
        return None
    return anchor_reference(text, directory)
