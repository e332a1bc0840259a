"""Entries as OpenTelemetry's SDK sends them: OTLP over HTTP. The one file that imports the SDK, of the extra `otel`.

Rules of this file: what the settings leave open is the SDK's to read from the environment (OTEL_EXPORTER_OTLP_*,
OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, OTEL_METRIC_EXPORT_INTERVAL, OTEL_SDK_DISABLED). Spans are made whole, with the times
and ids of their entry: nothing was under way here. The SDK's own complaints are not logged; ours say what the operator can do.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.metrics import Counter, Histogram
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExportResult, MetricsData, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from entrepot import __version__
from entrepot.exchange.records import Entry
from entrepot.telemetry.exporting import Sent
from entrepot.telemetry.genai import OURS, Hosts
from entrepot.telemetry.measures import INSTRUMENTS, measures_of
from entrepot.telemetry.spans import SpanFacts, spans_of

_LATER = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same may be sent again (OTLP 1.5, "Failures"), and 408."""
_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_SCOPE = InstrumentationScope(OURS, __version__)
log = logging.getLogger("entrepot.telemetry")


def is_disabled() -> bool:
    """Whether the SDK's own variable says that nothing is to be sent."""
    return os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def keep_quiet() -> None:
    """Have the SDK log nothing: it would say each failure again and again."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)


def build_resource() -> Resource:
    """Who it is that sends: this process, by the names that the environment gives it, or ours."""
    found = Resource.create({SERVICE_VERSION: __version__, SERVICE_INSTANCE_ID: str(uuid.uuid4())})
    if str(found.attributes[SERVICE_NAME]).startswith("unknown_service"):
        return found.merge(Resource({SERVICE_NAME: OURS}))
    return found


class _Session(requests.Session):
    """Remembers how it was answered last, which the exporter does not tell."""

    status: int | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:  # noqa: ANN401 - passed on
        """As the session it is."""
        self.status = None
        response = super().send(request, **kwargs)
        self.status = response.status_code
        return response


class _Telling:
    """Says once that a collector takes nothing, and once that it takes it again."""

    def __init__(self, what: str, where: str) -> None:
        self._what = what
        self._where = where
        self.failing = False

    def note(self, taken: bool, status: int | None) -> None:
        """How it went."""
        if taken == (not self.failing):
            return
        self.failing = not taken
        if taken:
            log.warning("the collector at %s takes %s again", self._where, self._what)
            return
        why = "it cannot be reached or does not answer" if status is None else f"it answers with status {status}"
        log.error("the collector at %s does not take %s: %s", self._where, self._what, why)


class SpanSender:
    """Sends the spans of entries, to `endpoint` (without the path) or where the environment says."""

    def __init__(self, hosts: Hosts, resource: Resource, endpoint: str | None, headers: Mapping[str, str]) -> None:
        self._hosts = hosts
        self._resource = resource
        self._session = _Session()
        self._exporter = OTLPSpanExporter(
            endpoint=_address(endpoint, "traces"), headers=dict(headers), session=self._session
        )
        self._telling = _Telling("traces", endpoint or "the address of OTEL_EXPORTER_OTLP_ENDPOINT")

    def send(self, entries: Sequence[Entry]) -> Sent:
        """See `exporting.Send`."""
        spans = [self._span(facts) for entry in entries for facts in spans_of(entry, self._hosts)]
        taken = self._exporter.export(spans) is SpanExportResult.SUCCESS
        status = self._session.status
        self._telling.note(taken, status)
        if taken:
            return "taken"
        return "later" if status is None or status in _LATER else "refused"

    def close(self) -> None:
        """Give up what is being sent."""
        self._exporter.shutdown()  # type: ignore[no-untyped-call]  # the SDK does not say that it returns nothing

    def _span(self, facts: SpanFacts) -> ReadableSpan:
        trace, flags = int(facts.trace, 16), TraceFlags(facts.flags)
        parent = facts.parent
        return ReadableSpan(
            name=facts.name,
            context=SpanContext(trace, int(facts.span, 16), is_remote=False, trace_flags=flags),
            parent=None if parent is None else SpanContext(trace, int(parent, 16), facts.parent_is_remote, flags),
            resource=self._resource,
            attributes=facts.attributes,
            kind=_KINDS[facts.kind],
            status=Status(StatusCode.ERROR if facts.failed else StatusCode.UNSET),
            start_time=facts.start_ns,
            end_time=facts.end_ns,
            instrumentation_scope=_SCOPE,
        )


class _MetricExporter(OTLPMetricExporter):
    """Notes whether it is heard."""

    session: _Session
    telling: _Telling

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float | None = 10_000,
        **kwargs: Any,  # noqa: ANN401 - passed on
    ) -> MetricExportResult:
        """As the exporter it is."""
        result = super().export(metrics_data, timeout_millis, **kwargs)
        self.telling.note(result is MetricExportResult.SUCCESS, self.session.status)
        return result


class Meters:
    """Adds entries to metrics, which are sent now and then as sums since the process began."""

    def __init__(self, hosts: Hosts, resource: Resource, endpoint: str | None, headers: Mapping[str, str]) -> None:
        self._hosts = hosts
        session = _Session()
        exporter = _MetricExporter(endpoint=_address(endpoint, "metrics"), headers=dict(headers), session=session)
        exporter.session = session
        self._telling = exporter.telling = _Telling("metrics", endpoint or "the address of OTEL_EXPORTER_OTLP_ENDPOINT")
        self._exporter = exporter
        self._provider = MeterProvider(
            [PeriodicExportingMetricReader(exporter)], resource=resource, shutdown_on_exit=False
        )
        meter = self._provider.get_meter(OURS, __version__)
        self._instruments: dict[str, Counter | Histogram] = {
            each.name: meter.create_histogram(
                each.name, each.unit, each.description, explicit_bucket_boundaries_advisory=each.bounds
            )
            if each.bounds
            else meter.create_counter(each.name, each.unit, each.description)
            for each in INSTRUMENTS
        }

    @property
    def failing(self) -> bool:
        """Whether the last were not taken."""
        return self._telling.failing

    def add(self, entries: Sequence[Entry]) -> None:
        """Add up what these took."""
        for entry in entries:
            for each in measures_of(entry, self._hosts):
                instrument = self._instruments[each.instrument]
                if isinstance(instrument, Counter):
                    instrument.add(each.amount, each.attributes)
                else:
                    instrument.record(each.amount, each.attributes)

    def close(self, within_s: float) -> None:
        """Send the last sums, for so long at most."""
        self._provider.shutdown(timeout_millis=within_s * 1000)


def _address(endpoint: str | None, signal: str) -> str | None:
    return None if endpoint is None else f"{endpoint.rstrip('/')}/v1/{signal}"
