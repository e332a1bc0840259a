"""What the file says of failures, resolved."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import Conduct, Hedge
from entrepot.exchange.retrying import Retries
from entrepot.settings.failing_tables import CircuitTable, HedgeTable, HostsTable, RetriesTable
from entrepot.settings.schema import Settings
from tests.settings.toml import load, refuse

DEPLOYMENTS = """
[[deployments]]
provider = "deepseek"
model = "deepseek-flash"
weight = 3
retries = 0
probe = "models"

[[deployments]]
provider = "openai"
model = "gpt-large"
"""


def test_what_the_file_leaves_out_is_what_the_gateway_does_by_itself() -> None:
    written, resolved = msgspec.structs.asdict(RetriesTable()), msgspec.structs.asdict(Retries())
    assert written.pop("hedge_share") == next(
        f.default for f in msgspec.structs.fields(Settings) if f.name == "hedge_share"
    )
    assert resolved.pop("each") == {}
    assert written == resolved
    assert msgspec.structs.asdict(CircuitTable()) == msgspec.structs.asdict(CircuitSettings())
    assert HostsTable().balance == Conduct().balance
    assert msgspec.structs.asdict(HedgeTable()) == msgspec.structs.asdict(Hedge())


def test_a_deployment_may_have_retries_a_weight_and_a_probe_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, DEPLOYMENTS + '[retries]\nmost = 2\n[hosts]\nbalance = "weight"\n')
    deepseek = "deepseek/deepseek-flash"
    assert settings.conduct == Conduct(Retries(most=2, each={deepseek: 0}), "weight", {deepseek: 3.0})
    assert settings.probes == {deepseek: "models"}


def test_a_route_may_retry_balance_and_hedge_in_its_own_way(tmp_path: Path) -> None:
    settings = load(tmp_path, DEPLOYMENTS + '[[routes]]\nname = "quick"\nretries = 0\nbalance = "load"\nhedge = {}\n')
    (route,) = settings.routes
    assert (route.retries, route.balance, route.hedge) == (0, "load", Hedge())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[circuit]\nopen_s = 10\nlongest_open_s = 5\n", "circuit.longest_open_s: is shorter than open_s, which is 10"),
        ('[[routes]]\nname = "a"\nhedge = { after_s = 0.1 }\n', "is shorter than least_s, which is 0.2"),
        ('[[routes]]\nname = "a"\nstrategy = "agreement"\nhedge = {}\n', "several models may answer"),
        ('[hosts]\nbalance = "speed"\n', "balance"),
    ],
)
def test_what_cannot_be_meant_is_told(text: str, problem: str, tmp_path: Path) -> None:
    assert problem in refuse(tmp_path, DEPLOYMENTS + text)


def test_what_costs_more_than_a_call_is_off_until_it_is_asked_for(tmp_path: Path) -> None:
    settings = load(tmp_path, DEPLOYMENTS)
    (route,) = settings.routes
    assert (route.hedge, route.strategy, route.explore, route.holdout) == (None, None, None, 0.0)
    retries = settings.conduct.retries
    assert retries.most == 1  # and only after what is not billed
    assert settings.probes == {
        "deepseek/deepseek-flash": "models"
    }  # as its own table says; no other deployment has one
