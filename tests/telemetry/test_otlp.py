"""What the SDK makes of entries, at a collector on loopback."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from entrepot.telemetry.exporting import Sent
from entrepot.telemetry.otlp import Meters, SpanSender, _interval_s, build_resource, is_disabled, keep_quiet
from entrepot.telemetry.spans import spans_of
from tests.telemetry.collector import Collector, collector
from tests.telemetry.told import HOSTS, an_attempt, an_entry

pytestmark = pytest.mark.sockets

ENTRY = an_entry(an_attempt(usage=None, failure="timeout", answered=False), an_attempt(1, "own/small"))


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    keep_quiet()
    yield
    logging.getLogger("opentelemetry").setLevel(logging.NOTSET)


def sender_to(url: str, **headers: str) -> SpanSender:
    return SpanSender(HOSTS, build_resource(), url, headers)


def test_a_span_arrives_as_it_is_made() -> None:
    with collector() as sink:
        sender = sender_to(f"{sink.url}/", authorization="Bearer x")
        assert sender.send([ENTRY]) == "taken"
        sender.close()
    facts = list(spans_of(ENTRY, HOSTS))
    assert len(sink.spans) == len(facts) == 3
    for span, made in zip(sink.spans, facts, strict=True):
        assert (span.name, span.trace, span.span, span.parent) == (made.name, made.trace, made.span, made.parent)
        assert (span.start_ns, span.end_ns, span.failed) == (made.start_ns, made.end_ns, made.failed)
        assert span.attributes == made.attributes
    assert [span.flags >> 9 & 1 for span in sink.spans] == [1, 0, 0]  # whether the parent is another's
    assert sink.headers[0]["authorization"] == "Bearer x"


@pytest.mark.parametrize(
    ("status", "sent"),
    [(400, "refused"), (401, "refused"), (404, "refused"), (413, "refused"), (500, "refused"), (408, "later")],
)
def test_what_a_collector_says_decides_whether_it_is_sent_again(status: int, sent: Sent) -> None:
    with collector() as sink:
        sink.status = status
        sender = sender_to(sink.url)
        assert sender.send([ENTRY]) == sent
        sender.close()


def test_nobody_there_is_told_once_with_where_and_once_that_it_is_over(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    with collector() as found:
        port = int(found.url.rpartition(":")[2])
    sender = sender_to(f"http://127.0.0.1:{port}")
    assert [sender.send([ENTRY]) for _ in range(2)] == ["later", "later"]
    with collector(port):
        assert [sender.send([ENTRY]) for _ in range(2)] == ["taken", "taken"]
    sender.close()
    assert [record.getMessage() for record in caplog.records] == [
        f"the collector at http://127.0.0.1:{port} does not take traces: it cannot be reached or does not answer",
        f"the collector at http://127.0.0.1:{port} takes traces again",
    ]


def measured(sink: Collector, entries: int) -> None:
    meters = Meters(HOSTS, build_resource(), sink.url, {})
    meters.add([ENTRY] * entries)
    meters.close(30)


def test_sums_arrive_whole_and_in_whole_numbers_of_money(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "3600000")
    with collector() as sink:
        measured(sink, 7)
    assert sink.total("entrepot.cost") == 7 * 2 * 1_234_567
    assert sink.total("gen_ai.client.token.usage", gen_ai__token__type="input") == 7 * 123
    assert sink.count("gen_ai.client.operation.duration", error__type="timeout") == 7
    assert sink.total("gen_ai.server.request.duration") == pytest.approx(7 * 1.501)
    assert {point.unit for point in sink.found("entrepot.cost")} == {"{nano_usd}"}


def test_how_often_is_said_in_milliseconds(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    for written, seconds in (("250", 0.25), ("", 60.0), ("-1", 60.0), ("soon", 60.0)):
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", written)
        assert _interval_s() == seconds
    assert len(caplog.records) == 2


def test_nothing_is_sent_of_nothing() -> None:
    with collector() as sink:
        measured(sink, 0)
    assert sink.headers == []


def test_the_environment_says_who_sends_and_whether(monkeypatch: pytest.MonkeyPatch) -> None:
    assert build_resource().attributes["service.name"] == "entrepot"
    assert not is_disabled()
    monkeypatch.setenv("OTEL_SERVICE_NAME", "quay")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "True")
    assert build_resource().attributes["service.name"] == "quay"
    assert is_disabled()
    assert build_resource().attributes["service.instance.id"] != build_resource().attributes["service.instance.id"]
