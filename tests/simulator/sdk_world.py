"""For tests of the wires: one stand-in of each dialect, read by the vendors' own SDKs without a gateway between."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

from entrepot.catalog.price import Price
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator, run_simulator
from entrepot.simulator.wires import WIRES

KEY = "sk-of-the-stand-in"
PRICE = Price(
    input_per_mtok=Decimal("0.5"),
    output_per_mtok=Decimal(2),
    source="made up",
    as_of="2026-01-01",
    cache_read_per_mtok=Decimal("0.05"),
    cache_write_per_mtok=Decimal("0.625"),
)
PLAN = Plan(
    tuple(
        StandInProvider(
            dialect,
            (
                StandInModel("echo", PRICE),
                StandInModel("thinker", PRICE, reasoning_tokens=20, shows_reasoning=True),
                StandInModel("slow", PRICE, chunk_ms=20.0, tokens_per_chunk=1),
                *((StandInModel("gemini-2.5-echo"), StandInModel("gemini-3-echo")) if "gemini" in dialect else ()),
            ),
            KEY,
            dialect,
        )
        for dialect in WIRES
    )
)
# One pixel, so that a stand-in which looks at what it is sent finds a picture.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
NOTHING: dict[str, object] = {"type": "object", "properties": {}}


@asynccontextmanager
async def stand_ins() -> AsyncIterator[Simulator]:
    """The stand-ins for one test."""
    async with run_simulator(PLAN) as simulator:
        yield simulator
