"""The simulator as a process of its own: the plan goes in by standard input, the addresses come out on one line.

The child ends when its standard input does, so it cannot outlive its parent, however that ended.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import msgspec

from entrepot.errors import EntrepotError, Unavailable
from entrepot.simulator.plan import Plan
from entrepot.simulator.provider import run_simulator


class Addresses(msgspec.Struct, frozen=True):
    """Where a simulator listens: `url` for the hosted providers, `local` for each local server by its provider's name.

    `base_paths` are what the base URLs of each provider's deployments end in.
    """

    url: str
    local: dict[str, str]
    base_paths: dict[str, str]

    def base_url(self, provider: str) -> str:
        """What a deployment at this provider has as its base URL."""
        return self.local.get(provider, f"{self.url}/{provider}") + self.base_paths[provider]


class _Failure(msgspec.Struct, frozen=True):
    error: str


@contextmanager
def simulator_process(plan: Plan) -> Iterator[Addresses]:
    """Run a plan in a child process until the block ends. Raises Unavailable if it does not start."""
    command = [sys.executable, "-m", "entrepot.simulator"]
    child = subprocess.Popen(  # noqa: S603 - our own module
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C is for the parent, which ends the simulator in order
    )
    try:
        if child.stdin is None or child.stdout is None:
            raise Unavailable("the simulator's process has no pipes")
        child.stdin.write(msgspec.json.encode(plan) + b"\n")
        child.stdin.flush()
        line = child.stdout.readline()
        if not line:
            raise Unavailable(f"the simulator's process ended with code {child.wait()} before it was ready")
        said = msgspec.json.decode(line)
        if "error" in said:
            raise Unavailable(f"the simulator did not start: {said['error']}")
        yield msgspec.convert(said, Addresses)
    finally:
        _end(child)


def _end(child: subprocess.Popen[bytes]) -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    try:
        child.wait(timeout=5)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def serve(given: BinaryIO, said: BinaryIO) -> int:
    """The child's side: read a plan, serve it, end when `given` does. Returns the exit code."""
    try:
        plan = msgspec.json.decode(given.readline(), type=Plan)
        _run(plan, given, said)
    except (EntrepotError, msgspec.DecodeError, OSError) as error:
        said.write(msgspec.json.encode(_Failure(str(error))) + b"\n")
        said.flush()
        return 1
    return 0


def _run(plan: Plan, given: BinaryIO, said: BinaryIO) -> None:
    async def until_parent_ends() -> None:
        async with run_simulator(plan) as simulator:
            addresses = Addresses(simulator.url, dict(simulator.local_urls), simulator.base_paths())
            said.write(msgspec.json.encode(addresses) + b"\n")
            said.flush()
            # a thread reads standard input: it may be a pipe, a file or a terminal, which the loop cannot all watch
            await asyncio.to_thread(_read_to_end, given)

    if os.name == "posix":
        import uvloop  # noqa: PLC0415 - not there on Windows

        uvloop.run(until_parent_ends())
    else:
        asyncio.run(until_parent_ends())


def _read_to_end(stream: BinaryIO) -> None:
    while stream.read(65536):
        pass
