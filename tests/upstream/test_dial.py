from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest
import trustme

from entrepot.exchange.events import UpstreamEnded
from entrepot.upstream.dial import overlook_unheard
from entrepot.upstream.tls import build_tls
from tests.upstream.scripted import (
    HELLO,
    Heard,
    Peer,
    Script,
    always_hello,
    call,
    count_open_files,
    fetch,
    open_client,
    serve,
    until,
)

pytestmark = pytest.mark.sockets

TUNNEL = b"HTTP/1.1 200 Connection established\r\nvia: 1.1 x\r\n\r\n"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def trusting(authority: trustme.CA, tmp_path: Path) -> ssl.SSLContext:
    """The client's side, as SSL_CERT_FILE makes it."""
    file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(file)
    return build_tls({"SSL_CERT_FILE": str(file)})


def certified(authority: trustme.CA, *names: str) -> ssl.SSLContext:
    """The server's side: a certificate for `names`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2", "http/1.1"])
    authority.issue_cert(*names).configure_cert(context)
    return context


async def test_cancelling_before_there_is_a_connection_leaves_nothing_open() -> None:
    async with serve(always_hello) as server, open_client() as client:
        heard = Heard()
        running = client.start(call(server.url()), heard)
        running.cancel()
        await fetch(client, server.url())

        assert heard.events == []
        assert client.open_count == 1


async def test_nobody_listening_is_a_failure_to_connect() -> None:
    async with serve(always_hello) as server:
        url = server.url()
    async with open_client() as client:
        heard = await fetch(client, url)

    assert heard.failure.kind == "connect"
    assert heard.failure.message == f"no connection to 127.0.0.1:{server.port}: Connection refused"


async def test_an_unknown_name_is_a_failure_to_connect() -> None:
    async with open_client() as client:
        heard = await fetch(client, "https://nowhere.invalid/v1")

    assert heard.failure.kind == "connect"
    assert heard.failure.message == "no address was found for nowhere.invalid: Name or service not known"


async def test_a_handshake_that_does_not_end_is_no_connection() -> None:
    async def script(peer: Peer) -> None:
        await peer.wait_until_closed()

    async with serve(script) as server, open_client() as client:
        heard = Heard()
        client.start(call(server.url(scheme="https"), connect_timeout_s=0.05), heard)
        await heard.wait()

        assert heard.failure.kind == "connect"
        assert heard.failure.message == f"no connection to 127.0.0.1:{server.port} within 0.05 s"
        await server.finish()


async def test_tls_names_the_host_and_speaks_http_1_1(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    names: list[str | None] = []
    protocols: list[str | None] = []
    context = certified(authority, "api.test")
    context.sni_callback = lambda _, name, __: names.append(name)

    async def script(peer: Peer) -> None:
        protocols.append(peer.writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await always_hello(peer)

    async with serve(script, tls=context) as server, open_client(tls=trusting) as client:
        url = server.url(host="api.test", scheme="https")
        for attempt in range(3):
            heard = await fetch(client, url, attempt=attempt)
            assert heard.body == b"hello"
            assert heard.events[-1] == UpstreamEnded(attempt)

        assert server.accepted == 1
    assert (names, protocols) == (["api.test"], ["http/1.1"])


async def test_tls_to_an_address_checks_the_address(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    context = certified(authority, "127.0.0.1")

    async with serve(always_hello, tls=context) as server, open_client(tls=trusting) as client:
        assert (await fetch(client, server.url(scheme="https"))).body == b"hello"


async def test_a_certificate_for_another_host_is_refused(authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    asked = False

    async def script(_: Peer) -> None:
        nonlocal asked
        asked = True

    async with serve(script, tls=certified(authority, "other.test")) as server, open_client(tls=trusting) as client:
        heard = await fetch(client, server.url(host="api.test", scheme="https"))

    assert heard.failure.kind == "connect"
    assert heard.failure.message.startswith(
        f"the TLS certificate of api.test:{server.port} was refused: Hostname mismatch"
    )
    assert not asked


async def test_an_unknown_authority_is_refused_and_the_way_out_is_named(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    context = certified(trustme.CA(), "api.test")

    async with serve(always_hello, tls=context) as server, open_client(tls=trusting) as client:
        heard = await fetch(client, server.url(host="api.test", scheme="https"))

    assert heard.failure.kind == "connect"
    assert "issuer" in heard.failure.message
    assert heard.failure.message.endswith("name that authority's file as the deployment's tls.ca, or in SSL_CERT_FILE")


async def test_a_server_that_does_not_speak_tls_is_a_failure_to_connect(trusting: ssl.SSLContext) -> None:
    async def script(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.wait_until_closed()

    async with serve(script) as server, open_client(tls=trusting) as client:
        heard = await fetch(client, server.url(host="api.test", scheme="https"))

    assert heard.failure.kind == "connect"
    assert heard.failure.message.startswith(f"no TLS connection to api.test:{server.port}: ")


async def test_a_long_answer_over_tls_arrives_whole_although_it_is_paused(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    body = bytes(range(256)) * 16384

    async def script(peer: Peer) -> None:
        await peer.answer(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body), body)
        await peer.wait_until_closed()

    async with serve(script, tls=certified(authority, "api.test")) as server, open_client(tls=trusting) as client:
        heard = Heard()
        running = client.start(call(server.url(host="api.test", scheme="https")), heard)
        await heard.wait(lambda: bool(heard.body))
        running.pause()
        await asyncio.sleep(0.02)
        running.resume()
        await heard.wait()

    assert heard.body == body


async def test_handshakes_that_fail_or_are_given_up_leave_no_file_open(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async def silent(peer: Peer) -> None:
        await peer.wait_until_closed()

    refused = certified(authority, "other.test")
    async with serve(always_hello, tls=refused) as server, serve(silent) as stuck, open_client(tls=trusting) as client:
        before = count_open_files()
        for _ in range(20):
            await fetch(client, server.url(host="api.test", scheme="https"))
            heard = Heard()
            running = client.start(call(stuck.url(scheme="https")), heard)
            accepted = stuck.accepted
            await until(lambda accepted=accepted: stuck.accepted > accepted)  # type: ignore[misc] # mypy infers no lambda with a default
            running.cancel()
        await server.finish()
        await stuck.finish()
        await until(lambda: count_open_files() <= before)


async def test_the_next_address_is_called_when_one_refuses(addresses: dict[str, list[tuple[str, int]]]) -> None:
    async with serve(always_hello) as gone:
        pass
    async with serve(always_hello) as server, open_client() as client:
        addresses["api.test"] = [("127.0.0.1", gone.port), ("127.0.0.1", server.port)]

        assert (await fetch(client, "http://api.test/")).body == b"hello"


@contextmanager
def silent_port() -> Iterator[int]:
    """A port that neither accepts nor refuses: its queue is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port: int = listener.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for sock in waiting:
            sock.setblocking(False)
            with suppress(BlockingIOError):
                sock.connect(("127.0.0.1", port))
        try:
            yield port
        finally:
            for sock in waiting:
                sock.close()


async def test_an_address_that_does_not_answer_does_not_hold_up_the_next(
    addresses: dict[str, list[tuple[str, int]]],
) -> None:
    async with serve(always_hello) as server, open_client() as client:
        with silent_port() as silent:
            addresses["api.test"] = [("127.0.0.1", silent), ("127.0.0.1", server.port)]
            assert (await fetch(client, "http://api.test/")).body == b"hello"

            addresses["alone.test"] = [("127.0.0.1", silent)]
            heard = Heard()
            client.start(call("http://alone.test/", connect_timeout_s=0.05), heard)
            await heard.wait()
            assert heard.failure.kind == "connect"


async def test_when_every_address_refuses_the_failure_says_so(addresses: dict[str, list[tuple[str, int]]]) -> None:
    async with serve(always_hello) as gone:
        pass
    async with open_client() as client:
        addresses["api.test"] = [("127.0.0.1", gone.port)] * 3
        heard = await fetch(client, "http://api.test/")

    assert heard.failure.message == "no connection to api.test: Connection refused"


def proxy_to(port: int, heads: list[bytes]) -> Script:
    """A proxy that opens one tunnel to `port` for every connection."""

    async def pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(65536):
                target.write(data)
        target.close()

    async def script(peer: Peer) -> None:
        heads.append(await peer.read_head())
        await peer.send(TUNNEL[:9], TUNNEL[9:])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            await asyncio.gather(pump(peer.reader, writer), pump(reader, peer.writer))
        finally:
            writer.transport.abort()

    return script


@pytest.mark.parametrize("user", ["", "me:p%40ss@"])
async def test_https_goes_through_the_proxys_tunnel(user: str, authority: trustme.CA, trusting: ssl.SSLContext) -> None:
    heads: list[bytes] = []
    requests: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            requests.append((await peer.answer(HELLO))[0])

    async with (
        serve(script, tls=certified(authority, "api.test")) as server,
        serve(proxy_to(server.port, heads)) as proxy,
        open_client(tls=trusting, HTTPS_PROXY=f"http://{user}127.0.0.1:{proxy.port}") as client,
    ):
        for _ in range(2):
            assert (await fetch(client, "https://api.test/v1")).body == b"hello"
        assert (proxy.accepted, server.accepted) == (1, 1)

    secret = b"proxy-authorization: Basic %b\r\n" % base64.b64encode(b"me:p@ss") if user else b""
    assert heads == [b"CONNECT api.test:443 HTTP/1.1\r\nhost: api.test:443\r\n" + secret + b"\r\n"]
    assert len(requests) == 2
    assert all(head.startswith(b"POST /v1 HTTP/1.1\r\nhost: api.test\r\n") for head in requests)
    assert not any(b"proxy" in head for head in requests)


async def test_the_origins_certificate_is_checked_inside_the_tunnel(
    authority: trustme.CA, trusting: ssl.SSLContext
) -> None:
    async with (
        serve(always_hello, tls=certified(authority, "other.test")) as server,
        serve(proxy_to(server.port, [])) as proxy,
        open_client(tls=trusting, HTTPS_PROXY=f"http://127.0.0.1:{proxy.port}") as client,
    ):
        heard = await fetch(client, "https://api.test/v1")

    assert heard.failure.kind == "connect"
    assert heard.failure.message.startswith("the TLS certificate of api.test was refused: Hostname mismatch")


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n", "407 Proxy Authentication Required"),
        (b"HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno", "403 Forbidden"),
        (b"HTTP/1.0 502\r\n\r\n", "502"),
        (b"HTTP/1.1 503 \x1b[31mBusy\x07\r\n\r\n", "503 [31mBusy"),
        (b"HTTP/1.1 301 Moved\r\nlocation: http://evil.test/\r\n\r\n", "301 Moved"),
        (b"SSH-2.0-x\r\n\r\n", "its answer is not HTTP"),
        (TUNNEL + b"x", "it sent bytes of its own into the tunnel"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"x" * 70000, "its answer has no end"),
        (b"", "it closed the connection"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_a_failure_to_connect(
    answer: bytes, reason: str, trusting: ssl.SSLContext
) -> None:
    async def script(peer: Peer) -> None:
        await peer.read_head()
        await peer.send(answer)
        if answer:
            await peer.wait_until_closed()

    async with (
        serve(script) as proxy,
        open_client(tls=trusting, HTTPS_PROXY=f"http://me:hunter2@127.0.0.1:{proxy.port}") as client,
    ):
        heard = await fetch(client, "https://api.test/v1")
        assert client.open_count == 0
        await proxy.finish()

    assert heard.failure.kind == "connect"
    assert heard.failure.message == f"proxy 127.0.0.1:{proxy.port} opened no tunnel to api.test: {reason}"


async def test_a_proxy_that_is_not_there_is_named(trusting: ssl.SSLContext) -> None:
    async with serve(always_hello) as gone:
        pass
    async with open_client(tls=trusting, HTTPS_PROXY=f"http://me:hunter2@127.0.0.1:{gone.port}") as client:
        heard = await fetch(client, "https://api.test/v1")

    assert heard.failure.message == f"no connection to proxy 127.0.0.1:{gone.port}: Connection refused"


async def test_plain_http_asks_the_proxy_for_the_whole_address() -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            heads.append((await peer.answer(HELLO))[0])

    async with (
        serve(script) as proxy,
        open_client(HTTP_PROXY=f"http://me:word@127.0.0.1:{proxy.port}", NO_PROXY="direct.test") as client,
        serve(always_hello) as direct,
    ):
        assert (await fetch(client, "http://vllm.test:8000/v1?a=b")).body == b"hello"
        assert (await fetch(client, direct.url(host="direct.test"))).body == b"hello"
        assert direct.accepted == 1

    (head,) = heads
    assert head.startswith(b"POST http://vllm.test:8000/v1?a=b HTTP/1.1\r\nhost: vllm.test:8000\r\n")
    assert b"\r\nproxy-authorization: Basic bWU6d29yZA==\r\n" in head


async def test_an_error_of_a_handshake_that_nobody_waits_for_is_not_reported_but_other_errors_are() -> None:
    loop = asyncio.get_running_loop()
    context = {"message": "Future exception was never retrieved", "future": loop.create_future()}
    told: list[dict[str, Any]] = []

    class Loop:
        def default_exception_handler(self, context: dict[str, Any]) -> None:
            told.append(context)

    overlooking = cast("asyncio.AbstractEventLoop", Loop())
    overlook_unheard(overlooking, {**context, "exception": ssl.SSLError(1, "wrong version number")})
    overlook_unheard(overlooking, {**context, "exception": ConnectionResetError()})
    assert told == []
    overlook_unheard(overlooking, {**context, "exception": ValueError("ours")})
    overlook_unheard(overlooking, {"message": "a callback failed", "exception": OSError()})
    assert [type(each["exception"]) for each in told] == [ValueError, OSError]
