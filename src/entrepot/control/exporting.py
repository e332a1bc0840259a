"""What a collector is sent of the entries that come into the ledger, as the settings say."""

from __future__ import annotations

import importlib
import importlib.util
import logging
from collections.abc import Mapping, Sequence
from typing import Protocol
from urllib.parse import unquote

from entrepot.errors import EntrepotError, ExtraMissing, SettingsError
from entrepot.exchange.records import Entry
from entrepot.settings.schema import Settings, TelemetrySettings
from entrepot.telemetry.exporting import Outbox, Sent
from entrepot.telemetry.families import EXPORT_FAILING, EXPORT_WAITING, EXPORTED, Family
from entrepot.telemetry.genai import Hosts
from entrepot.telemetry.metrics import Gauges, Metrics
from entrepot.upstream.credentials import Credentials

EXTRA = "otel"
CLOSE_S = 2.0
_NEEDED = "opentelemetry.exporter.otlp.proto.http"
log = logging.getLogger("entrepot.telemetry")


def check_exporting(telemetry: TelemetrySettings, environ: Mapping[str, str]) -> None:
    """Raises ExtraMissing or SettingsError if what the settings ask for cannot be sent."""
    if not telemetry.export:
        return
    try:
        found = importlib.util.find_spec(_NEEDED)
    except ModuleNotFoundError:
        found = None
    if found is None:
        raise ExtraMissing("[telemetry] export", EXTRA)
    _headers(telemetry, environ)


def open_exporting(settings: Settings, environ: Mapping[str, str]) -> Exporting | None:
    """What sends; None where nothing is to be sent, or can be: that is logged, and is no reason to bring no entries in."""
    telemetry = settings.telemetry
    if not telemetry.export:
        return None
    try:
        check_exporting(telemetry, environ)
        otlp = importlib.import_module("entrepot.telemetry.otlp")  # which takes some tenths of a second
        if otlp.is_disabled():
            log.warning("nothing is exported: OTEL_SDK_DISABLED says so")
            return None
        otlp.keep_quiet()
        given = (Hosts(settings.deployments), otlp.build_resource(), telemetry.endpoint, _headers(telemetry, environ))
        return Exporting(
            otlp.SpanSender(*given) if "traces" in telemetry.export else None,
            otlp.Meters(*given) if "metrics" in telemetry.export else None,
            telemetry.queue,
        )
    except EntrepotError as error:
        log.error("nothing is exported: %s", error.message)
    except Exception:  # the border to a library, which reads variables of its own
        log.exception("nothing is exported: the OpenTelemetry SDK cannot start")
    return None


class Sender(Protocol):
    """What sends the spans of entries (`otlp.SpanSender`)."""

    def send(self, entries: Sequence[Entry]) -> Sent:
        """See `exporting.Send`."""

    def close(self) -> None:
        """Give up what is being sent."""


class Meters(Protocol):
    """What adds entries to metrics (`otlp.Meters`)."""

    @property
    def failing(self) -> bool:
        """Whether the last were not taken."""

    def add(self, entries: Sequence[Entry]) -> None:
        """Add up what these took."""

    def close(self, within_s: float) -> None:
        """Send the last sums."""


class Exporting:
    """Hears of entries and sends what is asked for of them; of `room` exchanges spans wait at most. Nobody waits for it."""

    def __init__(self, sender: Sender | None, meters: Meters | None, room: int) -> None:
        self._sender = sender
        self._outbox = None if sender is None else Outbox(sender.send, room)
        self._meters = meters
        self._counted = {"exported": 0, "dropped": 0}
        self._broken = False

    def hear(self, entries: Sequence[Entry]) -> None:
        """Take entries that are in the ledger. Never raises."""
        try:
            if self._meters is not None:
                self._meters.add(entries)
            if self._outbox is not None:
                self._outbox.put([entry for entry in entries if entry.trace is not None and entry.trace.recorded])
        except Exception:  # whoever ingests calls this: a defect here may not stop entries on their way
            if not self._broken:
                log.exception("entries are not exported by a defect")
            self._broken = True

    def look(self, metrics: Metrics) -> Gauges:
        """How it goes; what was sent since the last time is counted."""
        gauges: dict[tuple[Family, tuple[str, ...]], float] = {}
        if self._outbox is not None:
            found = {"exported": self._outbox.taken, "dropped": self._outbox.dropped}
            for outcome, count in found.items():
                metrics.add(EXPORTED, count - self._counted[outcome], outcome)
            self._counted = found
            gauges[EXPORT_WAITING, ()] = float(self._outbox.waiting())
            gauges[EXPORT_FAILING, ("traces",)] = float(self._outbox.failing)
        if self._meters is not None:
            gauges[EXPORT_FAILING, ("metrics",)] = float(self._meters.failing)
        return gauges

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""
        if self._outbox is not None and self._sender is not None:
            self._outbox.close(CLOSE_S)
            self._sender.close()
        if self._meters is not None:
            self._meters.close(CLOSE_S)


def _headers(telemetry: TelemetrySettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Headers written as those of OTEL_EXPORTER_OTLP_HEADERS are. Raises SettingsError."""
    if telemetry.headers is None:
        return {}
    headers: dict[str, str] = {}
    for pair in Credentials(environ).read(telemetry.headers).split(","):
        name, equals, value = pair.partition("=")
        if not equals or not name.strip():
            raise SettingsError(
                f"[telemetry] headers: {telemetry.headers} holds something else than name=value,name=value "
                "(a space in a value is written %20)"
            )
        headers[name.strip().lower()] = unquote(value.strip())
    return headers
