"""Traces and metrics of whole processes at a collector: what they say agrees with what providers heard and the ledger holds."""

from __future__ import annotations

import contextlib
import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.app import running
from entrepot.exchange.tracing import TraceRules, attempt_span_id, exchange_span_id
from entrepot.ledger.sqlite import LEDGER_FILE
from entrepot.settings.schema import Settings, TelemetrySettings
from entrepot.simulator.provider import Simulator
from tests.end_to_end.test_metrics import scrape, total
from tests.end_to_end.world import (
    CHEAP_CACHED,
    PLAN,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    settings_for,
    simulator_in_thread,
)
from tests.telemetry.collector import Collector, Span, collector

pytestmark = pytest.mark.end_to_end

TRACE = "0af7651916cd43dd8448eb211c80319c"
GIVEN = f"00-{TRACE}-b7ad6b7169203331-01"
SERVER, CLIENT = 2, 3
SECRET_WORDS = "the harbour master's own password is swordfish"


def telling(url: str | None, *export: Any, **more: Any) -> TelemetrySettings:
    signals = export or ("traces", "metrics")
    return TelemetrySettings(signals, url, tracing=TraceRules(records="traces" in signals), **more)


@contextlib.contextmanager
def exporting(simulator: Simulator, directory: Path, telemetry: TelemetrySettings, **environ: str) -> Iterator[World]:
    settings = settings_for(simulator, directory, telemetry=telemetry)
    cached = deployment(simulator, "cheap", "cached", CHEAP_CACHED, upstream_name="small")
    settings = msgspec.structs.replace(settings, deployments=(*settings.deployments, cached))
    with running_with(settings, **environ) as installation:
        yield World(simulator, installation, directory)


@contextlib.contextmanager
def running_with(settings: Settings, **environ: str) -> Iterator[Any]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    given = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "TEST_PROVIDER_KEY": PROVIDER_SECRET, **environ}
    with running(settings, {**inherited, **given}) as installation:
        yield installation


class Told(msgspec.Struct, frozen=True):
    world: World
    collector: Collector

    def spans(self, exchange: str, count: int) -> list[Span]:
        """The spans of an exchange, its own first, then its attempts in order."""

        def found() -> list[Span]:
            spans = list(self.collector.spans)
            (*own,) = (span for span in spans if span.attributes.get("entrepot.exchange.id") == exchange)
            return own + [span for span in spans if own and (span.trace, span.parent) == (own[0].trace, own[0].span)]

        assert eventually(lambda: len(found()) == count), found()
        return found()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    directory = Path(tmp_path_factory.mktemp("otlp"))
    with (
        collector() as sink,
        simulator_in_thread(PLAN) as simulator,
        exporting(simulator, directory, telling(sink.url)) as installation,
    ):
        yield Told(installation, sink)


def exchange_of(headers: dict[str, str]) -> str:
    return headers["x-entrepot-exchange"]


def heard(own: World, provider: str) -> str:
    return own.simulator.hosts[provider].headers[-1]["traceparent"]


def test_a_plain_exchange_is_a_servers_span_with_its_call_below_it(told: Told) -> None:
    own = told.world
    status, headers, _ = own.chat("cheap/small", text=SECRET_WORDS, headers={"traceparent": GIVEN})
    assert status == 200
    id_ = exchange_of(headers)
    exchange, call = told.spans(id_, 2)
    assert (exchange.name, exchange.kind, exchange.trace) == ("chat cheap/small", SERVER, TRACE)
    assert (exchange.span, exchange.parent) == (exchange_span_id(id_), "b7ad6b7169203331")
    assert (call.name, call.kind, call.parent) == ("chat small", CLIENT, exchange.span)
    assert heard(own, "cheap") == f"00-{TRACE}-{call.span}-01"
    assert exchange.start_ns <= call.start_ns < call.end_ns <= exchange.end_ns
    decision = own.decision(id_)
    assert exchange.end_ns - exchange.start_ns == pytest.approx(decision["duration_ms"] * 1e6, abs=1e3)
    usage = decision["usage"]
    port = int(own.simulator.url.rpartition(":")[2])
    expected = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "cheap",
        "gen_ai.request.model": "small",
        "gen_ai.response.model": "small",
        "gen_ai.usage.input_tokens": usage["input_tokens"],
        "gen_ai.usage.output_tokens": usage["output_tokens"],
        "server.address": "127.0.0.1",
        "server.port": port,
        "http.response.status_code": 200,
        "entrepot.deployment": "cheap/small",
        "entrepot.model": "small",
        "entrepot.attempt": 0,
        "entrepot.answered": True,
        "entrepot.cost.nano_usd": round(float(decision["cost_usd"]) * 1e9),
    }
    assert call.attributes == expected
    assert not exchange.failed
    assert not call.failed
    assert (exchange.attributes["entrepot.key"], exchange.attributes["entrepot.team"]) == ("alice", "red")


def test_a_streamed_exchange_says_when_its_first_content_came(told: Told) -> None:
    status, headers, _ = told.world.chat("cheap/slow", stream=True)
    assert status == 200
    exchange, call = told.spans(exchange_of(headers), 2)
    for span in (exchange, call):
        assert span.attributes["gen_ai.request.stream"] is True
        first_s = span.attributes["gen_ai.response.time_to_first_chunk"]
        assert 0 < first_s < (span.end_ns - span.start_ns) / 1e9
    # the client sent no trace: one begins here, with the digits of the exchange's id
    assert exchange.trace == exchange_of(headers).replace("-", "")
    assert exchange.parent == ""
    assert heard(told.world, "cheap") == f"00-{exchange.trace}-{call.span}-01"


def test_of_a_failover_every_call_has_its_own_span_which_its_provider_was_told(told: Told) -> None:
    status, headers, _ = told.world.chat("after-status:500", headers={"traceparent": GIVEN})
    assert status == 200
    id_ = exchange_of(headers)
    exchange, first, second = told.spans(id_, 3)
    assert [first.span, second.span] == [attempt_span_id(id_, 0), attempt_span_id(id_, 1)]
    assert heard(told.world, "cheap") == f"00-{TRACE}-{first.span}-01"
    assert heard(told.world, "dear") == f"00-{TRACE}-{second.span}-01"
    assert (first.failed, first.attributes["error.type"]) == (True, "server_error")
    assert (second.failed, second.attributes["entrepot.answered"]) == (False, True)
    assert first.end_ns <= second.start_ns
    assert not exchange.failed
    assert exchange.attributes["entrepot.route"] == "after-status:500"
    assert exchange.attributes["entrepot.attempts"] == 2


def test_what_was_read_from_a_cache_is_part_of_what_was_read(told: Told) -> None:
    long = "A harbour is a place where ships are safe. " * 400
    for _ in range(2):
        status, headers, _ = told.world.chat("cheap/cached", text=long)
        assert status == 200
    _, call = told.spans(exchange_of(headers), 2)
    usage = told.world.decision(exchange_of(headers))["usage"]
    assert call.attributes["gen_ai.usage.cache_read.input_tokens"] == usage["cache_read_tokens"] > 0
    whole = usage["input_tokens"] + usage["cache_read_tokens"] + usage["cache_write_tokens"]
    assert call.attributes["gen_ai.usage.input_tokens"] == whole


def test_an_answer_that_breaks_off_is_a_failed_span_of_both(told: Told) -> None:
    status, headers, _ = told.world.chat("faulty/close-midway", stream=True)
    assert status == 200
    exchange, call = told.spans(exchange_of(headers), 2)
    assert (exchange.failed, exchange.attributes["entrepot.state"]) == (True, "broken")
    assert exchange.attributes["error.type"] == call.attributes["error.type"] == "cut_off"


def test_of_a_refused_request_nothing_is_told_that_its_client_wrote(told: Told) -> None:
    status, headers, _ = told.world.chat("a model named swordfish")
    assert status == 404
    (exchange,) = told.spans(exchange_of(headers), 1)
    assert exchange.name == "chat"
    assert "gen_ai.request.model" not in exchange.attributes
    assert exchange.attributes["entrepot.state"] == "refused"
    assert exchange.attributes["http.response.status_code"] == 404
    assert not exchange.failed


def test_what_the_client_does_not_sample_is_not_exported_but_measured(told: Told) -> None:
    unsampled = GIVEN[:-2] + "00"
    _, headers, _ = told.world.chat("cheap/small", headers={"traceparent": unsampled})
    assert heard(told.world, "cheap") == unsampled
    _, later, _ = told.world.chat("cheap/small")
    told.spans(exchange_of(later), 2)
    assert exchange_of(headers) not in {span.attributes.get("entrepot.exchange.id") for span in told.collector.spans}


def test_sums_of_metrics_are_those_of_the_ledger(told: Told) -> None:
    own, sink = told.world, told.collector
    answers = [own.chat(model) for model in ("auto", "cheap/small", "after-status:500")]
    answers.append(own.chat("auto", stream=True))
    assert [status for status, _, _ in answers] == [200] * 4

    def ledger() -> tuple[int, int, int, int, int, float]:
        with contextlib.closing(sqlite3.connect(f"file:{own.directory / LEDGER_FILE}?mode=ro", uri=True)) as database:
            calls = database.execute(
                "SELECT sum(input_tokens + cache_read_tokens + cache_write_tokens), "
                "sum(output_tokens + reasoning_tokens), sum(cost_nano_usd), count(*) FROM attempts"
            ).fetchone()
            return (*calls, *database.execute("SELECT count(*), sum(added_ms) FROM entries").fetchone())

    def measured() -> tuple[float, float, float, int, int]:
        tokens = "gen_ai.client.token.usage"
        return (
            sink.total(tokens, gen_ai__token__type="input"),
            sink.total(tokens, gen_ai__token__type="output"),
            sink.total("entrepot.cost"),
            sink.count("gen_ai.client.operation.duration"),
            sink.count("gen_ai.server.request.duration"),
        )

    assert eventually(lambda: ingested(own) >= total(scrape(own), "entrepot_exchanges_total") >= 4)
    assert eventually(lambda: measured() == ledger()[:5]), (measured(), ledger())
    assert sink.total("entrepot.added.duration") == pytest.approx(ledger()[5] / 1000)
    assert sink.total("gen_ai.server.request.duration", entrepot__route="auto") > 0
    assert sink.count("gen_ai.client.operation.duration", error__type="server_error") > 0
    assert sink.count("gen_ai.server.time_to_first_token") > 0
    assert sink.count("gen_ai.server.time_per_output_token") > 0
    assert all(point.monotonic for point in sink.found("entrepot.cost"))


def test_no_word_that_was_said_or_secret_reaches_the_collector(told: Told) -> None:
    status, headers, body = told.world.chat("cheap/small", text=SECRET_WORDS)
    assert status == 200
    told.spans(exchange_of(headers), 2)
    sent = b"".join(told.collector.bodies)
    assert exchange_of(headers).encode() in sent
    answer: str = body["choices"][0]["message"]["content"]
    for word in (SECRET_WORDS, "swordfish", answer, PROVIDER_SECRET, "ent-test-key"):
        assert word.encode() not in sent


def test_who_sends_is_said_and_the_environment_may_say_otherwise(told: Told, tmp_path: Path) -> None:
    assert eventually(lambda: bool(told.collector.resources))
    resource = told.collector.resources[0]
    assert resource["service.name"] == "entrepot"
    assert resource["service.instance.id"]
    with (
        collector() as sink,
        exporting(
            told.world.simulator,
            tmp_path,
            telling(None, "traces"),
            OTEL_EXPORTER_OTLP_ENDPOINT=sink.url,
            OTEL_EXPORTER_OTLP_HEADERS="authorization=Bearer%20of-the-collector",
            OTEL_SERVICE_NAME="quay",
            OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
            OTEL_EXPORTER_OTLP_COMPRESSION="gzip",
        ) as own,
    ):
        assert own.chat("cheap/small")[0] == 200
        assert eventually(lambda: len(sink.spans) == 2)
        assert sink.resources[0]["service.name"] == "quay"
        assert sink.resources[0]["deployment.environment.name"] == "test"
        assert sink.headers[0]["authorization"] == "Bearer of-the-collector"
        assert not sink.points


def a_free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def ingested(own: World) -> float:
    return total(scrape(own), "entrepot_ingested_entries_total")


def test_a_collector_that_is_away_holds_nothing_up_and_gets_what_waited(told: Told, tmp_path: Path) -> None:
    port = a_free_port()
    with exporting(told.world.simulator, tmp_path, telling(f"http://127.0.0.1:{port}")) as own:
        for _ in range(5):
            assert own.chat("cheap/small")[0] == 200
        assert eventually(lambda: ingested(own) == 5)
        assert eventually(lambda: total(scrape(own), "entrepot_export_waiting") == 5)
        assert eventually(lambda: total(scrape(own), "entrepot_export_failing", signal="traces") == 1, 30)
        with collector(port) as sink:
            assert eventually(lambda: len(sink.spans) == 10, 30)
            assert eventually(lambda: sink.count("gen_ai.client.operation.duration") == 5, 30)
            assert eventually(lambda: total(scrape(own), "entrepot_exported_exchanges_total", outcome="exported") == 5)
            assert eventually(lambda: total(scrape(own), "entrepot_export_failing") == 0, 30)
            assert len({span.span for span in sink.spans}) == 10


def test_what_a_collector_refuses_is_dropped_and_counted_and_what_follows_is_sent(told: Told, tmp_path: Path) -> None:
    with collector() as sink:
        sink.status = 500
        with exporting(told.world.simulator, tmp_path, telling(sink.url)) as own:
            assert own.chat("cheap/small")[0] == 200
            assert eventually(lambda: total(scrape(own), "entrepot_exported_exchanges_total", outcome="dropped") == 1)
            assert ingested(own) == 1
            sink.status = 200
            assert own.chat("cheap/small")[0] == 200
            assert eventually(lambda: total(scrape(own), "entrepot_exported_exchanges_total", outcome="exported") == 1)
            assert eventually(lambda: sink.count("gen_ai.client.operation.duration") == 2)


def test_a_slow_collector_holds_nothing_up_and_what_there_is_no_room_for_is_counted(told: Told, tmp_path: Path) -> None:
    with collector() as sink:
        sink.open.clear()
        with exporting(told.world.simulator, tmp_path, telling(sink.url, "traces", queue=3)) as own:
            for _ in range(8):
                assert own.chat("cheap/small")[0] == 200
            assert eventually(lambda: ingested(own) == 8)
            assert eventually(lambda: total(scrape(own), "entrepot_exported_exchanges_total", outcome="dropped") == 5)
            assert total(scrape(own), "entrepot_export_waiting") == 3
            sink.open.set()
            assert eventually(lambda: total(scrape(own), "entrepot_exported_exchanges_total", outcome="exported") == 3)
            assert eventually(lambda: len(sink.spans) >= 6)


def test_nothing_is_sent_twice_after_a_restart(told: Told, tmp_path: Path) -> None:
    with collector() as sink:
        for already in (0, 2):
            with exporting(told.world.simulator, tmp_path, telling(sink.url, "traces")) as own:
                assert len(sink.spans) == already
                assert own.chat("cheap/small")[0] == 200
                assert eventually(lambda: ingested(own) == 1)
        # what was in the ledger is sent before the control process ends
        assert len(sink.spans) == len({span.span for span in sink.spans}) == 4
