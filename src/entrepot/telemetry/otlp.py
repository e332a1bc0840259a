"""Entries as OpenTelemetry's SDK sends them: OTLP over HTTP. The one file that imports the SDK, of the extra `otel`.

Rules of this file: what the settings leave open is the SDK's to read from the environment (OTEL_EXPORTER_OTLP_*,
OTEL_RESOURCE_ATTRIBUTES, OTEL_SERVICE_NAME, OTEL_METRIC_EXPORT_INTERVAL, OTEL_SDK_DISABLED). Spans are made whole, with the times
and ids of their entry: nothing was under way here. The SDK's own complaints are not logged; ours say what the operator can do.
"""

from __future__ import annotations

import logging
import os
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    Histogram,
    HistogramDataPoint,
    Metric,
    MetricExportResult,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    Sum,
)
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from entrepot import __version__
from entrepot.exchange.records import Entry
from entrepot.telemetry.exporting import Sent
from entrepot.telemetry.genai import OURS, Hosts
from entrepot.telemetry.measures import INSTRUMENTS, Instrument
from entrepot.telemetry.spans import SpanFacts, spans_of
from entrepot.telemetry.sums import Series, Sums

_LATER = frozenset({408, 429, 502, 503, 504})
"""Statuses after which the same may be sent again (OTLP 1.5, "Failures"), and 408."""
_KINDS = {"server": SpanKind.SERVER, "client": SpanKind.CLIENT}
_INTERVAL_S = 60.0
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


class Meters:
    """Adds entries to metrics, and sends them from a thread of its own every now and then, as sums since it was made."""

    def __init__(self, hosts: Hosts, resource: Resource, endpoint: str | None, headers: Mapping[str, str]) -> None:
        self._resource = resource
        self._session = _Session()
        address = _address(endpoint, "metrics")
        self._exporter = OTLPMetricExporter(endpoint=address, headers=dict(headers), session=self._session)
        self._telling = _Telling("metrics", endpoint or "the address of OTEL_EXPORTER_OTLP_ENDPOINT")
        self._sums = Sums(hosts, time.time_ns())
        self.add = self._sums.add
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(_interval_s(),), name="metrics", daemon=True)
        self._thread.start()

    @property
    def failing(self) -> bool:
        """Whether the last were not taken."""
        return self._telling.failing

    def close(self, within_s: float) -> None:
        """Send the last sums, for so long at most."""
        self._closing.set()
        self._thread.join(within_s)
        self._exporter.shutdown()

    def _run(self, interval_s: float) -> None:
        while not self._closing.wait(interval_s):
            self._send()
        self._send()

    def _send(self) -> None:
        series = self._sums.read()
        if not series:
            return
        try:
            taken = self._exporter.export(self._data(series)) is MetricExportResult.SUCCESS
        except Exception:  # the border to a library: its failure must not end the thread
            log.exception("metrics could not be sent to the collector by a defect")
            return
        self._telling.note(taken, self._session.status)

    def _data(self, series: Sequence[Series]) -> MetricsData:
        now_ns, by_instrument = time.time_ns(), {each.name: list[Series]() for each in INSTRUMENTS}
        for each in series:
            by_instrument[each.instrument.name].append(each)
        metrics = [
            Metric(one.name, one.description, one.unit, self._points(one, found, now_ns))
            for one in INSTRUMENTS
            if (found := by_instrument[one.name])
        ]
        scope = ScopeMetrics(_SCOPE, metrics, "")
        return MetricsData([ResourceMetrics(self._resource, [scope], self._resource.schema_url)])

    def _points(self, instrument: Instrument, series: Sequence[Series], now_ns: int) -> Histogram | Sum:
        began_ns = self._sums.started_ns
        if not instrument.bounds:
            numbers = [NumberDataPoint(each.attributes, began_ns, now_ns, each.total) for each in series]
            return Sum(numbers, AggregationTemporality.CUMULATIVE, is_monotonic=True)
        points = [
            HistogramDataPoint(
                attributes=each.attributes,
                start_time_unix_nano=began_ns,
                time_unix_nano=now_ns,
                count=sum(each.counts),
                sum=each.total,
                bucket_counts=each.counts,
                explicit_bounds=instrument.bounds,
                min=each.least,
                max=each.most,
            )
            for each in series
        ]
        return Histogram(points, AggregationTemporality.CUMULATIVE)


def _interval_s() -> float:
    """How often metrics are sent, as the SDK's own variable says it in milliseconds."""
    written = os.environ.get("OTEL_METRIC_EXPORT_INTERVAL", "").strip()
    if written.isdecimal() and int(written) > 0:
        return int(written) / 1000
    if written:
        log.warning("OTEL_METRIC_EXPORT_INTERVAL is no number of milliseconds: metrics are sent every minute")
    return _INTERVAL_S


def _address(endpoint: str | None, signal: str) -> str | None:
    return None if endpoint is None else f"{endpoint.rstrip('/')}/v1/{signal}"
