"""An installation with embedding models: two hosts of one, one spoken to as Gemini, and models that answer beside them."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from entrepot.app import running
from entrepot.catalog.price import Price
from entrepot.exchange.plan import Route
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.world import (
    CHEAP,
    DEAR,
    PLAN,
    PROVIDER_SECRET,
    World,
    deployment,
    settings_for,
    simulator_in_thread,
)

DIMENSIONS = 8
VECTORS = frozenset({"embeddings"})
FREE = Price(input_per_mtok=Decimal(0), output_per_mtok=Decimal(0), source="test", as_of="2026-11-01")
EMBEDDERS = (
    StandInModel("bge-m3", CHEAP, dimensions=DIMENSIONS),
    StandInModel("text-embedding-3", DEAR, dimensions=DIMENSIONS),
)
STAND_INS = Plan(
    providers=(
        *PLAN.providers,
        StandInProvider("harbour", EMBEDDERS, key=PROVIDER_SECRET),
        StandInProvider("wharf", EMBEDDERS, key=PROVIDER_SECRET),
        StandInProvider("home", EMBEDDERS[:1], key=PROVIDER_SECRET),
        StandInProvider(
            "google", (StandInModel("gemini-embedding-001", DEAR, dimensions=DIMENSIONS),), key=PROVIDER_SECRET
        ),
    )
)


@contextlib.contextmanager
def embedding_world(directory: Path) -> Iterator[World]:
    """Simulator and installation for as long as the block lasts."""
    with simulator_in_thread(STAND_INS) as simulator:
        google = f"{simulator.url}/google/v1beta"
        deployments = (
            deployment(simulator, "cheap", "small", CHEAP, capabilities=frozenset()),
            deployment(simulator, "dear", "large", DEAR, provider_country="US", region="US"),
            deployment(simulator, "dear", "claude", DEAR, upstream_name="large", dialect="anthropic-messages"),
            deployment(simulator, "harbour", "bge-m3", CHEAP, capabilities=VECTORS),
            deployment(simulator, "wharf", "bge-m3", DEAR, capabilities=VECTORS, provider_country="US", region="US"),
            deployment(simulator, "wharf", "text-embedding-3", DEAR, capabilities=VECTORS),
            deployment(simulator, "harbour", "frail", FREE, capabilities=VECTORS, upstream_name="bge-m3~status:503"),
            deployment(simulator, "wharf", "frail", CHEAP, capabilities=VECTORS, upstream_name="bge-m3"),
            deployment(
                simulator,
                "home",
                "qwen3-embedding",
                None,
                capabilities=VECTORS,
                upstream_name="bge-m3",
                dialect="ollama-chat",
                base_url=f"{simulator.url}/home",
            ),
            deployment(
                simulator,
                "google",
                "gemini-embedding-001",
                DEAR,
                capabilities=VECTORS,
                dialect="gemini-generate",
                base_url=google,
                context_tokens=2048,
            ),
        )
        routes = (
            Route("auto", ("cheap/small", "dear/large", "harbour/bge-m3", "wharf/bge-m3"), reference="dear/large"),
            Route("mixed", ("cheap/small", "harbour/bge-m3", "wharf/text-embedding-3"), reference="cheap/small"),
            Route("vectors", ("harbour/bge-m3", "wharf/bge-m3")),
        )
        settings = settings_for(simulator, directory, deployments=deployments, routes=routes)
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as installation:
            yield World(simulator, installation, directory)
