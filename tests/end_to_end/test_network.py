"""A gateway at home in a company's network: TLS in and out, client certificates, IPv6, Unix sockets, with real processes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from entrepot.app import Running, running
from entrepot.catalog.schema import Way
from entrepot.errors import SettingsError
from entrepot.exchange.plan import Deadlines
from entrepot.settings.schema import ControlSettings, GatewaySettings, KeySettings, ListenTls
from tests.certificates import Authority
from tests.end_to_end.world import KEY, PLAN, PROVIDER_SECRET, eventually, settings_for, simulator_in_thread

pytestmark = pytest.mark.end_to_end

CHAT = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "hi"}]}).encode()


@contextlib.contextmanager
def installation(
    directory: Path, gateway: GatewaySettings, *, way: Way | None = None, **more: object
) -> Iterator[Running]:
    """An installation that listens so, before stand-ins that are reached in this way."""
    with simulator_in_thread(PLAN) as simulator:
        settings = settings_for(simulator, directory, gateway=gateway)
        given = [msgspec.structs.replace(each, way=way) for each in settings.deployments]
        settings = msgspec.structs.replace(settings, deployments=tuple(given), **more)
        with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as found:
            yield found


def ask(
    found: Running,
    *,
    tls: ssl.SSLContext | None = None,
    key: str | None = KEY,
    method: str = "POST",
    path: str = "/v1/chat/completions",
    base: str | None = None,
) -> tuple[int, str]:
    """The status and body that a client which is not ours is answered with; the status is 0 where it cannot connect."""

    async def call() -> tuple[int, str]:
        address = base or found.address
        socket = address.removeprefix("unix:") if address.startswith("unix:") else None
        connector = aiohttp.TCPConnector() if socket is None else aiohttp.UnixConnector(socket)
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        url = (address if socket is None else "http://localhost") + path
        async with aiohttp.ClientSession(connector=connector) as session:
            try:
                async with session.request(
                    method, url, data=CHAT if method == "POST" else None, headers=headers, ssl=tls or True
                ) as answer:
                    return answer.status, await answer.text()
            except aiohttp.ClientError as error:
                return 0, type(error).__name__

    return asyncio.run(call())


def test_clients_speak_tls_and_a_renewed_certificate_is_shown_while_we_run(tmp_path: Path) -> None:
    authority, later = Authority(tmp_path), Authority(tmp_path, "later")
    with installation(tmp_path / "data", GatewaySettings(port=0, tls=authority.listen())) as found:
        assert found.base_url.startswith("https://127.0.0.1:")
        assert ask(found, tls=ssl.create_default_context(cafile=authority.ca))[0] == 200
        assert ask(found)[1] == "ClientConnectorCertificateError"
        later.listen()
        renewed = ssl.create_default_context(cafile=later.ca)
        assert eventually(lambda: ask(found, tls=renewed)[0] == 200, 20)


def test_a_client_certificate_stands_for_a_key(tmp_path: Path) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    tls = authority.listen(client_ca=str(clients.ca))
    keys = (KeySettings("batch", "", certificate="batch.acme.test"),)
    with installation(tmp_path / "data", GatewaySettings(port=0, tls=tls), keys=keys) as found:
        context = ssl.create_default_context(cafile=authority.ca)
        assert ask(found, tls=context, key=None)[0] == 0
        context.load_cert_chain(*clients.issue("batch", "batch.acme.test"))
        assert ask(found, tls=context, key=None)[0] == 200
        context.load_cert_chain(*clients.issue("other", "other.acme.test"))
        status, body = ask(found, tls=context, key=None)
        assert status == 401
        assert "the certificate of other.acme.test stands for none" in body


def test_a_unix_socket_is_listened_on_and_goes_when_we_stop(tmp_path: Path) -> None:
    path = tmp_path / "gateway.sock"
    with installation(tmp_path / "data", GatewaySettings(socket=str(path), processes=2)) as found:
        assert found.address == f"unix:{path}"
        assert ask(found)[0] == 200
    assert not path.exists()


def test_ipv6_is_listened_on(tmp_path: Path) -> None:
    with installation(tmp_path, GatewaySettings(host="::1", port=0)) as found:
        assert found.base_url.startswith("http://[::1]:")
        assert ask(found)[0] == 200


def test_the_admin_api_speaks_tls_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    control = ControlSettings(port=0, tls=authority.listen())
    with installation(tmp_path / "data", GatewaySettings(port=0), control=control) as found:
        assert found.admin is not None
        assert found.admin.startswith("https://")
        context = ssl.create_default_context(cafile=authority.ca)
        here = {"tls": context, "method": "GET", "path": "/admin/v1/whoami", "base": found.admin}
        assert eventually(lambda: ask(found, **here)[0] == 401)  # type: ignore[arg-type]  # one dict of several kinds


class Door(threading.Thread):
    """A TLS door before a stand-in, on a Unix socket, that wants a certificate: as a company puts one before its vLLM."""

    def __init__(self, path: Path, tls: ssl.SSLContext, port: int) -> None:
        super().__init__()
        self._path, self._tls, self._port = path, tls, port
        self._loop, self._stopping = asyncio.new_event_loop(), asyncio.Event()
        self.ready = threading.Event()

    def run(self) -> None:
        self._loop.run_until_complete(self._serve())
        self._loop.close()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stopping.set)
        self.join()

    async def _serve(self) -> None:
        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.suppress(ConnectionError):
                while data := await reader.read(65536):
                    writer.write(data)
                    await writer.drain()
            writer.close()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            inner, outer = await asyncio.open_connection("127.0.0.1", self._port)
            await asyncio.gather(pass_on(reader, outer), pass_on(inner, writer))

        async with await asyncio.start_unix_server(accept, self._path, ssl=self._tls):
            self.ready.set()
            await self._stopping.wait()


def test_a_provider_is_reached_over_a_unix_socket_with_tls_and_a_certificate_of_ours(tmp_path: Path) -> None:
    authority, clients = Authority(tmp_path), Authority(tmp_path, "clients")
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*authority.issue("vllm", "vllm.acme.test"))
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.load_verify_locations(clients.ca)
    socket = tmp_path / "vllm.sock"
    way = Way(str(authority.ca), *clients.issue("gateway", "gateway.acme.test"), str(socket))
    with simulator_in_thread(PLAN) as simulator:
        door = Door(socket, tls, int(simulator.base_url("cheap").split(":")[2].split("/")[0]))
        door.start()
        assert door.ready.wait(10)
        settings = settings_for(simulator, tmp_path / "data")
        path = simulator.base_url("cheap").split("/", 3)[3]
        given = tuple(
            msgspec.structs.replace(each, way=way, base_url=f"https://vllm.acme.test/{path}")
            for each in settings.deployments
            if each.id == "cheap/small"
        )
        settings = msgspec.structs.replace(settings, deployments=given, routes=(), deadlines=Deadlines(connect_s=5))
        try:
            with running(settings, {**os.environ, "TEST_PROVIDER_KEY": PROVIDER_SECRET}) as found:
                body = json.dumps({"model": "cheap/small", "messages": [{"role": "user", "content": "hi"}]})
                assert _post(found.base_url + "/chat/completions", body) == 200
        finally:
            door.stop()


def _post(url: str, body: str) -> int:
    async def call() -> int:
        headers = {"authorization": f"Bearer {KEY}"}
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as answer:
            await answer.read()
            return answer.status

    return asyncio.run(call())


def test_a_certificate_that_cannot_be_used_is_told_before_any_process_starts(tmp_path: Path) -> None:
    tls = ListenTls(str(tmp_path / "absent.pem"), str(tmp_path / "absent.key"))
    with (
        pytest.raises(SettingsError, match=r"\[gateway\.tls\] certificate: .*absent\.pem cannot be read"),
        installation(tmp_path / "data", GatewaySettings(port=0, tls=tls)),
    ):
        pytest.fail("it started")
