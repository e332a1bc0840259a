"""Every asynchronous test here runs on asyncio's own loop and on uvloop, both with made-up names.

Names below `.test` are this machine; a test may give one other addresses with `addresses`. Names below `.invalid` do not
exist. Nothing asks a real resolver.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from entrepot.upstream.dial import Found

ADDRESSES: dict[str, list[tuple[str, int]]] = {}


async def _look_up(host: object, port: object) -> list[Found]:
    if str(host).endswith(".invalid"):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    found = ADDRESSES.get(str(host), [("127.0.0.1", int(str(port)))])
    return [
        (socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (ip, number))
        for ip, number in found
    ]


class PlainLoop(asyncio.SelectorEventLoop):
    async def getaddrinfo(  # type: ignore[override]  # what is called of it, no more
        self, host: str | bytes | None, port: str | bytes | int | None, **_: object
    ) -> list[Found]:
        return await _look_up(host, port)


class FastLoop(uvloop.Loop):
    async def getaddrinfo(  # type: ignore[override]  # what is called of it, no more
        self, host: str | bytes | None, port: str | bytes | int | None, **_: object
    ) -> list[Found]:
        return await _look_up(host, port)


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return {"asyncio": PlainLoop, "uvloop": FastLoop}


@pytest.fixture
def addresses() -> Iterator[dict[str, list[tuple[str, int]]]]:
    """What made-up names stand for, by name."""
    yield ADDRESSES
    ADDRESSES.clear()
