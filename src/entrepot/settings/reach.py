"""Whether each deployment can be reached, and what to do about one that cannot.

Rules of this file: the call is the gateway's own (`upstream`), so proxies, TLS and credentials are those of real requests. The
smallest question that shows the key to be good is asked, for the list of models: no token is bought. A provider is asked once
for all deployments that share its address and key. Where a dialect has no such list, what is shown is that somebody answers,
and that a cloud gives us credentials.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence

import msgspec

from entrepot.catalog.schema import Deployment, Way
from entrepot.dialects.address import join_address
from entrepot.dialects.base import WireRequest
from entrepot.errors import OperatorError
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamFailed, UpstreamHead
from entrepot.upstream.client import UpstreamClient
from entrepot.upstream.clouds import CLOUD_AUTHS, check_extra
from entrepot.upstream.credentials import Credentials

TIMEOUT_S = 5.0
CLOUD_TIMEOUT_S = 30.0
_MAX_ANSWER_BYTES = 8 * 1024 * 1024
_HEADERS = ((b"accept", b"application/json"), (b"user-agent", b"entrepot-check"))
_EXTRA_HEADERS = {"anthropic-messages": ((b"anthropic-version", b"2023-06-01"),)}

_LISTS = {
    "openai-chat": "/models",
    "openai-responses": "/models",
    "anthropic-messages": "/v1/models",
    "gemini-generate": "/models",
    "ollama-chat": "/v1/models",
}
_UNLISTED = "/"

_HINTS = {
    401: "the key was refused; is it the right one, for this address?",
    402: "the account is out of credit",
    403: "the key was refused: it may not list models, or not from here",
    404: "answers, but has no list of models, so the key is not proven; is the base_url right?",
    405: "answers, but has no list of models, so the key is not proven",
    429: "answers, but says that a limit is reached or credit is used up",
}
_ANSWERS_WITHOUT_A_LIST = frozenset({404, 405, 429})


class Reach(msgspec.Struct, frozen=True):
    """What came of asking one deployment. `status` is None where nothing was answered; `hint` says what to do, or is empty."""

    deployment: str
    reachable: bool
    status: int | None = None
    latency_ms: float | None = None
    hint: str = ""


class _Answer(msgspec.Struct, frozen=True):
    """What a provider said: a status and a body, or why there is none."""

    status: int | None = None
    body: bytes = b""
    latency_ms: float | None = None
    failure: str = ""


class _Listed(msgspec.Struct):
    id: str = ""
    name: str = ""


class _Listing(msgspec.Struct):
    """OpenAI's, Anthropic's and Ollama's list, or Gemini's."""

    data: tuple[_Listed, ...] = ()
    models: tuple[_Listed, ...] = ()


def reach_all(
    deployments: Sequence[Deployment], environ: Mapping[str, str], *, timeout_s: float = TIMEOUT_S
) -> list[Reach]:
    """Ask every deployment at once; the answers in the order of `deployments`. Opens connections.

    Raises SettingsError if the environment's proxy or certificate settings cannot be used.
    """
    return asyncio.run(_reach_all(deployments, environ, timeout_s))


async def reach_one(client: UpstreamClient, deployment: Deployment, timeout_s: float = TIMEOUT_S) -> Reach:
    """Ask one deployment, over a client that is there."""
    return _say(deployment, await _ask(client, deployment, timeout_s), timeout_s)


def check_secrets(deployments: Sequence[Deployment], environ: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with the secrets of `deployments`, by deployment id. Opens no connection."""
    credentials = Credentials(environ)
    wrong = {}
    for deployment in deployments:
        try:
            check_extra(deployment.auth)
            credentials.headers(deployment)
        except OperatorError as error:
            wrong[deployment.id] = error.message
    return wrong


def judge(deployment: Deployment, status: int, body: bytes, latency_ms: float | None) -> Reach:
    """What an answer to `GET …/models` says of `deployment`."""
    if deployment.dialect not in _LISTS and status in (200, 400, 404, 405):
        hint = "answers; that dialect has no list of models to prove more by"
        return Reach(deployment.id, reachable=True, status=status, latency_ms=latency_ms, hint=hint)
    if status == 200:
        missing = _lacks(deployment, body)
        # A server of one's own has the models that it lists and no others; a host's list may leave some out.
        reachable = not (missing and deployment.on_premises)
        hint = f"answers, but does not list {deployment.upstream_name}" if missing else ""
        return Reach(deployment.id, reachable, status, latency_ms, hint)
    hint = _HINTS.get(status) or f"answers with status {status}; its operator may be having trouble"
    return Reach(deployment.id, status in _ANSWERS_WITHOUT_A_LIST, status, latency_ms, hint)


def _lacks(deployment: Deployment, body: bytes) -> bool:
    """Whether the list of models in `body` is one, and leaves this deployment's out."""
    try:
        listing = msgspec.json.decode(body, type=_Listing)
    except msgspec.MsgspecError:
        return False
    listed = {item.id or item.name for item in (*listing.data, *listing.models)}
    wanted = deployment.upstream_name
    return bool(listed) and not listed & {wanted, f"{wanted}:latest", f"models/{wanted}"}


async def _reach_all(deployments: Sequence[Deployment], environ: Mapping[str, str], timeout_s: float) -> list[Reach]:
    wrong = check_secrets(deployments, environ)
    client = UpstreamClient(environ=environ)
    try:
        asking = {_place(one): one for one in deployments if one.id not in wrong}
        answers = await asyncio.gather(*(_ask(client, one, timeout_s) for one in asking.values()))
        by_place = dict(zip(asking, answers, strict=True))
    finally:
        await client.close()
    return [
        Reach(one.id, reachable=False, hint=wrong[one.id])
        if one.id in wrong
        else _say(one, by_place[_place(one)], timeout_s)
        for one in deployments
    ]


def _address(deployment: Deployment) -> str:
    return join_address(deployment.base_url, _LISTS.get(deployment.dialect, _UNLISTED), deployment.upstream_name)


def _place(deployment: Deployment) -> tuple[str | Way | None, ...]:
    return _address(deployment), deployment.auth, deployment.auth_scope, deployment.secret, deployment.way


def _say(deployment: Deployment, answer: _Answer, timeout_s: float) -> Reach:
    if answer.status is not None:
        return judge(deployment, answer.status, answer.body, answer.latency_ms)
    hint = answer.failure or f"no answer within {timeout_s:g} s"
    if deployment.on_premises:
        hint += "; is the server started?"
    return Reach(deployment.id, reachable=False, hint=hint)


async def _ask(client: UpstreamClient, deployment: Deployment, timeout_s: float) -> _Answer:
    if deployment.auth in CLOUD_AUTHS:
        try:
            async with asyncio.timeout(CLOUD_TIMEOUT_S):
                await client.clouds.chain(deployment).wait()
        except TimeoutError:
            return _Answer(failure=f"the cloud gave no credentials within {CLOUD_TIMEOUT_S:g} s")
        except OperatorError as error:
            return _Answer(failure=error.message)
    request = WireRequest(
        url=_address(deployment),
        body=b"",
        headers=_HEADERS + _EXTRA_HEADERS.get(deployment.dialect, ()),
        method="GET",
    )
    events: asyncio.Queue[Event] = asyncio.Queue()
    started_s = time.monotonic()
    command = CallUpstream(attempt=1, deployment=deployment, request=request, connect_timeout_s=timeout_s)
    call = client.start(command, events.put_nowait)
    status: int | None = None
    latency_ms: float | None = None
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while len(body) <= _MAX_ANSWER_BYTES:
                event = await events.get()
                if isinstance(event, UpstreamHead):
                    status, latency_ms = event.status, (time.monotonic() - started_s) * 1000
                elif isinstance(event, UpstreamChunk):
                    body += event.data
                elif isinstance(event, UpstreamFailed):
                    return _Answer(status, bytes(body), latency_ms, event.message)
                elif isinstance(event, UpstreamEnded):
                    break
    except TimeoutError:
        call.cancel()
        return _Answer(status, bytes(body), latency_ms)
    call.cancel()
    return _Answer(status, bytes(body), latency_ms)
