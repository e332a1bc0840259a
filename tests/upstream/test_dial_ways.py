"""`upstream/dial.py` where a deployment is reached in a way of its own: its authority, our certificate, a Unix socket."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from entrepot.catalog.schema import Way
from entrepot.upstream.client import UpstreamClient
from tests.certificates import Authority
from tests.upstream.scripted import Heard, Script, Server, always_hello, call, open_client, serve

pytestmark = pytest.mark.sockets


@asynccontextmanager
async def serve_on_path(script: Script, path: str, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(script)
    listener = await asyncio.start_unix_server(server.accept, path, ssl=tls)
    try:
        yield server
    finally:
        listener.close()
        await server.stop()
        await listener.wait_closed()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def server_tls(authority: Authority, *, client_ca: Path | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server", "api.test"))
    if client_ca is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(client_ca)
    return context


async def ask(client: UpstreamClient, url: str, way: Way) -> Heard:
    command = call(url)
    heard = Heard()
    deployment = msgspec.structs.replace(command.deployment, way=way)
    client.start(msgspec.structs.replace(command, deployment=deployment), heard)
    return await heard.wait()


async def test_a_deployments_own_authority_is_trusted_for_it_alone(authority: Authority) -> None:
    async with serve(always_hello, tls=server_tls(authority)) as server, open_client() as client:
        url = server.url(host="api.test", scheme="https")
        assert (await ask(client, url, Way(ca=str(authority.ca)))).body == b"hello"
        assert "issuer" in (await ask(client, url, Way())).failure.message


async def test_a_client_certificate_is_shown_to_whoever_asks_for_one(authority: Authority, tmp_path: Path) -> None:
    clients = Authority(tmp_path, "clients")
    certificate, key = clients.issue("client", "client.test")
    ca = str(authority.ca)
    async with serve(always_hello, tls=server_tls(authority, client_ca=clients.ca)) as server, open_client() as client:
        url = server.url(host="api.test", scheme="https")
        assert (await ask(client, url, Way(ca, certificate, key))).body == b"hello"
        assert (await ask(client, url, Way(ca))).failure.kind in ("connect", "cut_off")


async def test_files_that_cannot_be_used_fail_the_call_and_are_told_to_the_operator(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(always_hello) as server, open_client() as client:
        url = server.url(host="api.test", scheme="https")
        heard = await ask(client, url, Way(ca=str(tmp_path / "absent.pem")))
    assert heard.failure.kind == "connect"
    assert "absent.pem" not in heard.failure.message
    assert "absent.pem cannot be read" in caplog.text


async def test_a_unix_socket_is_dialled_with_the_addresss_host_and_past_any_proxy(tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def script(peer: object) -> None:
        heads.append((await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"))[0])  # type: ignore[attr-defined]  # a Peer

    path = str(tmp_path / "vllm.sock")
    async with serve_on_path(script, path), open_client(http_proxy="http://127.0.0.1:1") as client:
        heard = await ask(client, "http://models.test/v1/chat", Way(socket=path))
    assert heard.body == b"hello"
    assert b"POST /v1/chat HTTP/1.1\r\nhost: models.test\r\n" in heads[0]


async def test_tls_goes_over_a_unix_socket_too(authority: Authority, tmp_path: Path) -> None:
    path = str(tmp_path / "tls.sock")
    async with serve_on_path(always_hello, path, server_tls(authority)), open_client() as client:
        way = Way(ca=str(authority.ca), socket=path)
        assert (await ask(client, "https://api.test/v1", way)).body == b"hello"


async def test_a_unix_socket_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "absent.sock")
    async with open_client() as client:
        heard = await ask(client, "http://localhost/v1", Way(socket=path))
    assert heard.failure.message == f"no connection to the Unix socket {path}: No such file or directory"


async def test_two_ways_to_one_address_share_no_connection(authority: Authority) -> None:
    async with serve(always_hello, tls=server_tls(authority)) as server, open_client() as client:
        url = server.url(host="api.test", scheme="https")
        certificate, key = authority.issue("client", "client.test")
        await ask(client, url, Way(ca=str(authority.ca)))
        await ask(client, url, Way(str(authority.ca), certificate, key))
        await ask(client, url, Way(ca=str(authority.ca)))
        assert (server.accepted, client.idle_count) == (2, 2)
