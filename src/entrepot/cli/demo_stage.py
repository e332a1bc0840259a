"""What both forms of the demonstration share: the gateway in front of the simulator, requests with a bar, the ledger."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.errors import Unavailable
from entrepot.exchange.plan import Route
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.ledger.store import LedgerReader, Period
from entrepot.settings.client_key import digest
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.workload import Ask, Got, run_workload

KEY_VARIABLE = "ENTREPOT_DEMO_PROVIDER_KEY"
"""Where the processes of the gateway find the key that the stand-ins expect; set in their environment alone."""

CONCURRENCY = 8
_SETTLED_WITHIN_S = 30.0


class Stage(msgspec.Struct, frozen=True):
    """What a demonstration runs on. `key` is the text of the client key."""

    key: str
    directory: Path
    port: int = 0
    router: str | None = None


def settings_for(
    stage: Stage, deployments: tuple[Deployment, ...], routes: tuple[Route, ...], rates: ExchangeRates
) -> Settings:
    """The settings of one gateway process on loopback."""
    return Settings(
        gateway=GatewaySettings(port=stage.port, grace_s=5.0),
        ledger=LedgerSettings(str(stage.directory)),
        deployments=deployments,
        routes=routes,
        exchange_rates=rates,
        keys=(KeySettings("demo", digest(stage.key)),),
        router=stage.router,
        source="the demonstration",
    )


def send(console: Console, doing: str, base_url: str, key: str, asks: Sequence[Ask]) -> list[Got]:
    """Send every ask, with a progress bar if `console` is a terminal and one line if it is not."""
    if not console.is_terminal:
        console.print(f"{doing}: {len(asks)} requests", markup=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        bar = progress.add_task(doing, total=len(asks))
        return asyncio.run(
            run_workload(base_url, asks, key=key, concurrency=CONCURRENCY, progress=lambda _: progress.advance(bar))
        )


@contextmanager
def settled_ledger(directory: Path, period: Period, exchanges: int) -> Iterator[LedgerReader]:
    """The ledger, once it holds so many exchanges of the period. Raises Unavailable if that takes too long."""
    deadline_s = time.monotonic() + _SETTLED_WITHIN_S
    with open_sqlite_reader(str(directory)) as reader:
        while (found := reader.totals(period).exchanges) < exchanges:
            if time.monotonic() > deadline_s:
                raise Unavailable(
                    f"the ledger holds {found} of {exchanges} exchanges after {_SETTLED_WITHIN_S:g} s; "
                    "the control process did not bring them in"
                )
            time.sleep(0.05)
        yield reader
