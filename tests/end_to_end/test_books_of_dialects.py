"""The ledger against the books of providers of every dialect: each kind of token, each fault, to the nano-dollar."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

from entrepot.app import running
from entrepot.catalog.price import Price, PriceTier
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines
from entrepot.exchange.records import AttemptRecord
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.books import Row
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.accounts import KINDS, RATES, agree, exchange_of, price, usd_of
from tests.end_to_end.pairs import AUTH, MARKS, PROVIDERS, QUIRKS
from tests.end_to_end.world import KEY, NEVER_OPENS, PROVIDER_SECRET, World, deployment, eventually, simulator_in_thread
from tests.simulator.sdk_world import CITY

pytestmark = MARKS

# Odd figures on purpose: sums of them do not come out even in nano-dollars.
ODD: dict[str, Any] = {
    "cache_read_per_mtok": Decimal("0.012347"),
    "cache_write_per_mtok": Decimal("0.154321"),
    "cache_write_1h_per_mtok": Decimal("0.246913"),
    "reasoning_per_mtok": Decimal("1.7"),
}
DOLLARS = price(
    "0.123457",
    "0.700001",
    **ODD,
    tiers=(PriceTier(input_tokens_above=1000, input_per_mtok=Decimal("0.25"), output_per_mtok=Decimal("1.400003")),),
)
YUAN = price("1.333333", "4.000007", currency="CNY", **ODD)
PRICES: dict[str, Price] = {name: YUAN if number % 2 else DOLLARS for number, name in enumerate(PROVIDERS)}
FAULTS = ("status:500", "status:429:seconds=1", "refuse", "error-in-200", "empty-body", "no-choices", "malformed-json",
          "close-midway", "error-frame", "half-chunk", "hang-midway", "no-usage", "no-done", "other-model:x", "pings",
          "one-byte-writes")  # fmt: skip
LONG = "数一数 these tokens, one after another. " * 150
WEATHER = {"type": "function", "function": {"name": "get_weather", "parameters": CITY}}


@contextlib.contextmanager
def installation(directory: Path) -> Iterator[World]:
    providers = tuple(
        StandInProvider(
            dialect,
            (StandInModel("thinker", PRICES[dialect], reasoning_tokens=37, shows_reasoning=True),),
            PROVIDER_SECRET,
            dialect,
        )
        for dialect in PROVIDERS
    )
    with simulator_in_thread(Plan(providers)) as simulator:
        deployments = [
            deployment(
                simulator,
                dialect,
                f"{dialect}-{upstream}",
                PRICES[dialect],
                id=f"{dialect}/{upstream}",
                upstream_name=upstream,
                dialect=dialect,
                auth=AUTH.get(dialect, "bearer"),
                quirks=frozenset(QUIRKS.get(dialect, ())),
                max_output_tokens=4000,
            )
            for dialect in PROVIDERS
            for upstream in ("thinker", *(f"thinker~{fault}" for fault in FAULTS))
        ]
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(directory)),
            deployments=tuple(deployments),
            routes=(),
            exchange_rates=RATES,
            keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest()),),
            deadlines=Deadlines(connect_s=4, first_byte_s=5, idle_s=2, total_s=30),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as up:
            yield World(simulator, up, directory)


def marked(world: World, model: str, stream: bool) -> str:
    """An Anthropic client that marks what may be cached, for an hour and for five minutes; the exchange's id."""
    hour = {"type": "text", "text": f"{model} {stream} {LONG}", "cache_control": {"type": "ephemeral", "ttl": "1h"}}
    turn = {"type": "text", "text": LONG, "cache_control": {"type": "ephemeral"}}
    body = {
        "model": model,
        "max_tokens": 4000,
        "system": [hour],
        "messages": [{"role": "user", "content": [turn]}],
        "thinking": {"type": "enabled", "budget_tokens": 2048},
        "stream": stream,
    }
    status, headers, data = world.request("/messages", json.dumps(body).encode(), anthropic_version="2023-06-01")
    assert status == 200, data
    return headers["x-entrepot-exchange"]


def workload(world: World, dialect: str) -> Iterator[str]:
    """Every kind of token, ending and fault, one exchange after another; their ids."""

    def ask(upstream: str, text: str = "How many are there? 有多少？", **more: Any) -> str:
        return world.chat(f"{dialect}/{upstream}", text, **more)[1]["x-entrepot-exchange"]

    for stream in (False, True):
        yield ask("thinker", stream=stream, reasoning_effort="medium")
        yield ask("thinker", stream=stream, max_tokens=20)
        yield ask("thinker", "call the tool get_weather", stream=stream, tools=[WEATHER])
        for _ in range(2):  # the second reads what the first left in the provider's cache
            yield ask("thinker", LONG, stream=stream)
            yield marked(world, f"{dialect}/thinker", stream)
        for fault in FAULTS:
            yield ask(f"thinker~{fault}", stream=stream)


def test_the_ledger_agrees_with_the_books_of_providers_of_every_dialect(tmp_path: Path) -> None:
    pairs: list[tuple[AttemptRecord, Row]] = []
    with installation(tmp_path) as world:
        for dialect in PROVIDERS:
            for id in workload(world, dialect):
                entry = exchange_of(world, id)
                assert eventually(lambda: world.simulator.under_way == 0)
                (attempt,) = entry.attempts
                pairs.append((attempt, world.simulator.books.rows[-1]))
    exact: dict[str, int] = dict.fromkeys(PROVIDERS, 0)
    for attempt, row in pairs:
        assert attempt.deployment == f"{row.provider}/thinker" + (f"~{row.fault}" if row.fault else "")
        agree(attempt, row)
        if attempt.usage is not None and not attempt.usage.estimated:
            assert attempt.cost_nano_usd == usd_of(row)
            exact[row.provider] += 1
        whole = row.state == "completed" and row.fault not in ("no-usage", "no-done")
        assert not whole or (attempt.usage is not None and not attempt.usage.estimated), row
    assert min(exact.values()) > 25, exact
    sums = {kind: sum(getattr(row.tokens, kind) for _, row in pairs) for kind in KINDS}
    assert all(sums.values()), sums
    # An answer that claims another model is priced by the deployment that was asked, and what it claims is kept.
    claims = {row.provider for attempt, row in pairs if row.fault == "other-model:x" and attempt.claimed_model == "x"}
    assert claims == set(PROVIDERS) - {"bedrock-converse"}  # whose answers name no model
