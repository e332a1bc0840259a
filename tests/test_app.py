"""What is wired here can be used without a process; with processes it is met in tests/end_to_end."""

from __future__ import annotations

import socket
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.app import Running, listen_for_admin, start
from entrepot.assembly import build_planner, decide_offline
from entrepot.catalog.load import load_catalog
from entrepot.catalog.pricing import ExchangeRates
from entrepot.crew import Launch
from entrepot.errors import ArtifactError, SettingsError
from entrepot.exchange.plan import Route
from entrepot.exchange.planning import Considered
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.router_in_force import model_facts
from entrepot.routing.artifact import default_artifact_path, load_artifact
from entrepot.routing.base import ModelFacts, Prompt
from entrepot.server.supervisor import Supervisor
from entrepot.settings.schema import ControlSettings, GatewaySettings, LedgerSettings, Settings
from tests.exchange.things import a_deployment


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        gateway=GatewaySettings(port=0),
        ledger=LedgerSettings(str(tmp_path)),
        deployments=(a_deployment("host/通义"), a_deployment("dear/large", provider_country="US")),
        routes=(Route("auto", ("host/通义", "dear/large"), reference="dear/large"),),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        rules=(Rule("not there", When(tags=("t",)), deny=Facts(provider_country=("SG", "US"))),),
    )


def test_a_decision_needs_no_process(settings: Settings) -> None:
    found = decide_offline(settings, "你好，世界", "auto", Principal(), Steering()).considered
    assert isinstance(found, Considered)
    assert set(found.decision.order) == {"host/通义", "dear/large"}
    assert found.decision.router


def test_a_decision_obeys_the_rules(settings: Settings) -> None:
    found = decide_offline(settings, "hi", "auto", Principal(tags=frozenset({"t"})), Steering()).considered
    assert isinstance(found, Refusal)


def test_a_router_that_cannot_be_read_is_told(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "router").write_bytes(b"not a router")
    with pytest.raises(ArtifactError, match="router"):
        build_planner(msgspec.structs.replace(settings, router=str(tmp_path / "router")))


def test_what_a_child_is_told_survives_the_way(settings: Settings) -> None:
    launch = Launch("gateway", "gateway-0", 1, settings, 7)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(launch), type=Launch) == launch


@pytest.mark.sockets
def test_a_host_that_is_not_ours_is_told(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"\[gateway\] host and port"):
        start(msgspec.structs.replace(settings, gateway=GatewaySettings(host="203.0.113.7", port=0)), {})


@pytest.mark.sockets
def test_an_admin_port_that_is_taken_is_told_and_no_reason_not_to_serve() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        listening, trouble = listen_for_admin(ControlSettings(port=port))
    assert listening is None
    assert trouble is not None
    assert f"cannot listen on 127.0.0.1:{port}" in trouble
    assert "[control] host and port" in trouble
    assert listen_for_admin(None) == (None, None)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [("http://127.0.0.1:8080", "127.0.0.1", 8080), ("https://[::1]:8443", "::1", 8443), ("unix:/run/a.sock", "", 0)],
)
def test_the_base_url_is_one_that_clients_can_read(address: str, host: str, port: int) -> None:
    found = Running(address, Supervisor.__new__(Supervisor), [])
    assert (found.base_url, found.host, found.port) == (f"{address}/v1", host, port)


def test_a_router_hears_of_a_models_scores_and_of_its_other_names() -> None:
    catalog = load_catalog()
    facts = model_facts(catalog)
    assert set(facts) == {model.id for model in catalog.models}
    model = next(model for model in catalog.models if model.names and model.scores)
    assert facts[model.id].names == model.names
    assert facts[model.id].scores == {score.benchmark: score.score for score in model.scores}


def test_a_model_known_to_the_router_by_another_name_is_estimated_from_its_outcomes() -> None:
    router = load_artifact(default_artifact_path()).router()
    trained = router.fitted_.members.heads.models[0]
    bound = router.bind(["renamed"], {"renamed": ModelFacts({}, names=(trained,))})
    assert bound.predict(Prompt("Why?", 5)).basis == ("outcomes",)
