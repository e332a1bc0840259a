from __future__ import annotations

import asyncio
import logging
import sys
import threading
from collections.abc import Callable

import msgspec
import pytest

from entrepot.dialects.base import HeaderPairs, WireRequest
from entrepot.errors import ExtraMissing, SettingsError
from entrepot.upstream.clouds import Chain, Clouds, check_extra, open_source
from entrepot.upstream.grant import Grant, Source
from tests.upstream.scripted import call, until

TOKEN = "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCJ9.hush-hush"


class NumberedGrant:
    """Says its number; `left_s` is how long it lasts."""

    def __init__(self, number: int, left_s: float) -> None:
        self.number = number
        self.left_s = left_s

    def expires_within(self, seconds: float) -> bool:
        return self.left_s < seconds

    def headers(self, _request: WireRequest) -> HeaderPairs:
        return ((b"authorization", b"Bearer %d" % self.number),)


class Fountain:
    """Gives numbered grants, as long as nothing stands in `error`; holds them back while `gate` is shut."""

    def __init__(self, left_s: float = 3600.0) -> None:
        self.left_s = left_s
        self.given = 0
        self.opened = 0
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def open(self) -> Source:
        self.opened += 1
        return self

    def obtain(self) -> Grant:
        assert self.gate.wait(10)
        assert threading.current_thread() is not threading.main_thread()
        if self.error is not None:
            raise self.error
        self.given += 1
        return NumberedGrant(self.given, self.left_s)


def number_of(grant: Grant | None) -> int | None:
    """The number of a grant, None if there is none."""
    assert grant is None or isinstance(grant, NumberedGrant)
    return None if grant is None else grant.number


def chain_of(fountain: Fountain) -> Chain:
    return Chain("no credentials from a cloud", fountain.open)


def at(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets so many seconds pass by the loop's clock, at once."""
    passed = 0.0
    real = loop.time

    def sleep(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(loop, "time", lambda: real() + passed)
    return sleep


async def test_one_fetch_serves_all_who_wait() -> None:
    fountain = Fountain()
    fountain.gate.clear()
    chain = chain_of(fountain)
    assert chain.current() is None
    waiting = [asyncio.ensure_future(chain.wait()) for _ in range(50)]
    await asyncio.sleep(0)
    fountain.gate.set()
    assert {number_of(grant) for grant in await asyncio.gather(*waiting)} == {1}
    assert number_of(chain.current()) == 1
    assert fountain.given == 1


async def test_one_who_stops_waiting_takes_nothing_from_the_others() -> None:
    fountain = Fountain()
    fountain.gate.clear()
    chain = chain_of(fountain)
    gone, stays = asyncio.ensure_future(chain.wait()), asyncio.ensure_future(chain.wait())
    await asyncio.sleep(0)
    gone.cancel()
    fountain.gate.set()
    assert number_of(await stays) == 1


async def test_a_grant_that_ends_soon_is_used_while_its_successor_is_fetched() -> None:
    fountain = Fountain(left_s=100.0)
    chain = chain_of(fountain)
    first = await chain.wait()
    chain._fetched_at_s = float("-inf")
    fountain.gate.clear()
    fountain.left_s = 3600.0
    assert chain.current() is first
    assert chain.current() is first
    fountain.gate.set()
    await until(lambda: chain.current() is not first)
    assert number_of(chain.current()) == 2
    assert fountain.given == 2


async def test_a_grant_that_has_ended_is_not_used() -> None:
    fountain = Fountain(left_s=5.0)
    chain = chain_of(fountain)
    await chain.wait()
    assert chain.current() is None
    fountain.left_s = 3600.0
    assert number_of(await chain.wait()) == 2


async def test_a_grant_that_ends_soon_outlives_a_cloud_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    fountain = Fountain(left_s=100.0)
    chain = chain_of(fountain)
    first = await chain.wait()
    chain._fetched_at_s = float("-inf")
    fountain.error = OSError(f"503 of {TOKEN}")
    with caplog.at_level(logging.DEBUG):
        assert chain.current() is first
        await until(lambda: bool(caplog.records))
        assert chain.current() is first
    assert "OSError: 503 of …" in caplog.text
    assert TOKEN not in caplog.text


async def test_a_failure_is_said_without_what_could_be_a_secret_and_not_asked_for_again_at_once() -> None:
    fountain = Fountain()
    fountain.error = RuntimeError(f"cannot exchange {TOKEN}\n{TOKEN}")
    chain = chain_of(fountain)
    for _ in range(3):
        with pytest.raises(SettingsError) as failed:
            await chain.wait()
        assert failed.value.message == "no credentials from a cloud: RuntimeError: cannot exchange …"
        assert failed.value.__cause__ is None
    assert fountain.opened == 1


async def test_after_a_failure_a_later_call_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    sleep = at(asyncio.get_running_loop(), monkeypatch)
    fountain = Fountain()
    fountain.error = RuntimeError("down")
    chain = chain_of(fountain)
    with pytest.raises(SettingsError):
        await chain.wait()
    fountain.error = None
    sleep(11)
    assert number_of(await chain.wait()) == 1


async def test_a_refused_grant_is_replaced_from_a_fresh_source_unless_it_is_fresh_itself() -> None:
    fountain = Fountain()
    chain = chain_of(fountain)
    first = await chain.wait()
    assert not chain.refused(first)
    assert chain.current() is first
    chain._fetched_at_s -= 61
    assert chain.refused(first)
    assert chain.current() is None
    second = await chain.wait()
    assert number_of(second) == 2
    assert fountain.opened == 2
    assert chain.refused(first)
    assert chain.current() is second


async def test_deployments_of_one_scope_share_their_grants() -> None:
    clouds = Clouds()
    base = call("http://x", auth="google").deployment
    scoped = [msgspec.structs.replace(base, id=str(n), auth_scope=scope) for n, scope in enumerate("aab")]
    assert clouds.chain(scoped[0]) is clouds.chain(scoped[1])
    assert clouds.chain(scoped[0]) is not clouds.chain(scoped[2])
    with pytest.raises(SettingsError, match=r"'p/m' has auth = 'google' and no auth_scope"):
        clouds.chain(base)


@pytest.mark.parametrize(
    ("auth", "package"), [("aws", "botocore"), ("google", "google.auth"), ("azure", "azure.identity")]
)
def test_a_missing_library_is_said_with_the_line_that_installs_it(
    auth: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_extra(auth)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ExtraMissing, match=r"pip install 'entrepot\[clouds\]'"):
        check_extra(auth)
    with pytest.raises(ExtraMissing):
        open_source(auth, "scope")


def test_a_key_needs_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore", None)
    check_extra("bearer")
