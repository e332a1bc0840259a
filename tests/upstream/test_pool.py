from __future__ import annotations

import asyncio
import time

import pytest

from entrepot.exchange.events import UpstreamEnded
from entrepot.upstream.limits import Limits
from tests.upstream.scripted import (
    HELLO,
    Heard,
    Peer,
    always_hello,
    call,
    fetch,
    open_client,
    serve,
    until,
)

pytestmark = pytest.mark.sockets


async def test_a_connection_is_used_again_without_a_task_and_before_start_returns() -> None:
    async with serve(always_hello) as server, open_client() as client:
        await fetch(client, server.url())
        assert client.idle_count == 1
        before = len(asyncio.all_tasks())
        heard = Heard()

        client.start(call(server.url()), heard)

        assert len(asyncio.all_tasks()) == before
        assert client.idle_count == 0
        await heard.wait()
        assert heard.body == b"hello"
        assert server.accepted == 1


async def test_calls_at_the_same_time_have_a_connection_each() -> None:
    async with serve(always_hello) as server, open_client() as client:
        heard = [Heard() for _ in range(5)]
        for number, sink in enumerate(heard):
            client.start(call(server.url(), attempt=number), sink)
        for number, sink in enumerate(heard):
            await sink.wait()
            assert sink.events[-1] == UpstreamEnded(number)

        assert server.accepted == 5
        assert client.idle_count == 5


async def test_origins_do_not_share_connections() -> None:
    async with serve(always_hello) as one, serve(always_hello) as other, open_client() as client:
        for url in (one.url(), other.url(), one.url(host="one.test"), one.url("/v2")):
            assert (await fetch(client, url)).body == b"hello"

        assert (one.accepted, other.accepted) == (2, 1)


async def test_a_connection_that_the_peer_closed_while_idle_leaves_the_pool() -> None:
    async def script(peer: Peer) -> None:
        await peer.answer(HELLO)

    async with serve(script) as server, open_client() as client:
        await fetch(client, server.url())
        await server.finish()
        await until(lambda: client.open_count == 0)

        assert (await fetch(client, server.url())).body == b"hello"
        assert server.accepted == 2


async def test_cancelling_after_the_end_does_not_touch_the_connection() -> None:
    async with serve(always_hello) as server, open_client() as client:
        heard = Heard()
        running = client.start(call(server.url()), heard)
        await heard.wait()
        running.cancel()
        running.pause()

        assert client.idle_count == 1
        assert (await fetch(client, server.url())).body == b"hello"
        assert server.accepted == 1


async def test_idle_connections_are_closed_after_their_time() -> None:
    async with serve(always_hello) as server, open_client(Limits(idle_s=0.05)) as client:
        await fetch(client, server.url())
        assert client.idle_count == 1

        await until(lambda: client.open_count == 0)
        await server.finish()


async def test_an_idle_connection_past_its_time_is_not_used_even_before_it_is_swept() -> None:
    async with serve(always_hello) as server, open_client(Limits(idle_s=0.02)) as client:
        await fetch(client, server.url())
        time.sleep(0.03)  # noqa: ASYNC251 - the loop has to stand still, so that no timer of the pool can run
        await fetch(client, server.url())

        assert server.accepted == 2


async def test_a_connection_past_its_age_is_not_kept() -> None:
    async with serve(always_hello) as server, open_client(Limits(max_age_s=-1.0)) as client:
        for _ in range(2):
            assert (await fetch(client, server.url())).body == b"hello"

        assert client.idle_count == 0
        assert server.accepted == 2


async def test_no_more_connections_are_kept_than_the_limit() -> None:
    async with serve(always_hello) as server, open_client(Limits(max_idle_per_origin=2)) as client:
        heard = [Heard() for _ in range(5)]
        for sink in heard:
            client.start(call(server.url()), sink)
        for sink in heard:
            await sink.wait()
        await until(lambda: client.open_count == 2)

        assert client.idle_count == 2


async def test_the_connection_used_last_is_used_first() -> None:
    numbers: list[int] = []

    async def script(peer: Peer) -> None:
        while True:
            await peer.read_request()
            numbers.append(peer.number)
            await peer.send(HELLO)

    async with serve(script) as server, open_client() as client:
        one, other = Heard(), Heard()
        client.start(call(server.url()), one)
        client.start(call(server.url()), other)
        await one.wait()
        await other.wait()
        last = (await fetch(client, server.url())).over and numbers[-1]
        for _ in range(3):
            await fetch(client, server.url())

        assert numbers[2:] == [last] * 4
        assert client.idle_count == 2
