from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from entrepot.errors import SettingsError
from entrepot.server.listening_tls import ListeningTls, listening_tls, names_in
from entrepot.settings.schema import ListenTls
from tests.certificates import Authority

pytestmark = pytest.mark.sockets


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@contextlib.asynccontextmanager
async def listening(tls: ListeningTls) -> AsyncIterator[int]:
    """The port of a server that tells each client its names."""

    async def tell(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        names = names_in(writer.get_extra_info("ssl_object").getpeercert())
        writer.write(",".join(names).encode() or b"nobody")
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(tell, "127.0.0.1", 0, ssl=tls.context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await server.wait_closed()


async def ask(port: int, ca: Authority, certificate: tuple[str, str] | None = None, *, most: str = "TLSv1_3") -> str:
    """What the server says; why there was no answer, where there was none."""
    context = ssl.create_default_context(cafile=ca.ca)
    context.maximum_version = ssl.TLSVersion[most]
    if certificate is not None:
        context.load_cert_chain(*certificate)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        said = (await reader.read()).decode()
        writer.close()
    except (ssl.SSLError, ConnectionError) as error:
        return type(error).__name__
    return said or "closed"


def cut_short(file: str) -> None:
    Path(file).write_text("half a file")


async def test_a_renewed_certificate_is_shown_without_a_restart(authority: Authority, tmp_path: Path) -> None:
    tls = ListeningTls(authority.listen(), "[gateway.tls]")
    async with listening(tls) as port:
        assert await ask(port, authority) == "nobody"
        later = Authority(tmp_path, "later")
        later.listen()
        assert tls.renew()
        assert not tls.renew()
        assert await ask(port, later) == "nobody"
        assert await ask(port, authority) == "SSLCertVerificationError"


async def test_what_cannot_be_used_leaves_the_certificate_before_in_place(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    settings = authority.listen()
    tls = ListeningTls(settings, "[gateway.tls]")
    async with listening(tls) as port:
        cut_short(settings.key)
        assert not tls.renew()
        assert await ask(port, authority) == "nobody"
        assert "the renewed certificate is not used" in caplog.text
        authority.listen()
        assert tls.renew()


async def test_a_renewed_certificate_is_found_by_itself(authority: Authority, tmp_path: Path) -> None:
    tls = ListeningTls(authority.listen(), "[gateway.tls]")
    following = asyncio.create_task(tls.follow(0.01))
    async with listening(tls) as port:
        later = Authority(tmp_path, "later")
        later.listen()
        while await ask(port, later) != "nobody":
            await asyncio.sleep(0.02)
    following.cancel()


async def test_clients_show_a_certificate_where_one_is_required(authority: Authority, tmp_path: Path) -> None:
    clients = Authority(tmp_path, "clients")
    one = clients.issue("one", "one.test", common_name="team one")
    tls = ListeningTls(authority.listen(client_ca=str(clients.ca)), "[gateway.tls]")
    async with listening(tls) as port:
        assert await ask(port, authority, one) == "team one,one.test"
        assert await ask(port, authority) in ("SSLError", "closed", "ConnectionResetError")
        stranger = Authority(tmp_path, "strangers").issue("stranger", "one.test")
        assert await ask(port, authority, stranger) in ("SSLError", "closed", "ConnectionResetError")


async def test_an_authority_that_is_taken_out_lets_nobody_in_any_more(authority: Authority, tmp_path: Path) -> None:
    clients, successors = Authority(tmp_path, "clients"), Authority(tmp_path, "successors")
    before, after = clients.issue("before", "before.test"), successors.issue("after", "after.test")
    tls = ListeningTls(authority.listen(client_ca=str(clients.ca)), "[gateway.tls]")
    async with listening(tls) as port:
        assert await ask(port, authority, before) == "before.test"
        clients.ca.write_bytes(successors.ca.read_bytes())
        assert tls.renew()
        assert await ask(port, authority, after) == "after.test"
        assert await ask(port, authority, before) in ("SSLError", "closed", "ConnectionResetError")


async def test_a_certificate_may_be_optional(authority: Authority, tmp_path: Path) -> None:
    clients = Authority(tmp_path, "clients")
    tls = ListeningTls(authority.listen(client_ca=str(clients.ca), client_certificates="optional"), "x")
    async with listening(tls) as port:
        assert await ask(port, authority) == "nobody"
        assert await ask(port, authority, clients.issue("one", "one.test")) == "one.test"


async def test_versions_before_the_least_are_refused(authority: Authority) -> None:
    async with listening(ListeningTls(authority.listen(minimum_version="1.3"), "x")) as port:
        assert await ask(port, authority) == "nobody"
        assert await ask(port, authority, most="TLSv1_2") in ("SSLError", "ConnectionResetError")
    async with listening(ListeningTls(authority.listen(), "x")) as port:
        assert await ask(port, authority, most="TLSv1_2") == "nobody"


def test_files_that_cannot_be_used_are_told_at_the_start(authority: Authority, tmp_path: Path) -> None:
    good = authority.listen()
    with pytest.raises(SettingsError, match=r"\[gateway\.tls\] key: .*absent cannot be read"):
        ListeningTls(ListenTls(good.certificate, str(tmp_path / "absent")), "[gateway.tls]")
    with pytest.raises(SettingsError, match=r"\[gateway\.tls\] client_ca: .*absent cannot be read"):
        ListeningTls(ListenTls(good.certificate, good.key, client_ca=str(tmp_path / "absent")), "[gateway.tls]")
    assert listening_tls(None, "[gateway.tls]") is None


def test_names_are_common_names_then_those_that_may_stand_for_somebody() -> None:
    certificate = {
        "subject": ((("organizationName", "acme"),), (("commonName", "batch"),)),
        "subjectAltName": (("DNS", "batch.acme.test"), ("IP Address", "10.0.0.1"), ("URI", "spiffe://acme/batch")),
    }
    assert names_in(certificate) == ("batch", "batch.acme.test", "spiffe://acme/batch")
    assert names_in({}) == names_in(None) == ()
