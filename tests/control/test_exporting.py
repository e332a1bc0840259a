from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from entrepot.control.exporting import Exporting, check_exporting, open_exporting
from entrepot.errors import ExtraMissing, SettingsError
from entrepot.exchange.records import Entry
from entrepot.settings.schema import TelemetrySettings
from entrepot.telemetry.exporting import Sent
from entrepot.telemetry.families import EXPORT_FAILING, EXPORT_WAITING, EXPORTED
from entrepot.telemetry.metrics import Metrics
from tests.end_to_end.world import eventually
from tests.settings.toml import ONE_DEPLOYMENT, load
from tests.telemetry.told import an_attempt, an_entry

BOTH = TelemetrySettings(("traces", "metrics"))


class Sender:
    def __init__(self) -> None:
        self.sent: list[Entry] = []

    def send(self, entries: Sequence[Entry]) -> Sent:
        self.sent += entries
        return "taken"

    def close(self) -> None:
        self.sent.append(an_entry())  # seen to be called


class Meters:
    failing = True

    def __init__(self, *, defective: bool = False) -> None:
        self.added = 0
        self._defective = defective

    def add(self, entries: Sequence[Entry]) -> None:
        self.added += len(entries)
        if self._defective:
            raise RuntimeError("of the library")

    def close(self, within_s: float) -> None:
        assert within_s > 0


def test_all_entries_are_measured_and_those_of_a_trace_are_sent_and_counted(tmp_path: Path) -> None:
    sender, meters, metrics = Sender(), Meters(), Metrics(str(tmp_path), "control-0", list)
    exporting = Exporting(sender, meters, 10)
    traced, untraced = an_entry(an_attempt()), an_entry(an_attempt(), trace=None)
    exporting.hear([traced, untraced, traced])
    assert eventually(lambda: sender.sent == [traced, traced])
    assert meters.added == 3
    exporting.close()
    for _ in range(2):  # counted once, however often it is looked at
        assert exporting.look(metrics) == {
            (EXPORT_WAITING, ()): 0.0,
            (EXPORT_FAILING, ("traces",)): 0.0,
            (EXPORT_FAILING, ("metrics",)): 1.0,
        }
    assert f'{EXPORTED.name}{{outcome="exported"}} 2' in metrics.render().decode()
    assert f'{EXPORTED.name}{{outcome="dropped"}} 0' in metrics.render().decode()
    assert len(sender.sent) == 3
    metrics.close()


def test_a_defect_is_told_once_and_whoever_tells_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    meters = Meters(defective=True)
    exporting = Exporting(None, meters, 10)
    for _ in range(3):
        exporting.hear([an_entry()])
    assert meters.added == 3
    assert [record.getMessage() for record in caplog.records] == ["entries are not exported by a defect"]
    exporting.close()


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(_: str) -> Any:
        raise ModuleNotFoundError

    monkeypatch.setattr(importlib.util, "find_spec", absent)
    with pytest.raises(ExtraMissing, match=r"\[telemetry\] export needs the 'otel' extra.*entrepot\[otel\]"):
        check_exporting(BOTH, {})
    check_exporting(TelemetrySettings(), {})


@pytest.mark.parametrize("value", ["", "authorization", "=x", "a=b,c"])
def test_headers_that_cannot_be_read_are_told_without_what_they_hold(value: str) -> None:
    settings = TelemetrySettings(("traces",), headers="env:COLLECTOR_HEADERS")
    with pytest.raises(SettingsError, match="env:COLLECTOR_HEADERS") as told:
        check_exporting(settings, {"COLLECTOR_HEADERS": value})
    assert not value or value not in told.value.message


def test_nothing_is_opened_where_nothing_is_asked_for_or_can_be(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert open_exporting(load(tmp_path, ONE_DEPLOYMENT), {}) is None
    asked = load(tmp_path, ONE_DEPLOYMENT + '[telemetry]\nexport = ["traces"]\nheaders = "env:NOWHERE"\n')
    assert open_exporting(asked, {}) is None
    assert "nothing is exported: secret env:NOWHERE has no value" in caplog.text
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert open_exporting(asked, {"NOWHERE": "a=b"}) is None
    assert "OTEL_SDK_DISABLED" in caplog.text


def test_an_sdk_that_cannot_start_is_told_of_and_ends_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise ValueError("of the library")

    monkeypatch.setattr("entrepot.telemetry.otlp.build_resource", fails)
    assert open_exporting(load(tmp_path, ONE_DEPLOYMENT + '[telemetry]\nexport = ["metrics"]\n'), {}) is None
    assert "nothing is exported: the OpenTelemetry SDK cannot start" in caplog.text
