"""A stand-in for an OpenTelemetry collector: OTLP over HTTP on loopback, decoded with OpenTelemetry's own protocol buffers."""

from __future__ import annotations

import contextlib
import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


class Span(msgspec.Struct, frozen=True):
    """A span as it came."""

    name: str
    kind: int
    trace: str
    span: str
    parent: str
    flags: int
    start_ns: int
    end_ns: int
    failed: bool
    attributes: dict[str, Any]


class Point(msgspec.Struct, frozen=True):
    """The latest of one series: how many there were (of a histogram), and their sum."""

    name: str
    unit: str
    attributes: dict[str, Any]
    count: int
    total: float
    monotonic: bool = False


class Collector:
    """What it was sent. `status` is what it answers, once `open` lets it."""

    def __init__(self) -> None:
        self.status = 200
        self.open = threading.Event()
        self.open.set()
        self.spans: list[Span] = []
        self.points: dict[tuple[str, tuple[tuple[str, Any], ...]], Point] = {}
        self.resources: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.url = ""

    def take(self, path: str, headers: dict[str, str], body: bytes) -> int:
        """One request; its status."""
        self.headers.append(headers)
        self.open.wait(30)
        if self.status != 200:
            return self.status
        if headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.bodies.append(body)
        if path == "/v1/traces":
            self._take_spans(body)
        elif path == "/v1/metrics":
            self._take_metrics(body)
        else:
            return 404
        return 200

    def _take_spans(self, body: bytes) -> None:
        for of_resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            self.resources.append(_values(of_resource.resource.attributes))
            for scope in of_resource.scope_spans:
                assert scope.scope.name == "entrepot"
                for span in scope.spans:
                    self.spans.append(
                        Span(
                            name=span.name,
                            kind=span.kind,
                            trace=span.trace_id.hex(),
                            span=span.span_id.hex(),
                            parent=span.parent_span_id.hex(),
                            flags=span.flags,
                            start_ns=span.start_time_unix_nano,
                            end_ns=span.end_time_unix_nano,
                            failed=span.status.code == 2,
                            attributes=_values(span.attributes),
                        )
                    )

    def _take_metrics(self, body: bytes) -> None:
        for of_resource in ExportMetricsServiceRequest.FromString(body).resource_metrics:
            self.resources.append(_values(of_resource.resource.attributes))
            for scope in of_resource.scope_metrics:
                for metric in scope.metrics:
                    for histogram in metric.histogram.data_points:
                        self._keep(metric, histogram.attributes, histogram.count, histogram.sum)
                    for number in metric.sum.data_points:
                        assert number.WhichOneof("value") == "as_int"
                        self._keep(metric, number.attributes, 0, number.as_int, monotonic=metric.sum.is_monotonic)

    def _keep(self, metric: Any, attributes: Any, count: int, total: float, *, monotonic: bool = False) -> None:
        known = _values(attributes)
        key = metric.name, tuple(sorted(known.items()))
        self.points[key] = Point(metric.name, metric.unit, known, count, total, monotonic)

    def total(self, name: str, **attributes: Any) -> float:
        """The sum of a metric over its series that have these attributes, `_` for `.`."""
        return sum(point.total for point in self.found(name, **attributes))

    def count(self, name: str, **attributes: Any) -> int:
        """How many were recorded."""
        return sum(point.count for point in self.found(name, **attributes))

    def found(self, name: str, **attributes: Any) -> list[Point]:
        """The series of a metric that have these attributes."""
        wanted = {key.replace("__", "."): value for key, value in attributes.items()}
        points = list(self.points.values())
        return [point for point in points if point.name == name and wanted.items() <= point.attributes.items()]


def _values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    assert kind in ("string_value", "int_value", "double_value", "bool_value"), kind
    return getattr(value, kind)


@contextlib.contextmanager
def collector(port: int = 0) -> Iterator[Collector]:
    """One that runs for as long as the block lasts."""
    found = Collector()

    class Taking(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = found.take(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            with contextlib.suppress(OSError):  # who waited may have given up
                self.send_response(status)
                self.send_header("content-length", "0")
                self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Taking)
    server.daemon_threads = True
    found.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        found.open.set()
        server.shutdown()
        thread.join()
        server.server_close()
