"""[metrics], [log] and [telemetry] checked and resolved."""

from __future__ import annotations

from pathlib import Path

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


def resolve_telemetry(table: TelemetryTable) -> TelemetrySettings:
    """What providers are told of traces."""
    return TelemetrySettings(TraceRules(traceparent=table.traceparent, tracestate=table.tracestate))


def _reference(text: str | None, path: tuple[str, ...], directory: Path, problems: Problems) -> str | None:
    if text is None:
        return None
    if wrong := check_reference(text):
        problems.add(path, wrong)
        return None
    return anchor_reference(text, directory)
