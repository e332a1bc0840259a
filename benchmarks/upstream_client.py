"""CPU of one upstream call: our client against aiohttp's, in one run on one machine.

Usage, from the project's root (aiohttp is a development dependency):

    PYTHONPATH=src python benchmarks/upstream_client.py [--calls 4000] [--at-once 32] [--rounds 5] [--loop uvloop|asyncio]

A trivial server in a process of its own answers every request with the same bytes, either sized (a whole answer of
about 600 bytes) or chunked (a stream of 40 events). Rounds of both clients alternate; what is printed is the CPU that
this process used per call (user and system, `getrusage`), the least of the rounds, because noise only ever adds.
Connections are kept alive; opening them is not measured.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import resource
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection as Pipe

import aiohttp
import uvloop

from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import WireRequest
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamEnded, UpstreamFailed
from entrepot.upstream.client import UpstreamClient

BODY = b'{"model":"m","messages":[{"role":"user","content":"%b"}]}' % (b"x" * 200)
HEADERS = (
    b"".join(b"x-ratelimit-%d: 12345\r\n" % number for number in range(10)) + b"content-type: application/json\r\n"
)
WHOLE = b"HTTP/1.1 200 OK\r\n" + HEADERS + b"content-length: 600\r\n\r\n" + b"x" * 600
EVENT = b'data: {"choices":[{"delta":{"content":"word"}}]}\n\n'
EVENTS = 40
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
STREAM_HEAD = b"HTTP/1.1 200 OK\r\n" + HEADERS + b"transfer-encoding: chunked\r\n\r\n"

OneCall = Callable[[str], Awaitable[None]]


class TrivialServer(asyncio.Protocol):
    """Takes every read that ends a request for one, and answers without looking."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        if data.startswith(b"POST /stream"):
            self._send_stream(0)
        elif data.startswith(b"POST /whole"):
            self.transport.write(WHOLE)  # type: ignore[attr-defined] # asyncio hands over a Transport

    def _send_stream(self, sent: int) -> None:
        write = self.transport.write  # type: ignore[attr-defined] # as above
        write(STREAM_HEAD if sent == 0 else CHUNK)
        if sent < EVENTS:
            asyncio.get_running_loop().call_later(0.001, self._send_stream, sent + 1)
        else:
            write(b"0\r\n\r\n")


def run_server(pipe: Pipe) -> None:
    """Serve until the parent goes."""

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(TrivialServer, "127.0.0.1", 0)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.poll, None)

    uvloop.run(serve())


def build_our_call(client: UpstreamClient) -> OneCall:
    """One call with our client, waited for by a future as a driver's queue would be."""
    deployment = Deployment(
        id="p/m",
        model="m",
        maker="x",
        maker_country="CN",
        provider="p",
        provider_country="CN",
        region="CN",
        base_url="http://127.0.0.1",
        dialect="openai-chat",
        upstream_name="m",
        secret="env:KEY",  # noqa: S106 - a reference
    )

    async def call(url: str) -> None:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def sink(event: Event) -> None:
            if isinstance(event, UpstreamEnded):
                done.set_result(None)
            elif isinstance(event, UpstreamFailed):
                done.set_exception(RuntimeError(event.message))

        client.start(CallUpstream(1, deployment, WireRequest(url, BODY)), sink)
        await done

    return call


def build_their_call(session: aiohttp.ClientSession) -> OneCall:
    """One call with aiohttp, its body read piece by piece as a relay does."""
    headers = {"content-type": "application/json", "authorization": "Bearer sk-1"}

    async def call(url: str) -> None:
        async with session.post(url, data=BODY, headers=headers) as response:
            async for _ in response.content.iter_any():
                pass

    return call


async def measure(call: OneCall, url: str, calls: int, at_once: int) -> float:
    """Microseconds of CPU per call."""

    async def worker() -> None:
        for _ in range(calls // at_once):
            await call(url)

    await asyncio.gather(*(call(url) for _ in range(at_once)))
    before = resource.getrusage(resource.RUSAGE_SELF)
    await asyncio.gather(*(worker() for _ in range(at_once)))
    after = resource.getrusage(resource.RUSAGE_SELF)
    used_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return used_s * 1e6 / (calls // at_once * at_once)


async def compare(port: int, calls: int, at_once: int, rounds: int) -> None:
    """Alternate the two clients and print the least of each."""
    client = UpstreamClient(environ={"KEY": "sk-1"})
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        ours, theirs = build_our_call(client), build_their_call(session)
        for name, per_round in (("whole", calls), ("stream", max(calls // 10, at_once))):
            url = f"http://127.0.0.1:{port}/{name}"
            ours_us, theirs_us = [], []
            for _ in range(rounds):
                ours_us.append(await measure(ours, url, per_round, at_once))
                theirs_us.append(await measure(theirs, url, per_round, at_once))
            least, most = min(ours_us), min(theirs_us)
            print(f"{name:7} entrepot {least:7.1f} us  aiohttp {most:7.1f} us  ratio {most / least:.2f}")
    await client.close()


def main() -> None:
    """Parse, start the server, compare."""
    parser = argparse.ArgumentParser(description="CPU of one upstream call: our client against aiohttp's")
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--at-once", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), default="uvloop")
    options = parser.parse_args()
    ours, servers = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=run_server, args=(servers,), daemon=True)
    process.start()
    try:
        factory = uvloop.new_event_loop if options.loop == "uvloop" else asyncio.new_event_loop
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(compare(ours.recv(), options.calls, options.at_once, options.rounds))
    finally:
        process.terminate()
        process.join()


if __name__ == "__main__":
    main()
