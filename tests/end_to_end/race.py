"""A race for a budget: many clients, several gateway processes, a provider that keeps its own books."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from entrepot.catalog.price import Price
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.policy.budgets import Budget
from entrepot.settings.schema import CountersSettings, Settings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from tests.end_to_end.world import KEY, PROVIDER_SECRET, deployment, settings_for

PRICE = Price(input_per_mtok=Decimal("0.1"), output_per_mtok=Decimal("10"), source="test", as_of="2026-11-01")
MEAN_TOKENS = 50
MOST_TOKENS = 4 * MEAN_TOKENS
FITTING = 500
MEAN_NANO_USD = MEAN_TOKENS * 10_000 + 60 * 100

SIMULATED = Plan(
    providers=(StandInProvider("racing", (StandInModel("echo", PRICE, first_token_ms=5, chunk_ms=1),), key=PROVIDER_SECRET),)
)


class Race(msgspec.Struct):
    """What came of a race: answers by status and code, what the budget was, what the provider's books say."""

    budget_nano_usd: int
    answers: dict[str, int] = {}
    billed_nano_usd: int = 0
    ledger_nano_usd: int = 0
    seconds: float = 0.0

    def used(self) -> float:
        """The share of the budget that the provider billed."""
        return self.billed_nano_usd / self.budget_nano_usd

    def charged(self) -> float:
        """The share of the budget that the ledger says was charged."""
        return self.ledger_nano_usd / self.budget_nano_usd


def budget_nano_usd() -> int:
    """What five hundred requests of mean length cost."""
    return FITTING * MEAN_NANO_USD


def race_settings(simulator: Simulator, directory: Path, processes: int, **changes: Any) -> Settings:
    """One deployment, one hard budget for key alice."""
    settings = settings_for(simulator, directory) if False else None
    base = _bare(simulator, directory)
    budget = Budget("race", Decimal(budget_nano_usd()) / 10**9, period="once", key="alice", wait_s=20.0)
    del settings
    return msgspec.structs.replace(
        base,
        gateway=msgspec.structs.replace(base.gateway, processes=processes),
        budgets=(budget,),
        counters=changes.pop("counters", CountersSettings()),
        **changes,
    )


def _bare(simulator: Simulator, directory: Path) -> Settings:
    import hashlib

    from entrepot.catalog.pricing import ExchangeRates
    from entrepot.exchange.plan import Deadlines
    from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings

    return Settings(
        gateway=GatewaySettings(port=0, grace_s=5),
        ledger=LedgerSettings(str(directory)),
        deployments=(deployment(simulator, "racing", "echo", PRICE),),
        routes=(),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red"),),
        deadlines=Deadlines(connect_s=2, first_byte_s=5, idle_s=5, total_s=60),
    )


async def run_race(
    base_url: str, requests: int, at_once: int, seed: int, midway: Callable[[], Awaitable[None]] | None = None
) -> dict[str, int]:
    """Send the requests, so many at once; the answers by status and error code. `midway` happens once a fifth is answered."""
    chance = random.Random(seed)
    queue = [_body(chance) for _ in range(requests)]
    answers: dict[str, int] = {}
    done = 0
    happened = midway is None

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=at_once, force_close=True)) as session:

        async def worker() -> None:
            nonlocal done, happened
            while queue:
                body = queue.pop()
                outcome = await _ask(session, base_url, body)
                answers[outcome] = answers.get(outcome, 0) + 1
                done += 1
                if not happened and done >= requests // 10:
                    happened = True
                    if midway is not None:
                        await midway()

        await asyncio.gather(*(worker() for _ in range(at_once)))
    return answers


async def _ask(session: aiohttp.ClientSession, base_url: str, body: dict[str, Any]) -> str:
    try:
        async with session.post(
            f"{base_url}/chat/completions",
            json=body,
            headers={"authorization": f"Bearer {KEY}"},
            timeout=aiohttp.ClientTimeout(60),
        ) as answer:
            data = await answer.read()
            if answer.status == 200:
                return "200"
            return f"{answer.status} {msgspec.json.decode(data)['error']['code']}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return type(error).__name__


def _body(chance: random.Random) -> dict[str, Any]:
    """Lengths between a fifth of the mean and nine fifths of it; the limit is four times the mean."""
    words = " ".join(chance.choice(("alpha", "beta", "gamma")) for _ in range(round(MEAN_TOKENS * chance.uniform(0.2, 1.8))))
    return {
        "model": "echo",
        "messages": [{"role": "user", "content": words}],
        "max_tokens": MOST_TOKENS,
        "stream": chance.random() < 0.5,
    }


def ledger_nano_usd(directory: Path) -> int:
    """What the ledger says was charged."""
    with open_sqlite_reader(directory) as reader:
        return sum(one.nano_usd for one in reader.spending())
