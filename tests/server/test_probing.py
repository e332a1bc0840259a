"""Deployments whose circuit is open, probed."""

from __future__ import annotations

import asyncio
import socket

import msgspec
import pytest

from entrepot.catalog.schema import Deployment
from entrepot.exchange.board import Board
from entrepot.exchange.circuit import CircuitSettings
from entrepot.exchange.records import AttemptRecord
from entrepot.server.probing import follow_open, is_well
from entrepot.settings.schema import ProbeKind
from tests.exchange.things import a_deployment
from tests.upstream.scripted import HELLO, Peer, open_client, serve

pytestmark = pytest.mark.sockets


def at(url: str) -> Deployment:
    return a_deployment("a/m", base_url=url, auth="none", provider_country="LOCAL")


async def lists_models(peer: Peer) -> None:
    head, _ = await peer.read_request()
    assert head.startswith(b"GET /v1/models ")
    await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 23\r\n\r\n" + b'{"data": [{"id": "m"}]}')


async def fails(peer: Peer) -> None:
    await peer.answer(HELLO.replace(b"200 OK", b"500 Oh no"))


async def says_nothing(peer: Peer) -> None:
    await peer.wait_until_closed()


@pytest.mark.parametrize(
    ("script", "kind", "well"),
    [
        (lists_models, "models", True),
        (fails, "models", False),
        (fails, "connect", True),
        (says_nothing, "connect", True),
    ],
)
async def test_a_probe_asks_for_models_or_merely_connects(script: object, kind: ProbeKind, well: bool) -> None:
    async with serve(script) as server, open_client() as client:  # type: ignore[arg-type]  # one of the scripts above
        assert await is_well(client, at(server.url()), kind) is well


@pytest.mark.parametrize("kind", ["connect", "models"])
async def test_nobody_there_is_not_well(kind: ProbeKind) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        async with open_client() as client:
            assert not await is_well(client, at(f"http://127.0.0.1:{taken.getsockname()[1]}/v1"), kind)


async def test_only_what_is_open_is_probed_and_an_answer_lets_it_be_tried() -> None:
    board = Board(CircuitSettings(open_s=1000.0, probe_s=0.01, longest_open_s=1000.0))
    loop_s = 1.0
    async with serve(lists_models) as server, open_client() as client:
        one = at(server.url())
        other = msgspec.structs.replace(one, id="b/m")
        for _ in range(2):
            board.learn(AttemptRecord(0, "a/m", "m", "a", 500, loop_s, failure="server_error"), 1e12)
        following = asyncio.ensure_future(follow_open(board, client, (one, other), {"a/m": "models", "b/m": "models"}))
        while board.open(["a/m"], 1e12):
            await asyncio.sleep(0.01)
        following.cancel()
        assert server.accepted == 1
        assert board.unhealthy(["a/m"], 1e12) == {}


async def test_without_a_probe_nothing_runs() -> None:
    async with open_client() as client:
        await follow_open(Board(), client, (at("http://127.0.0.1:9/v1"),), {})
