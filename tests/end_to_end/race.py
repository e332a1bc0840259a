"""A race for a budget: many clients, several gateway processes, a provider that keeps its own books."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines, Route
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.policy.budgets import Budget
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from tests.end_to_end.world import (
    KEY,
    NEVER_OPENS,
    OTHER_KEY,
    PROVIDER_SECRET,
    World,
    deployment,
    simulator_in_thread,
    world_of,
)

PRICE = Price(input_per_mtok=Decimal("0.1"), output_per_mtok=Decimal(10), source="test", as_of="2026-11-01")
MEAN_WORDS = 50
MEAN_TOKENS = 53
MOST_TOKENS = 4 * MEAN_TOKENS
FITTING = 520
BUDGET_NANO_USD = FITTING * MEAN_TOKENS * 10_000
"""What five hundred requests cost, with what they read."""

WORST_SHARE = (MOST_TOKENS * 10_000 + 1200 * 100) / BUDGET_NANO_USD

SIMULATED = Plan(
    providers=(
        StandInProvider(
            "racing",
            (
                StandInModel("echo", PRICE, first_token_ms=40, chunk_ms=1),
                StandInModel("slow", PRICE, chunk_ms=200),
            ),
            key=PROVIDER_SECRET,
        ),
    )
)


class Race(msgspec.Struct):
    """What came of a race: how requests were answered, and the shares of the budget that were billed and charged."""

    answers: dict[str, int]
    billed: float
    charged: float


def race_settings(simulator: Simulator, directory: Path, processes: int, **changes: Any) -> Settings:
    """One model and one hard budget, for key alice."""
    key, other = (hashlib.sha256(text.encode()).hexdigest() for text in (KEY, OTHER_KEY))
    settings = Settings(
        gateway=GatewaySettings(port=0, processes=processes, grace_s=5),
        ledger=LedgerSettings(str(directory)),
        deployments=(
            deployment(simulator, "racing", "echo", PRICE),
            deployment(simulator, "racing", "slow", PRICE),
            deployment(simulator, "racing", "unpriced", None, upstream_name="echo"),
            deployment(simulator, "racing", "fault", PRICE, upstream_name="echo~status:500"),
            deployment(simulator, "racing", "cut", PRICE, upstream_name="echo~close-midway"),
        ),
        routes=(
            Route("limited", ("racing/echo",), max_output_tokens=MOST_TOKENS),
            Route("after", ("racing/fault", "racing/echo")),
            Route("tiny", ("racing/echo",), max_output_tokens=MOST_TOKENS),
        ),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        keys=(KeySettings("alice", key, team="red"), KeySettings("bob", other)),
        budgets=(Budget("race", Decimal(BUDGET_NANO_USD) / 10**9, period="once", key="alice", wait_s=20.0),),
        deadlines=Deadlines(connect_s=2, first_byte_s=10, idle_s=5, total_s=60),
        conduct=WITHOUT_RETRIES,
        circuit=NEVER_OPENS,
    )
    return msgspec.structs.replace(settings, **changes)


@contextlib.contextmanager
def racing(directory: Path, processes: int, **changes: Any) -> Iterator[World]:
    """An installation before a provider that keeps books, for as long as the block lasts."""
    with (
        simulator_in_thread(SIMULATED) as simulator,
        world_of(simulator, race_settings(simulator, directory, processes, **changes)) as installation,
    ):
        yield installation


async def send(
    base_url: str,
    requests: int,
    at_once: int,
    seed: int,
    midway: Callable[[], Awaitable[None]] | None = None,
    model: str = "echo",
) -> dict[str, int]:
    """Send the requests, so many at once; how they were answered. `midway` happens once a tenth is answered."""
    chance = random.Random(seed)
    queue = [{**_body(chance), "model": model} for _ in range(requests)]
    answers: dict[str, int] = {}

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once, force_close=True)) as session:

        async def worker() -> None:
            nonlocal midway
            while queue:
                outcome = await _ask(session, base_url, queue.pop())
                answers[outcome] = answers.get(outcome, 0) + 1
                happening, due = midway, sum(answers.values()) >= requests // 10
                if happening is not None and due:
                    midway = None
                    await happening()

        await asyncio.gather(*(worker() for _ in range(at_once)))
    return answers


async def _ask(session: aiohttp.ClientSession, base_url: str, body: dict[str, Any], tries: int = 20) -> str:
    headers = {"authorization": f"Bearer {KEY}"}
    try:
        async with session.post(
            f"{base_url}/chat/completions", json=body, headers=headers, timeout=aiohttp.ClientTimeout(60)
        ) as answer:
            data = await answer.read()
            if answer.status == 503 and tries:  # as client libraries do
                await asyncio.sleep(float(answer.headers["retry-after"]))
                return await _ask(session, base_url, body, tries - 1)
            return "200" if answer.status == 200 else f"{answer.status} {msgspec.json.decode(data)['error']['code']}"
    except (aiohttp.ClientError, TimeoutError):
        return "broken"


def _body(chance: random.Random) -> dict[str, Any]:
    """Lengths between a fifth of the mean and nine fifths of it; the limit is four times the mean."""
    length = round(MEAN_WORDS * chance.uniform(0.2, 1.8))
    return {
        "model": "echo",
        "messages": [{"role": "user", "content": " ".join(chance.choices(("alpha", "gamma", "货"), k=length))}],
        "max_tokens": MOST_TOKENS,
        "stream": chance.random() < 0.5,
    }


def result(world: World, answers: dict[str, int]) -> Race:
    """The race as the provider and the ledger saw it; to be asked once everything is settled."""
    billed = sum(row.cost_nano or 0 for row in world.simulator.books.rows)
    return Race(answers, billed / BUDGET_NANO_USD, charged_nano_usd(world.directory) / BUDGET_NANO_USD)


def charged_nano_usd(directory: Path) -> int:
    """What the ledger says was charged to alice."""
    with open_sqlite_reader(directory) as reader:
        return sum(one.nano_usd for one in reader.spending() if one.key == "alice")
