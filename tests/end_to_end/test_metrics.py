"""Metrics of an installation: what any gateway process shows is what all of them counted, also after one was killed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from entrepot.settings.schema import GatewaySettings, MetricsSettings
from entrepot.telemetry.families import FAMILIES
from tests.end_to_end.world import KEY, World, eventually, world

pytestmark = pytest.mark.end_to_end

Found = dict[tuple[str, tuple[tuple[str, str], ...]], float]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[World]:
    gateway = GatewaySettings(port=0, processes=2, grace_s=5)
    with world(tmp_path, gateway=gateway) as installation:
        yield installation


def scrape(entrepot: World) -> Found:
    status, headers, body = entrepot.request("//metrics", key=None)
    assert status == 200
    assert headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def total(found: Found, name: str, **labels: str) -> float:
    return sum(
        value for (each, those), value in found.items() if each == name and labels.items() <= dict(those).items()
    )


def ask(entrepot: World, count: int, model: str = "auto") -> None:
    for _ in range(count):
        assert entrepot.chat(model)[0] == 200


def test_a_scrape_shows_what_all_processes_counted_and_a_kill_takes_nothing_away(own: World) -> None:
    ask(own, 30)
    assert own.request("/chat/completions", b"{}", key="wrong")[0] == 401
    found = scrape(own)
    assert total(found, "entrepot_exchanges_total", route="auto", state="completed", status="200") == 30
    assert total(found, "entrepot_exchange_seconds_count", route="auto") == 30
    assert total(found, "entrepot_attempts_total", deployment="dear/large", outcome="answered") == 30
    assert total(found, "entrepot_errors_total", code="invalid_api_key") == 1
    assert eventually(lambda: total(scrape(own), "entrepot_process_up") == 3)  # the control process starts beside

    victim = own.installation.supervisor._gateways[0].process
    victim.kill()
    victim.wait()
    assert eventually(lambda: own.chat()[0] == 200)
    assert eventually(lambda: total(scrape(own), "entrepot_process_up") == 3)
    ask(own, 9)
    assert total(scrape(own), "entrepot_exchanges_total", state="completed") == 40
    assert eventually(lambda: total(scrape(own), "entrepot_ingested_entries_total") == 40)
    assert total(scrape(own), "entrepot_spool_failing_processes") == 0
    assert total(scrape(own), "entrepot_deployment_processes", deployment="cheap/small", state="closed") == 2


def test_money_and_tokens_are_those_of_the_ledger(own: World) -> None:
    costs, tokens = 0.0, 0
    for _ in range(5):
        _, headers, answer = own.chat()
        costs += float(headers["x-entrepot-cost-usd"])
        tokens += answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]
    found = scrape(own)
    assert total(found, "entrepot_cost_usd_total") == pytest.approx(costs)
    assert total(found, "entrepot_tokens_total") == tokens
    assert total(found, "entrepot_baseline_usd_total", route="auto") > costs


def test_nothing_shown_is_undescribed(own: World) -> None:
    ask(own, 1)
    described = {family.name for family in FAMILIES}
    shown = {name for name, _ in scrape(own)}
    endings = ("_bucket", "_sum", "_count")
    assert {name for name in shown if not name.endswith(endings)} <= described
    assert {name.rpartition("_")[0] for name in shown if name.endswith(endings)} <= described


def test_it_is_read_from_the_networks_that_are_named_and_with_the_token(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("of-the-scraper")
    settings = MetricsSettings(token=f"file:{token}")
    with world(tmp_path / "data", metrics=settings) as installation:
        assert installation.request("//metrics", key=KEY)[0] == 401
        assert installation.request("//metrics", key="of-the-scraper")[0] == 200
    with world(tmp_path / "other", metrics=MetricsSettings(allow=("10.0.0.0/8",))) as installation:
        status, _, body = installation.request("//metrics", key=None)
        assert status == 403
        assert "[metrics] allow" in json.loads(body)["error"]["message"]


def test_readiness_tells_of_a_control_process_that_is_gone_and_stays_ready(own: World) -> None:
    control = own.installation.supervisor._control
    assert eventually(lambda: json.loads(own.request("//readyz", key=None)[2]) == {"status": "ready"})
    control.check = lambda now_s: None  # type: ignore[method-assign]  # it is not started again
    control.process.kill()
    control.process.wait()
    status, _, body = own.request("//readyz", key=None)
    assert status == 200
    assert json.loads(body)["status"] == "ready"
    assert "control process does not run" in json.loads(body)["notes"][0]
