"""Our HTTP client held against two established ones over everything that a provider may send: same bytes, same verdicts.

Where ours decides otherwise the corpus says why; it may then only be stricter: what it takes, they take, byte for byte.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NamedTuple

import aiohttp
import httpx2
import pytest
import trustme

from tests.upstream.corpus import CORPUS, Case
from tests.upstream.scripted import Peer, Script, Server, fetch, open_client, serve

pytestmark = pytest.mark.sockets
PATIENCE_S = 20.0


class Verdict(NamedTuple):
    """What a client made of an answer: status and body, or nothing of it."""

    status: int
    body: bytes


BROKEN = Verdict(0, b"")


def sending(case: Case) -> Script:
    async def script(peer: Peer) -> None:
        await peer.read_request()
        with contextlib.suppress(ConnectionError):
            await peer.send(case.data)
        if case.ends == "stays":
            await peer.wait_until_closed()
        elif case.ends == "resets":
            await asyncio.sleep(0.05)  # so that what was sent is read before the reset throws it away
            peer.writer.transport.abort()
        else:
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                peer.writer.close()
                await peer.writer.wait_closed()

    return script


async def ours(server: Server, scheme: str, tls: ssl.SSLContext) -> Verdict:
    async with open_client(tls=tls) as client:
        heard = await fetch(client, server.url(scheme=scheme))
    last = heard.events[-1]
    return BROKEN if type(last).__name__ == "UpstreamFailed" else Verdict(heard.head.status, heard.body)


async def of_aiohttp(server: Server, scheme: str, tls: ssl.SSLContext) -> Verdict:
    try:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as session,
            session.post(server.url(scheme=scheme), data=b"{}", ssl=tls) as answer,
        ):
            return Verdict(answer.status, await answer.read())
    except (aiohttp.ClientError, ValueError, ConnectionError):
        return BROKEN


async def of_httpx2(server: Server, scheme: str, tls: ssl.SSLContext) -> Verdict:
    try:
        async with httpx2.AsyncClient(verify=tls, trust_env=False, timeout=PATIENCE_S) as client:
            answer = await client.post(server.url(scheme=scheme), content=b"{}")
            return Verdict(answer.status_code, answer.content)
    except (httpx2.HTTPError, ValueError):
        return BROKEN


@asynccontextmanager
async def provider(case: Case, scheme: str) -> AsyncIterator[tuple[Server, ssl.SSLContext]]:
    authority = trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(serving)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    async with serve(sending(case), tls=serving if scheme == "https" else None) as server:
        yield server, trusting


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("name", CORPUS)
async def test_the_same_bytes_and_the_same_verdict_or_a_stated_reason(name: str, scheme: str) -> None:
    case = CORPUS[name]
    async with asyncio.timeout(60), provider(case, scheme) as (server, tls):
        mine = await ours(server, scheme, tls)
        theirs = {"aiohttp": await of_aiohttp(server, scheme, tls), "httpx2": await of_httpx2(server, scheme, tls)}
    if not case.why:
        assert {client: verdict == mine for client, verdict in theirs.items()} == {"aiohttp": True, "httpx2": True}, (
            mine,
            theirs,
        )
    elif mine != BROKEN:
        assert mine in theirs.values()


@pytest.mark.parametrize("name", ["another.example", "unknown"])
async def test_a_certificate_that_is_not_the_hosts_or_of_nobody_known_is_refused_by_all(name: str) -> None:
    known, unknown = trustme.CA(), trustme.CA()
    serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (unknown if name == "unknown" else known).issue_cert("127.0.0.1" if name == "unknown" else name).configure_cert(
        serving
    )
    trusting = ssl.create_default_context()
    known.configure_trust(trusting)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)  # the server's side of each refusal
    async with serve(sending(CORPUS["whole"]), tls=serving) as server:
        for client in (ours, of_aiohttp, of_httpx2):
            assert await client(server, "https", trusting) == BROKEN
        assert server.accepted == 0


async def test_a_server_that_speaks_no_tls_is_refused_by_all() -> None:
    async def plain(peer: Peer) -> None:
        await peer.send(CORPUS["status 400"].data)

    async with serve(plain) as server:
        for client in (ours, of_aiohttp, of_httpx2):
            assert await client(server, "https", ssl.create_default_context()) == BROKEN
