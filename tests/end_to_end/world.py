"""A whole installation on loopback for tests: stand-in providers in a thread, real gateway and control processes before them."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from entrepot.app import Running, running
from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines, Route
from entrepot.ledger.place import LedgerPlace
from entrepot.policy.rules import Facts, Rule, When
from entrepot.routing.utility import Goal
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator, run_simulator

KEY = "ent-test-key-of-alice"
OTHER_KEY = "ent-test-key-of-bob"
PUBLIC_SECTOR_KEY = "ent-test-key-of-carol"
PROVIDER_SECRET = "sk-secret-of-the-provider"

CHEAP = Price(input_per_mtok=Decimal("0.1"), output_per_mtok=Decimal("0.4"), source="test", as_of="2026-11-01")
DEAR = Price(input_per_mtok=Decimal("5"), output_per_mtok=Decimal("25"), source="test", as_of="2026-11-01")
CHEAP_CACHED = Price(
    input_per_mtok=Decimal("0.1"),
    output_per_mtok=Decimal("0.4"),
    source="test",
    as_of="2026-11-01",
    cache_read_per_mtok=Decimal("0.011"),
    cache_write_per_mtok=Decimal("0.127"),
)
CHEAP_CNY = Price(
    input_per_mtok=Decimal("1"), output_per_mtok=Decimal("4"), source="test", as_of="2026-11-01", currency="CNY"
)

NEVER_OPENS = CircuitSettings(failures=10**6, share=1.0, outliers=False)
"""For what is asked of a fault again and again: each exchange meets it anew."""

PLAN = Plan(
    providers=(
        StandInProvider(
            "cheap", (StandInModel("small", CHEAP), StandInModel("slow", CHEAP, chunk_ms=50)), key=PROVIDER_SECRET
        ),
        StandInProvider("dear", (StandInModel("large", DEAR),), key=PROVIDER_SECRET),
        StandInProvider("yuan", (StandInModel("middle", CHEAP_CNY),), key=PROVIDER_SECRET),
    )
)


@contextlib.contextmanager
def simulator_in_thread(plan: Plan) -> Iterator[Simulator]:
    """A simulator with an event loop of its own, readable from the test."""
    started = threading.Event()
    found: list[Simulator] = []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        async with run_simulator(plan) as simulator:
            found.append(simulator)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    assert started.wait(10)
    try:
        yield found[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def deployment(simulator: Simulator, provider: str, model: str, price: Price | None, **facts: Any) -> Deployment:
    """A deployment at a stand-in; `facts` override. A fault is asked for by `upstream_name="model~fault"`."""
    return Deployment(
        **{
            "id": f"{provider}/{model}",
            "model": model,
            "maker": f"maker-of-{model}",
            "maker_country": "CN",
            "provider": provider,
            "provider_country": "CN",
            "region": "CN",
            "base_url": simulator.base_url(provider),
            "dialect": "openai-chat",
            "upstream_name": model,
            "secret": "env:TEST_PROVIDER_KEY",
            "price": price,
            "open_weights": True,
            **facts,
        }
    )


# The cheap deployment goes first in every `after-` route: any loss is allowed.
FAULTS = ("status:500", "status:429:seconds=7", "refuse", "close-midway", "error-frame", "half-chunk", "malformed-json",
          "html", "error-in-200", "hang", "endless", "hang-midway", "no-done", "no-usage", "other-model:gpt-x", "pings",
          "status:400:context", "one-byte-writes")  # fmt: skip


def settings_for(simulator: Simulator, directory: Path, **changes: Any) -> Settings:
    """Three good deployments, one for each fault, the route `auto`, and two teams' keys."""
    good = [
        deployment(simulator, "cheap", "small", CHEAP),
        deployment(simulator, "dear", "large", DEAR, maker_country="US", provider_country="US", region="US"),
        deployment(simulator, "yuan", "middle", CHEAP_CNY),
        deployment(simulator, "cheap", "slow", CHEAP),
    ]
    faulty = [
        deployment(simulator, "cheap", f"fault-{fault}", CHEAP, upstream_name=f"small~{fault}", id=f"faulty/{fault}")
        for fault in FAULTS
    ]
    routes = [
        Route("auto", ("cheap/small", "dear/large"), reference="dear/large", baseline="dear/large"),
        *(Route(f"after-{fault}", (f"faulty/{fault}", "dear/large"), Goal(max_loss=1.0)) for fault in FAULTS),
    ]
    settings = Settings(
        gateway=GatewaySettings(port=0, body_timeout_s=2.0, max_body_bytes=2_000_000, grace_s=5),
        ledger=LedgerSettings(str(directory)),
        deployments=(*good, *faulty),
        routes=tuple(routes),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        keys=(
            KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red", tags=("小组",)),
            KeySettings("bob", hashlib.sha256(OTHER_KEY.encode()).hexdigest()),
            KeySettings("carol", hashlib.sha256(PUBLIC_SECTOR_KEY.encode()).hexdigest(), tags=("public-sector",)),
        ),
        rules=(Rule("no providers from CN", When(tags=("public-sector",)), deny=Facts(provider_country=("CN",))),),
        deadlines=Deadlines(connect_s=4, first_byte_s=4, idle_s=3, total_s=30),
        conduct=WITHOUT_RETRIES,
        circuit=NEVER_OPENS,
    )
    return msgspec.structs.replace(settings, **changes)


class World:
    """The installation as a test sees it."""

    def __init__(
        self, simulator: Simulator, installation: Running, directory: Path, database: str | None = None
    ) -> None:
        self.simulator = simulator
        self.place = LedgerPlace(directory, database)
        self.database = database
        self.installation = installation
        self.base_url = installation.base_url
        self.directory = directory

    def request(
        self, path: str, body: bytes | None = None, *, key: str | None = KEY, method: str | None = None, **headers: str
    ) -> tuple[int, dict[str, str], bytes]:
        """One plain HTTP request; the path is below `/v1`, or absolute from the root if it begins with `//`."""
        url = self.base_url.removesuffix("/v1") + path[1:] if path.startswith("//") else self.base_url + path
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        request = urllib.request.Request(url, data=body, headers=sent, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def chat(self, model: str = "auto", text: str = "hi", **more: Any) -> tuple[int, dict[str, str], Any]:
        """One chat completion; a whole answer is decoded, a stream is its bytes."""
        headers = more.pop("headers", {})
        key = more.pop("key", KEY)
        body = json.dumps({"model": model, "messages": [{"role": "user", "content": text}], **more}).encode()
        status, names, data = self.request("/chat/completions", body, key=key, **headers)
        return status, names, data if names["content-type"].startswith("text/event-stream") else json.loads(data)

    def decision(self, exchange: str, key: str = KEY) -> Any:
        """What GET /v1/decisions/{id} says."""
        status, _, data = self.request(f"/decisions/{exchange}", key=key)
        assert status == 200, data
        return json.loads(data)


def eventually(holds: Callable[[], bool], within_s: float = 10.0) -> bool:
    """Whether it comes to hold."""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.02)
    return False


@contextlib.contextmanager
def world(directory: Path, **changes: Any) -> Iterator[World]:
    """Simulator and installation for as long as the block lasts."""
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(simulator, directory, **changes)
        with world_of(simulator, settings) as installation:
            yield installation


@contextlib.contextmanager
def world_of(simulator: Simulator, settings: Settings) -> Iterator[World]:
    """An installation of these settings before a simulator that runs."""
    with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as installation:
        yield World(simulator, installation, Path(settings.ledger.directory), settings.ledger.database)
