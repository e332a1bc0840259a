from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import UpstreamHead
from entrepot.upstream.client import UpstreamClient
from tests.upstream.cloud_servers import (
    SECRET,
    CloudServer,
    aws_container,
    azure_identity,
    cloud_server,
    no_cloud,
)
from tests.upstream.scripted import HELLO, Heard, Peer, always_hello, call, open_client, serve, until
from tests.upstream.sigv4 import expected_authorization

pytestmark = pytest.mark.sockets

NO = b"content-length: 2\r\n\r\nno"
REFUSED = b"HTTP/1.1 401 Unauthorized\r\n" + NO
ENDED = b"HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: ExpiredTokenException:http://x/\r\n" + NO
FORBIDDEN = b"HTTP/1.1 403 Forbidden\r\nx-amzn-errortype: AccessDeniedException\r\n" + NO


@pytest.fixture
def azure(tmp_path: Path) -> Iterator[CloudServer]:
    with no_cloud(tmp_path) as environ, cloud_server(azure_identity) as server:
        environ.setenv("IDENTITY_ENDPOINT", f"http://{server.address}/msi/token")
        environ.setenv("IDENTITY_HEADER", "who-i-am")
        yield server


@pytest.fixture
def aws(tmp_path: Path) -> Iterator[CloudServer]:
    with no_cloud(tmp_path) as environ, cloud_server(aws_container) as server:
        environ.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"http://{server.address}/")
        yield server


def in_azure(url: str) -> CallUpstream:
    return scoped(call(url, auth="azure"), "https://cognitiveservices.azure.com/.default")


def in_aws(url: str) -> CallUpstream:
    return scoped(call(url, auth="aws"), "us-east-1/bedrock")


def scoped(command: CallUpstream, scope: str) -> CallUpstream:
    deployment = msgspec.structs.replace(command.deployment, auth_scope=scope)
    return msgspec.structs.replace(command, deployment=deployment)


def make_old(client: UpstreamClient) -> None:
    """The grant at hand was fetched long ago."""
    for chain in client.clouds._chains.values():
        chain._fetched_at_s -= 3600


async def answered(client: UpstreamClient, command: CallUpstream) -> Heard:
    heard = Heard()
    client.start(command, heard)
    return await heard.wait()


async def test_a_call_waits_for_its_token_and_the_next_one_has_it(azure: CloudServer) -> None:
    heads: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            heads.append((await peer.answer(HELLO))[0])

    async with serve(script) as server, open_client() as client:
        for _ in range(3):
            assert (await answered(client, in_azure(server.url()))).body == b"hello"
        assert server.accepted == 1
    assert azure.given == 1
    assert [f"authorization: Bearer {SECRET}-1\r\n".encode() in head for head in heads] == [True] * 3


async def test_what_is_signed_is_what_arrives(aws: CloudServer) -> None:
    got: list[tuple[bytes, bytes]] = []

    async def script(peer: Peer) -> None:
        got.append(await peer.answer(HELLO))

    async with serve(script) as server, open_client() as client:
        await answered(client, in_aws(server.url("/model/a%3A0/converse")))
    (head, body), *_ = got
    lines = head.decode().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:] if line)}
    method, target, _ = lines[0].split(" ")
    assert headers["authorization"] == expected_authorization(method, target, headers, body, SECRET)
    assert "host" in headers["authorization"]


@pytest.mark.parametrize("refusal", [REFUSED, ENDED], ids=["401", "403 ExpiredToken"])
async def test_an_old_token_that_is_refused_is_replaced_once_and_the_exchange_does_not_see_it(
    aws: CloudServer, refusal: bytes
) -> None:
    tokens: list[bytes] = []

    async def script(peer: Peer) -> None:
        while True:
            head, _ = await peer.read_request()
            tokens.append(next(line for line in head.split(b"\r\n") if line.startswith(b"x-amz-security-token")))
            await peer.send(refusal if tokens[-1].endswith(b"-1") and len(tokens) > 1 else HELLO)

    async with serve(script) as server, open_client() as client:
        assert (await answered(client, in_aws(server.url()))).body == b"hello"
        make_old(client)
        heard = await answered(client, in_aws(server.url()))
    assert heard.head.status == 200
    assert heard.body == b"hello"
    assert [token[-1:] for token in tokens] == [b"1", b"1", b"2"]


async def test_a_token_that_is_refused_although_it_is_fresh_is_the_exchanges_to_see(aws: CloudServer) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(REFUSED)

    async with serve(script) as server, open_client() as client:
        assert (await answered(client, in_aws(server.url()))).head.status == 401
        make_old(client)
        assert (await answered(client, in_aws(server.url()))).head.status == 401
        assert (await answered(client, in_aws(server.url()))).head.status == 401
    assert aws.given == 2


async def test_what_a_role_may_not_do_is_no_reason_to_ask_again(aws: CloudServer) -> None:
    async def script(peer: Peer) -> None:
        while True:
            await peer.answer(FORBIDDEN)

    async with serve(script) as server, open_client() as client:
        assert (await answered(client, in_aws(server.url()))).head.status == 403
        make_old(client)
        assert (await answered(client, in_aws(server.url()))).head.status == 403
    assert aws.given == 1


async def test_a_cloud_that_gives_none_is_told_to_the_operator_and_not_to_the_client(
    azure: CloudServer, caplog: pytest.LogCaptureFixture
) -> None:
    azure.fails = True
    async with serve(always_hello) as server, open_client() as client:
        with caplog.at_level(logging.DEBUG):
            heard = await answered(client, in_azure(server.url()))
    assert heard.failure.kind == "auth"
    assert "not set up for this" in heard.failure.message
    assert server.accepted == 0
    said = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert any("deployment p/m cannot be called: no credentials from Azure" in line for line in said)


@pytest.mark.parametrize("cloud", ["aws", "azure"])
async def test_no_secret_reaches_a_log_even_at_its_most_talkative(
    cloud: str, request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture
) -> None:
    request.getfixturevalue(cloud)
    with caplog.at_level(logging.DEBUG):
        async with serve(always_hello) as server, open_client() as client:
            command = in_aws(server.url()) if cloud == "aws" else in_azure(server.url())
            assert (await answered(client, command)).body == b"hello"
    assert SECRET not in caplog.text


async def test_a_deployment_without_a_scope_fails_after_start_returned() -> None:
    async with open_client() as client:
        heard = Heard()
        client.start(call("http://127.0.0.1:9/", auth="aws"), heard)
        assert heard.events == []
        assert (await heard.wait()).failure.kind == "auth"


async def test_a_call_that_is_cancelled_while_it_waits_is_never_made(azure: CloudServer) -> None:
    azure.delay_s = 0.05
    async with serve(always_hello) as server, open_client() as client:
        heard = Heard()
        client.start(in_azure(server.url()), heard).cancel()
        await until(lambda: azure.given == 1)
        assert (await answered(client, in_azure(server.url()))).body == b"hello"
        assert server.accepted == 1
    assert heard.events == []


async def test_a_call_that_is_paused_while_it_waits_is_read_once_it_is_resumed(azure: CloudServer) -> None:
    async with serve(always_hello) as server, open_client() as client:
        heard = Heard()
        running = client.start(in_azure(server.url()), heard)
        running.pause()
        await until(lambda: server.accepted == 1)
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert heard.events == []
        running.resume()
        await heard.wait()
    assert isinstance(heard.events[0], UpstreamHead)


async def test_closing_ends_a_call_that_waits(azure: CloudServer) -> None:
    azure.delay_s = 0.2
    async with open_client() as client:
        heard = Heard()
        client.start(in_azure("http://127.0.0.1:9/"), heard)
        await asyncio.sleep(0)
        await client.close()
        assert heard.failure.kind == "cut_off"
