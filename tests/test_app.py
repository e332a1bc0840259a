"""What is wired here can be used without a process; with processes it is met in tests/end_to_end."""

from __future__ import annotations

import socket
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.app import Launch, Running, start
from entrepot.catalog.pricing import ExchangeRates
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Route
from entrepot.policy.rules import Facts, Rule, When
from entrepot.server.supervisor import Supervisor
from entrepot.settings.schema import GatewaySettings, LedgerSettings, Settings
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


def test_what_a_child_is_told_survives_the_way(settings: Settings) -> None:
    launch = Launch("gateway", "gateway-0", 1, settings, 7)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(launch), type=Launch) == launch


@pytest.mark.sockets
def test_a_host_that_is_not_ours_is_told(settings: Settings) -> None:
    with pytest.raises(SettingsError, match=r"\[gateway\] host and port"):
        start(msgspec.structs.replace(settings, gateway=GatewaySettings(host="203.0.113.7", port=0)), {})


@pytest.mark.parametrize(("host", "url"), [("127.0.0.1", "http://127.0.0.1:8080/v1"), ("::1", "http://[::1]:8080/v1")])
def test_the_base_url_is_one_that_clients_can_read(host: str, url: str) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert Running(host, 8080, Supervisor.__new__(Supervisor), [ours]).base_url == url
