from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from entrepot.cli.health import ask, place_of
from entrepot.server.listening import listen_on_path, listen_on_port
from entrepot.settings.schema import GatewaySettings, ListenTls
from tests.certificates import Authority
from tests.cli.run import Command

pytestmark = pytest.mark.sockets

LIVES = b'HTTP/1.1 200 OK\r\ncontent-length: 17\r\n\r\n{"status":"live"}'


@contextlib.contextmanager
def answering(
    listening: socket.socket, answer: bytes = LIVES, tls: ssl.SSLContext | None = None
) -> Iterator[list[bytes]]:
    """Something that gives every connection this answer; what it was asked."""
    asked: list[bytes] = []

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                secured = connection if tls is None else tls.wrap_socket(connection, server_side=True)
                with secured:
                    asked.append(secured.recv(65536))
                    secured.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield asked
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
        listening.close()


def settings(listening: socket.socket, host: str, tls: ListenTls | None = None) -> GatewaySettings:
    return GatewaySettings(host=host, port=listening.getsockname()[1], tls=tls)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0.0.0.0", "::"])
def test_it_is_asked_where_it_listens(host: str) -> None:
    listening = listen_on_port(host, 0, "x")
    with answering(listening) as asked:
        assert ask(settings(listening, host), "/livez", 5) == (200, '{"status":"live"}')
    assert asked[0].startswith(b"GET /livez HTTP/1.1\r\nhost: localhost\r\n")


def test_it_is_asked_on_its_unix_socket(tmp_path: Path) -> None:
    path = str(tmp_path / "gateway.sock")
    with answering(listen_on_path(path, "x")):
        assert ask(GatewaySettings(socket=path), "/livez", 5)[0] == 200
    assert place_of(GatewaySettings(socket=path), None) == path
    assert place_of(GatewaySettings(socket=path), 90) == "port 90 of 127.0.0.1"


def test_it_is_asked_over_tls_and_known_by_its_own_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    tls = authority.listen()
    listening = listen_on_port("127.0.0.1", 0, "x")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    with answering(listening, tls=context):
        assert ask(settings(listening, "127.0.0.1", tls), "/livez", 5)[0] == 200
        other = authority.listen("other")
        with pytest.raises(ssl.SSLCertVerificationError):
            ask(settings(listening, "127.0.0.1", other), "/livez", 5)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_that_a_certificate_is_asked_for_is_a_sign_of_life(tmp_path: Path, version: str) -> None:
    authority = Authority(tmp_path)
    tls = authority.listen(client_ca=str(authority.ca))
    listening = listen_on_port("127.0.0.1", 0, "x")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion[version]
    context.load_cert_chain(tls.certificate, tls.key)
    context.load_verify_locations(authority.ca)
    context.verify_mode = ssl.CERT_REQUIRED
    with answering(listening, tls=context):
        status, said = ask(settings(listening, "127.0.0.1", tls), "/livez", 5)
    assert (status, "asks for a client certificate" in said) == (200, True)


def test_who_proves_its_certificate_and_hangs_up_lives_only_if_it_asks_for_one(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    asks_for_one, asks_for_none = authority.listen(client_ca=str(authority.ca)), authority.listen("other")
    for tls in (asks_for_one, asks_for_none):
        listening = listen_on_port("127.0.0.1", 0, "x")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls.certificate, tls.key)
        with answering(listening, b"", tls=context):
            if tls is asks_for_one:
                assert ask(settings(listening, "127.0.0.1", tls), "/livez", 5)[0] == 200
            else:
                with pytest.raises(OSError, match=r"EOF|without a word|reset"):
                    ask(settings(listening, "127.0.0.1", tls), "/livez", 5)


def test_what_speaks_no_http_is_not_alive() -> None:
    listening = listen_on_port("127.0.0.1", 0, "x")
    with answering(listening, b"SSH-2.0-x\r\n"), pytest.raises(ConnectionError, match="no HTTP"):
        ask(settings(listening, "127.0.0.1"), "/livez", 5)


def test_the_command_says_it_with_its_exit_code(entrepot: Command) -> None:
    listening = listen_on_port("127.0.0.1", 0, "x")
    port = listening.getsockname()[1]
    document = f"[gateway]\nport = {port}\n[[deployments]]\nprovider = 'deepseek'\nmodel = 'deepseek-v4.1-flash'\n"
    (entrepot.directory / "entrepot.toml").write_text(document, encoding="utf-8")
    with answering(listening, b"HTTP/1.1 503 Service Unavailable\r\n\r\n{}") as asked:
        assert entrepot("health", "--ready").exit_code == 1
    assert asked[0].startswith(b"GET /readyz ")
    nobody = entrepot("health", "--timeout", "1")
    assert nobody.exit_code == 1
    assert f"does not answer at port {port} of 127.0.0.1" in nobody.output
