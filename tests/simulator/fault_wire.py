"""For tests of faults: one request with a fault, and the raw bytes that came back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import msgspec

from entrepot.catalog.price import Price
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator, run_simulator

PRICE = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(1), source="made up", as_of="2026-01-01")
PLAN = Plan((StandInProvider("p", (StandInModel("m", price=PRICE, tokens_per_chunk=2),)),))


class Wire:
    """A simulator and connections to it."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    async def open(self, fault: str, stream: bool = True) -> asyncio.StreamReader:
        """Send a request that asks for `fault`; the connection closes when the test's loop does."""
        host, port = self.simulator.url.removeprefix("http://").split(":")
        reader, self.writer = await asyncio.open_connection(host, int(port))
        body = msgspec.json.encode(
            {"model": f"m~{fault}", "messages": [{"role": "user", "content": "数一数 one two three"}], "stream": stream}
        )
        head = (
            f"POST /p/v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\nconnection: close\r\n"
        )
        self.writer.write(head.encode() + b"\r\n" + body)
        return reader

    async def read(self, fault: str, stream: bool = True) -> bytes:
        """Everything that comes back until the connection ends."""
        reader = await self.open(fault, stream)
        data = await reader.read()
        self.writer.close()
        return data


@asynccontextmanager
async def run_wire() -> AsyncIterator[Wire]:
    """A simulator for one test."""
    async with run_simulator(PLAN) as simulator:
        wire = Wire(simulator)
        yield wire
        wire.writer.close()
