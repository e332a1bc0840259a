"""The ledger against the providers' own books: a mixed workload with faults, through the real gateway, to the nano-dollar.

The stand-ins compute what they are owed from decimals, apart from `catalog/pricing`. An attempt whose tokens a provider did
not report is either marked as estimated or of unknown cost; every other one must agree exactly.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from entrepot.app import running
from entrepot.catalog.price import Price, PriceTier
from entrepot.cli.report import report
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.records import Entry
from entrepot.ledger.store import Sums
from entrepot.policy.rules import Facts, Rule, When
from entrepot.routing.utility import Goal
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.books import Row
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.accounts import LONG, RATES, agree, config_of, exchange_of, leave, price, rows_of, usd_of
from tests.end_to_end.world import (
    KEY,
    NEVER_OPENS,
    PROVIDER_SECRET,
    PUBLIC_SECTOR_KEY,
    World,
    deployment,
    eventually,
    simulator_in_thread,
)

pytestmark = pytest.mark.end_to_end

# Odd figures on purpose: sums of them do not come out even in nano-dollars.
CLIFF = price(
    "0.123457",
    "0.700001",
    cache_read_per_mtok=Decimal("0.012346"),
    tiers=(
        PriceTier(input_tokens_above=60, input_per_mtok=Decimal("0.25"), output_per_mtok=Decimal("1.400003")),
        PriceTier(input_tokens_above=2000, input_per_mtok=Decimal("0.5"), output_per_mtok=Decimal("3")),
    ),
)
YUAN = price(
    "1.333333",
    "4.000007",
    cache_read_per_mtok=Decimal("0.040001"),
    reasoning_per_mtok=Decimal("8.5"),
    currency="CNY",
)
DEAR = price("2.2", "11", cache_read_per_mtok=Decimal("0.11"))
MODELS: dict[str, Price | None] = {
    "usd/cliff": CLIFF,
    "cny/thinker": YUAN,
    "usd/dear": DEAR,
    "home/free": price("0", "0"),
    "cny/unpriced": None,
}
FAULTS = ("status:500", "status:429:seconds=1", "refuse", "error-in-200", "empty-body", "no-choices", "malformed-json",
          "close-midway", "error-frame", "half-chunk", "hang", "hang-midway", "no-usage", "no-done",
          "status:400:filter")  # fmt: skip


def named(id: str) -> tuple[str, str]:
    provider, _, model = id.partition("/")
    return provider, model


def plan() -> Plan:
    def provider(name: str) -> StandInProvider:
        models = tuple(
            StandInModel(
                named(id)[1],
                price,
                reasoning_tokens=137 if "thinker" in id else 0,
                chunk_ms=20 if "dear" in id else 0,
            )
            for id, price in MODELS.items()
            if named(id)[0] == name
        )
        return StandInProvider(name, models, key=PROVIDER_SECRET)

    return Plan(providers=tuple(provider(name) for name in ("usd", "cny", "home")))


@contextlib.contextmanager
def installation(directory: Path, database: str | None) -> Iterator[World]:
    with simulator_in_thread(plan()) as simulator:
        good = [deployment(simulator, *named(id), price) for id, price in MODELS.items() if id != "usd/dear"]
        good.append(deployment(simulator, "usd", "dear", DEAR, provider_country="US"))
        faulty = [
            deployment(simulator, "usd", f"cliff-{fault}", CLIFF, upstream_name=f"cliff~{fault}", id=f"faulty/{fault}")
            for fault in FAULTS
        ]
        routes = [
            Route("auto", tuple(MODELS), reference="usd/dear", baseline="usd/dear", holdout=0.25),
            *(
                Route(f"after-{fault}", (f"faulty/{fault}", "usd/dear"), Goal(max_loss=1.0), baseline="usd/dear")
                for fault in FAULTS
            ),
        ]
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(directory), database),
            deployments=(*good, *faulty),
            routes=tuple(routes),
            exchange_rates=RATES,
            keys=(
                KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red"),
                KeySettings("carol", hashlib.sha256(PUBLIC_SECTOR_KEY.encode()).hexdigest(), tags=("public-sector",)),
            ),
            rules=(Rule("not in CN", When(tags=("public-sector",)), deny=Facts(provider_country=("CN",))),),
            deadlines=Deadlines(connect_s=4, first_byte_s=4, idle_s=2, total_s=30),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as up:
            yield World(simulator, up, directory, database)


def workload(world: World) -> Iterator[str]:
    """Every price, kind of token, ending and fault, one exchange after another; their ids."""

    def ask(model: str, text: str = "How many are there? 有多少？", **more: Any) -> str:
        return world.chat(model, text, **more)[1]["x-entrepot-exchange"]

    for stream in (False, True):
        for model in ("auto", *MODELS):
            yield ask(model, stream=stream)
            for _ in range(2):  # the second reads the first from the provider's cache
                yield ask(model, LONG, stream=stream)
            yield ask(model, stream=stream, n=2)
            yield ask(model, stream=stream, max_tokens=3)
        for fault in FAULTS:
            yield ask(f"after-{fault}", stream=stream)
            yield ask(f"faulty/{fault}", stream=stream)
    yield ask("auto", key=PUBLIC_SECTOR_KEY)
    yield ask("cny/thinker", key=PUBLIC_SECTOR_KEY)
    yield ask("no such model")
    yield leave(world, "usd/dear")


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_the_ledger_and_the_report_agree_with_the_providers_books(
    tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    database = request.getfixturevalue("postgres").make_database() if kind == "postgres" else None
    with installation(tmp_path, database) as world:
        exchanges: list[tuple[Entry, list[Row]]] = []
        seen = 0
        for id in workload(world):
            entry = exchange_of(world, id)
            exchanges.append((entry, rows_of(world, seen, entry.attempts, faulty="faulty")))
            seen = len(world.simulator.books.rows)

        def ingested() -> Sums:
            with world.place.open_reader() as reader:
                return reader.totals()

        assert eventually(lambda: ingested().exchanges == len(exchanges))
        totals = ingested()
        with world.place.open_reader() as reader:
            assert reader.verify().differences == ()

    # Exchange by exchange: what was recorded is what the books say.
    cost, unknown, exact = 0, 0, 0
    for entry, rows in exchanges:
        for attempt, row in zip(entry.attempts, rows, strict=True):
            agree(attempt, row)
        counted = [attempt.usage is not None and not attempt.usage.estimated for attempt in entry.attempts]
        if entry.cost_nano_usd is None:
            unknown += 1
            assert not all(counted) or any(row.cost is None for row in rows)
            continue
        cost += entry.cost_nano_usd
        if all(counted):
            assert entry.cost_nano_usd == sum(usd_of(row) for row in rows)
            exact += 1

    # What the report sums up is what was recorded.
    entries = [entry for entry, _ in exchanges]
    assert exact > 70
    assert (totals.cost_nano_usd, totals.unknown_cost) == (cost, unknown)
    assert totals.unknown_usage == sum(bool(entry.attempts) and entry.usage is None for entry in entries)
    assert totals.estimated_usage == sum(entry.usage is not None and entry.usage.estimated for entry in entries)
    for kind in ("input_tokens", "cache_read_tokens", "output_tokens", "reasoning_tokens"):
        told = [getattr(entry.usage, kind) for entry in entries if entry.usage is not None]
        assert getattr(totals, kind) == sum(told)
        assert sum(told) > 0

    printed = CliRunner().invoke(
        report, ["--config", str(config_of(tmp_path, database)), "--json", "--by", "model", "--by", "state"]
    )
    assert printed.exit_code == 0, printed.output
    document = json.loads(printed.output)
    assert document["totals"]["cost_nano_usd"] == cost
    tables = {table["name"]: table for table in document["tables"]}
    for name in ("share_by_model", "share_by_state"):
        shares = tables[name]["rows"]
        assert sum(row["exchanges"] for row in shares) == len(entries)
        assert sum(row["cost_nano_usd"] or 0 for row in shares) == cost
        assert sum(row["exchanges_fraction"] for row in shares) == pytest.approx(1)
        assert sum(row["cost_fraction"] or 0 for row in shares) == pytest.approx(1)
    unpriced = next(row for row in tables["share_by_model"]["rows"] if row["value"] == "unpriced")
    assert (unpriced["cost_nano_usd"], unpriced["cost_fraction"]) == (None, None)

    figures = {row["figure"]: row["value"]["value"] for row in tables["savings"]["rows"]}
    routed = [entry for entry in entries if entry.route is not None and entry.cost_nano_usd is not None]
    compared = [entry for entry in routed if entry.baseline is not None]
    in_vain = [entry for entry in routed if entry.state != "completed" and entry.attempts]
    assert figures["exchanges_compared"] == len(compared)
    spent = sum(entry.cost_nano_usd or 0 for entry in (*compared, *in_vain))
    assert figures["cost"] == spent
    assert figures["saving"] == figures["baseline_cost"] - spent
