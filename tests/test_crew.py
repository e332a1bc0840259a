"""What a reload may change. With real processes under load: `soak/test_reload.py`."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from entrepot.crew import refuse_restart
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Deadlines
from entrepot.settings.schema import ControlSettings, GatewaySettings, LedgerSettings, Settings
from tests.exchange.things import a_deployment, an_exchange_rate

SETTINGS = Settings(
    gateway=GatewaySettings(),
    ledger=LedgerSettings("/var/lib/entrepot"),
    deployments=(a_deployment("a/m"),),
    routes=(),
    exchange_rates=an_exchange_rate(),
)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"gateway": GatewaySettings(port=1)}, r"\[gateway\] port"),
        ({"gateway": GatewaySettings(host="::1")}, r"\[gateway\] host"),
        ({"gateway": GatewaySettings(socket="/run/x")}, r"\[gateway\] socket"),
        ({"ledger": LedgerSettings("/elsewhere")}, r"\[ledger\] directory"),
        ({"ledger": LedgerSettings("/var/lib/entrepot", "env:DATABASE")}, r"\[ledger\] database"),
        ({"control": ControlSettings(port=1)}, r"\[control\] host and port"),
        ({"control": None}, r"\[control\] host and port"),
    ],
)
def test_what_takes_a_restart_is_named(change: dict[str, Any], named: str) -> None:
    with_control = msgspec.structs.replace(SETTINGS, control=ControlSettings())
    with pytest.raises(SettingsError, match=f"{named} has changed, which takes a restart"):
        refuse_restart(with_control, msgspec.structs.replace(with_control, **change))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"gateway": GatewaySettings(processes=7, grace_s=1)},
        {"deployments": ()},
        {"deadlines": Deadlines(total_s=1)},
        {"ledger": LedgerSettings("/var/lib/entrepot", keep_days=3)},
    ],
)
def test_whatever_else_may_change(change: dict[str, Any]) -> None:
    refuse_restart(SETTINGS, msgspec.structs.replace(SETTINGS, **change))
