"""One installation with a provider of every dialect behind it, and a client of every dialect in front."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from entrepot.app import running
from entrepot.catalog.pricing import ExchangeRates
from entrepot.catalog.schema import Deployment
from entrepot.dialects.registry import PROVIDER_DIALECTS
from entrepot.exchange.conduct import WITHOUT_RETRIES
from entrepot.exchange.plan import Deadlines
from entrepot.settings.schema import GatewaySettings, KeySettings, LedgerSettings, Settings
from entrepot.simulator.books import Row
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator
from entrepot.simulator.wires import WIRES
from tests.end_to_end.client_anthropic import MessagesClient
from tests.end_to_end.client_google import GenerateClient
from tests.end_to_end.client_openai import ChatClient, ResponsesClient
from tests.end_to_end.clients import Client, Told, Tool
from tests.end_to_end.world import (
    CHEAP_CACHED,
    KEY,
    NEVER_OPENS,
    PROVIDER_SECRET,
    World,
    deployment,
    eventually,
    simulator_in_thread,
)
from tests.simulator.sdk_world import CITY, NOTHING

CLIENTS: dict[str, Callable[[str], Client]] = {
    "openai-chat": ChatClient,
    "openai-responses": ResponsesClient,
    "anthropic-messages": MessagesClient,
    "gemini-generate": GenerateClient,
}
PROVIDERS = tuple(name for name in PROVIDER_DIALECTS if name in WIRES)
MARKS = [
    pytest.mark.end_to_end,
    # Google's SDK makes a subclass of aiohttp's session, which aiohttp advises against.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]
SHAPES = pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
HELLO = "你好，世界 and all its harbours"
BOTH = "call the tool get_weather and call the tool get_time"
TOOLS = (Tool("get_weather", CITY), Tool("get_time", NOTHING))
AUTH = {"anthropic-messages": "x-api-key", "gemini-generate": "x-goog-api-key"}
QUIRKS = {
    "openai-chat": ("max_completion_tokens", "reasoning_effort", "replay_reasoning", "cache_control"),
    "openai-responses": ("reasoning_effort",),
}
FAULTS = ("status:500", "status:429:seconds=7", "status:400:context", "error-frame", "close-midway", "half-chunk", "pings",
          "other-model:x", "one-byte-writes")  # fmt: skip
SLOW_THINKER = "thinker~slow-chunks:3"
"""Its stream comes in many pieces, which what is sealed must survive."""
MODELS = (
    StandInModel("echo", CHEAP_CACHED),
    StandInModel("thinker", CHEAP_CACHED, reasoning_tokens=20, shows_reasoning=True),
)


def model_at(dialect: str, model: str) -> str:
    """What a client asks for to be answered by this model of the stand-in that speaks this dialect."""
    return f"{dialect}/{model}"


def deployments(simulator: Simulator) -> Iterator[Deployment]:
    """Every model of every stand-in, and `echo` with every fault."""
    names = [each.name for each in MODELS]
    for dialect in PROVIDERS:
        for upstream in (*names, *(f"echo~{fault}" for fault in FAULTS), SLOW_THINKER):
            yield deployment(
                simulator,
                dialect,
                f"{dialect}-{upstream}",
                CHEAP_CACHED,
                id=model_at(dialect, upstream),
                upstream_name=upstream,
                dialect=dialect,
                auth=AUTH.get(dialect, "bearer"),
                quirks=frozenset(QUIRKS.get(dialect, ())),
                reasoning=upstream.startswith("thinker"),
            )


@contextlib.contextmanager
def pairs_world(directory: Path, **changes: Any) -> Iterator[World]:
    """The installation, for as long as the block lasts."""
    providers = tuple(StandInProvider(dialect, MODELS, PROVIDER_SECRET, dialect) for dialect in PROVIDERS)
    with simulator_in_thread(Plan(providers)) as simulator:
        settings = Settings(
            gateway=GatewaySettings(port=0, grace_s=5),
            ledger=LedgerSettings(str(directory)),
            deployments=tuple(deployments(simulator)),
            routes=(),
            exchange_rates=ExchangeRates(CHEAP_CACHED.input_per_mtok, "2026-11-01", "test"),
            keys=(KeySettings("alice", hashlib.sha256(KEY.encode()).hexdigest(), team="red"),),
            # No stand-in here is ever silent: a deadline would only tell that the machine was busy.
            deadlines=Deadlines(connect_s=20, first_byte_s=40, idle_s=40, total_s=60),
            conduct=WITHOUT_RETRIES,
            circuit=NEVER_OPENS,
        )
        settings = msgspec.structs.replace(settings, **changes)
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as installation:
            yield World(simulator, installation, directory)


@contextlib.contextmanager
def clients_of(world: World) -> Iterator[dict[str, Client]]:
    """The SDK of each dialect with the gateway as its address."""
    with contextlib.ExitStack() as stack:
        yield {
            dialect: stack.enter_context(contextlib.closing(open_client(world.base_url)))
            for dialect, open_client in CLIENTS.items()
        }


def said_to(text: str) -> str:
    """What `echo` answers."""
    return f"This is a simulated answer. You wrote: {text}"


def booked(world: World, provider: str) -> Row:
    """The latest row of a provider's books, once nothing is under way."""
    assert eventually(lambda: world.simulator.under_way == 0)
    return world.simulator.books.of(provider)[-1]


def agree(told: Told, row: Row) -> None:
    """What a client was told of its tokens, and what the provider wrote down."""
    booked = row.tokens
    read = booked.input_tokens + booked.cache_read_tokens + booked.cache_write_tokens
    assert told.counted == (read, booked.cache_read_tokens, booked.output_tokens + booked.reasoning_tokens)
