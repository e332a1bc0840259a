"""An installation before providers of every dialect, three in ten of whose answers go wrong in every way there is."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec

from entrepot.app import running
from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.conduct import Conduct, Hedge
from entrepot.exchange.plan import Deadlines, Route
from entrepot.exchange.retrying import Retries
from entrepot.routing.utility import Goal
from entrepot.settings.schema import ControlSettings, GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.plan import FaultMix, Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from tests.end_to_end.world import KEY, PROVIDER_SECRET, World, deployment, simulator_in_thread
from tests.soak.dead_ends import DeadEnds, dead_ends

PRICE = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(4), source="test", as_of="2026-11-01")
DEADLINES = Deadlines(connect_s=1.0, first_byte_s=2.0, idle_s=1.0, total_s=8.0, keep_alive_s=1.0)
HOSTS = {
    "openai": "openai-chat",
    "openai2": "openai-chat",
    "anthropic": "anthropic-messages",
    "gemini": "gemini-generate",
    "ollama": "ollama-chat",
}

RARE = 0.002
"""For what takes a second or more of everybody's time."""
FAULTS = {
    "refuse": 0.015,
    "reset": 0.015,
    "hang": 4 * RARE,
    "slow-head:700": 0.005,
    "hang-midway": 4 * RARE,
    "close-midway": 0.015,
    "reset-midway": 0.015,
    "half-chunk": 0.015,
    "malformed-json": 0.015,
    "malformed-sse": 0.015,
    "html": 0.015,
    "error-in-200": 0.015,
    "error-frame": 0.015,
    "empty-body": 0.01,
    "short-length": 0.01,
    "long-length": 0.01,
    "status:429": 0.01,
    "status:429:seconds=1": 0.01,
    "status:429:ms=300": 0.01,
    "status:429:date=2": 0.01,
    "status:429:reset=1": 0.01,
    "status:429:words=1": 0.01,
    "status:429:quota": RARE,
    "status:500": 0.005,
    "status:502": 0.005,
    "status:402": 0.005,
    "status:503": 0.005,
    "status:503:seconds=1": 0.005,
    "status:504": 0.005,
    "status:520": 0.005,
    "status:529": 0.01,
    "huge-line:10485760": RARE,
    "endless": RARE,
    "one-byte-writes": RARE,
    "early-hints": 0.005,
    "pings": 0.005,
}


INJECTED = {
    "refused": ("dead/refused", "refuse"),
    "reset": ("reset", "reset-midway"),
    "slow connect": ("dead/unaccepting",),
    "silence before an answer": ("hang", "slow-head:700"),
    "silence in the middle of one": ("hang-midway",),
    "half a chunk": ("half-chunk", "close-midway"),
    "malformed JSON": ("malformed-json", "html", "empty-body"),
    "malformed SSE": ("malformed-sse",),
    "wrong content length": ("short-length", "long-length"),
    "429, with every form of Retry-After": ("status:429", "status:429:seconds=1", "status:429:ms=300", "status:429:date=2",
                                            "status:429:reset=1", "status:429:words=1"),
    "429 and 402 because of the bill": ("status:429:quota", "status:402"),
    "500 to 529": ("status:500", "status:502", "status:503", "status:503:seconds=1", "status:504", "status:520", "status:529"),
    "a 200 with an error inside": ("error-in-200", "error-frame"),
    "lines of 10 MB": ("huge-line:10485760",),
    "endless streams": ("endless",),
    "TLS failure": ("dead/no-tls", "dead/unknown"),
    "certificate mismatch": ("dead/mismatched",),
    "what is odd and no fault": ("one-byte-writes", "early-hints", "pings"),
}  # fmt: skip
"""What goes wrong in the soak, and what stands for it: a fault of the simulator, or a deployment that cannot be reached."""


def plan(faults: dict[str, float]) -> Plan:
    """One good model and one that fails at every provider; the same one at both that speak OpenAI's dialect."""
    models = (
        StandInModel("echo", PRICE, chunk_ms=1),
        StandInModel("shaky", PRICE, chunk_ms=1, faults=FaultMix(faults, seed=7)),
        StandInModel("slow", PRICE, chunk_ms=40),
    )
    return Plan(tuple(StandInProvider(name, models, PROVIDER_SECRET, dialect) for name, dialect in HOSTS.items()))


def settings_for(simulator: Simulator, directory: Path, ends: DeadEnds, **gateway: Any) -> Settings:
    """Routes: `shaky` over all that fails, `hedged`, `balanced` over two hosts, `dead` over what cannot be reached first."""

    def at(provider: str, model: str, **facts: Any) -> Any:
        auth = {"anthropic": "x-api-key", "gemini": "x-goog-api-key"}.get(provider, "bearer")
        return deployment(simulator, provider, model, PRICE, dialect=HOSTS[provider], auth=auth, **facts)

    dead = [
        at("openai", "echo", id=f"dead/{name}", base_url=url)
        for name, url in ends._asdict().items()
        if name != "authority"
    ]
    plain = simulator.base_url("openai").replace("http://", "https://")
    dead.append(at("openai", "echo", id="dead/no-tls", base_url=plain))
    shaky = [at(provider, "shaky") for provider in HOSTS]
    good = [at(provider, "echo") for provider in HOSTS]
    first = Goal(max_loss=1.0)
    return Settings(
        gateway=GatewaySettings(**{"port": 0, "processes": 2, "grace_s": 5.0, "body_timeout_s": 5.0, **gateway}),
        ledger=LedgerSettings(str(directory)),
        deployments=(*dead, *shaky, *good, at("openai", "slow")),
        routes=(
            Route("shaky-first", tuple(one.id for one in (*shaky, good[0])), first, balance="load"),
            Route("hedged", tuple(one.id for one in shaky), first, hedge=Hedge(after_s=0.3), balance="latency"),
            Route("dead-first", (*(one.id for one in dead), "openai/shaky"), first),
            Route("good", tuple(one.id for one in good), first, balance="load"),
        ),
        exchange_rates=ExchangeRates(Decimal("0.14"), "2026-11-01", "test"),
        keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red"),),
        deadlines=DEADLINES,
        conduct=Conduct(Retries(most=2, first_pause_s=0.05, longest_pause_s=1.0)),
        circuit=CircuitSettings(open_s=0.5, longest_open_s=2.0, slow_start_s=1.0),
        hedge_share=0.2,
        control=ControlSettings(port=0),
    )


@contextlib.contextmanager
def soaking(directory: Path, faults: dict[str, float], **gateway: Any) -> Iterator[World]:
    """The installation for as long as the block lasts."""
    with simulator_in_thread(plan(faults)) as simulator, dead_ends(directory) as ends:
        settings = settings_for(simulator, directory, ends, **gateway)
        environ = {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET, "SSL_CERT_FILE": ends.authority}
        with running(msgspec.structs.replace(settings), environ) as installation:
            yield World(simulator, installation, directory)
