from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import msgspec

from entrepot.assembly import keep_promises
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.plan import Route
from entrepot.learning.promises import promises_path, read_promises
from entrepot.settings.schema import FreshSettings, GatewaySettings, LedgerSettings, Settings
from tests.exchange.things import a_deployment


async def test_promises_are_kept_only_where_something_can_change_them(tmp_path: Path) -> None:
    settings = Settings(
        gateway=GatewaySettings(port=0),
        ledger=LedgerSettings(str(tmp_path)),
        deployments=(a_deployment("host/通义"), a_deployment("dear/large")),
        routes=(Route("auto", ("host/通义", "dear/large"), reference="dear/large"),),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
    )
    await keep_promises(settings, asyncio.Event())
    assert not promises_path(tmp_path).exists()
    stop = asyncio.Event()
    fresh = FreshSettings((f"{tmp_path}/none*.jsonl",), (f"{tmp_path}/none*.jsonl",))
    task = asyncio.create_task(keep_promises(msgspec.structs.replace(settings, fresh=fresh), stop))
    while not promises_path(tmp_path).exists():
        await asyncio.sleep(0.01)
    stop.set()
    await task
    assert list(read_promises(tmp_path).routes) == ["auto"]
