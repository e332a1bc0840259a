from __future__ import annotations

from pathlib import Path

import pytest

from entrepot.exchange.tracing import TraceRules
from entrepot.settings.schema import LedgerSettings, LogSettings, MetricsSettings, TelemetrySettings
from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


def test_what_is_not_said_is_as_safe_as_can_be(tmp_path: Path) -> None:
    loaded = load(tmp_path, ONE_DEPLOYMENT)
    assert loaded.metrics == MetricsSettings(("127.0.0.0/8", "::1/128"))
    assert loaded.log == LogSettings("text", "info", exchanges=False)
    assert loaded.telemetry == TelemetrySettings(tracing=TraceRules(False, 1.0, "everywhere", "on_premises"))
    assert loaded.ledger == LedgerSettings(f"{tmp_path}/entrepot-data", reserve_bytes=16 * 1024 * 1024)


def test_all_of_it_may_be_said(tmp_path: Path) -> None:
    document = """
[metrics]
allow = ["10.0.0.0/8"]
token = "file:token"
[log]
format = "json"
level = "error"
exchanges = true
[telemetry]
export = ["traces", "metrics"]
endpoint = "https://collector.test:4318/otlp"
headers = "file:headers"
sample = 0.25
queue = 7
traceparent = "on_premises"
tracestate = "nowhere"
[ledger]
durability = "fsync"
reserve_mb = 2
when_full = "refuse"
"""
    loaded = load(tmp_path, ONE_DEPLOYMENT + document)
    assert loaded.metrics == MetricsSettings(("10.0.0.0/8",), f"file:{tmp_path}/token")
    assert loaded.log == LogSettings("json", "error", exchanges=True)
    assert loaded.telemetry == TelemetrySettings(
        ("traces", "metrics"),
        "https://collector.test:4318/otlp",
        f"file:{tmp_path}/headers",
        7,
        TraceRules(True, 0.25, "on_premises", "nowhere"),
    )
    assert loaded.ledger.durability == "fsync"
    assert (loaded.ledger.reserve_bytes, loaded.ledger.when_full) == (2 * 1024 * 1024, "refuse")


def test_what_is_no_network_and_no_reference_is_told(tmp_path: Path) -> None:
    told = refuse(tmp_path, ONE_DEPLOYMENT + "[metrics]\nallow = ['everywhere']\ntoken = 'hunter2'\n")
    assert "metrics.allow[0]: expected a network" in told
    assert "metrics.token: write where the secret is found" in told
    assert "hunter2" not in told


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("export = ['traces', 'traces']", "telemetry.export: names the same twice"),
        ("export = ['spans']", "telemetry.export[0]"),
        ("endpoint = 'collector:4318'", "telemetry.endpoint: expected the address of a collector"),
        ("endpoint = 'http://user:hunter2@collector'", "telemetry.endpoint: expected the address of a collector"),
        ("endpoint = 'http://collector:99999'", "telemetry.endpoint: expected the address of a collector"),
        ("headers = 'authorization=hunter2'", "telemetry.headers: write where the secret is found"),
        ("sample = 0.5", "telemetry.sample: no traces are kept: export names none"),
        ("sample = 1.5", "telemetry.sample"),
        ("traceparent = 'never'", "telemetry.traceparent"),
    ],
)
def test_what_cannot_be_sent_is_told(tmp_path: Path, line: str, told: str) -> None:
    said = refuse(tmp_path, f"{ONE_DEPLOYMENT}[telemetry]\n{line}\n")
    assert told in said
    assert "hunter2" not in said
