from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Way
from entrepot.server.certificates import look_at_certificates
from entrepot.settings.schema import ControlSettings, GatewaySettings, LedgerSettings, ListenTls, Settings
from tests.certificates import Authority
from tests.exchange.things import a_deployment

NOW = datetime.datetime(2026, 11, 1, tzinfo=datetime.UTC)
BASE = Settings(
    gateway=GatewaySettings(),
    ledger=LedgerSettings("/nowhere"),
    deployments=(a_deployment("host/model"),),
    routes=(),
    exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def listening_until(authority: Authority, end: datetime.datetime) -> Settings:
    certificate, key = authority.issue("server", "a.test", ends=end)
    return msgspec.structs.replace(BASE, gateway=GatewaySettings(tls=ListenTls(certificate, key)))


def test_nothing_is_said_where_there_are_none() -> None:
    assert look_at_certificates(BASE, NOW) == []


@pytest.mark.parametrize(("days", "usable", "hint"), [(31, True, ""), (29, True, "ends on"), (-1, False, "ended on")])
def test_a_certificate_that_ends_soon_or_has_ended_is_told(
    authority: Authority, days: int, usable: bool, hint: str
) -> None:
    end = NOW + datetime.timedelta(days=days)
    (found,) = look_at_certificates(listening_until(authority, end), NOW)
    assert (found.where, found.usable, found.ends) == ("[gateway.tls]", usable, end)
    assert hint in found.hint
    assert bool(hint) == bool(found.hint)


def test_what_cannot_be_used_is_told_with_where_it_stands(authority: Authority, tmp_path: Path) -> None:
    absent = str(tmp_path / "absent.pem")
    _, key = authority.issue("server", "a.test")
    way = Way(ca=str(authority.ca), certificate=absent, key=key)
    settings = msgspec.structs.replace(
        BASE,
        control=ControlSettings(tls=ListenTls(absent, key)),
        deployments=(msgspec.structs.replace(BASE.deployments[0], way=way), a_deployment("other/model")),
    )
    control, deployment = look_at_certificates(settings, NOW)
    assert (control.where, control.usable) == ("[control.tls]", False)
    assert (deployment.where, deployment.usable) == ("host/model", False)
    assert absent in control.hint
    assert absent in deployment.hint


def test_the_first_to_end_counts(authority: Authority) -> None:
    soon = NOW + datetime.timedelta(days=3)
    certificate, key = authority.issue("client", "c.test", ends=soon)
    way = Way(ca=str(authority.ca), certificate=certificate, key=key)
    settings = msgspec.structs.replace(BASE, deployments=(msgspec.structs.replace(BASE.deployments[0], way=way),))
    (found,) = look_at_certificates(settings, NOW)
    assert found.ends == soon
    assert certificate in found.hint
