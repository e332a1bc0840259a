"""Keys and rules that change while the gateway runs: what is open goes on, what comes is judged anew."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.control import keys
from entrepot.control.sqlite import control_path, open_control
from entrepot.control.store import Actor
from entrepot.policy.rules import Facts, Rule, When
from entrepot.policy.scope import Scope
from entrepot.policy.teams import Team
from entrepot.server.supervisor import Child
from entrepot.settings.schema import GatewaySettings
from tests.end_to_end.world import World, eventually, world

pytestmark = pytest.mark.end_to_end


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Two gateway processes, since both must hear of a change."""
    gateway = GatewaySettings(port=0, processes=2, grace_s=5, trusted_proxies=("127.0.0.0/8",))
    with world(tmp_path_factory.mktemp("keys"), gateway=gateway) as installation:
        yield installation


def change(entrepot: World, how: Callable[[Any], Any]) -> Any:
    """What an administrator does, in a process of their own."""
    store = open_control(entrepot.directory)
    try:
        with store.change(Actor("test", "command line"), time.time_ns()) as book:
            return how(book)
    finally:
        store.close()


def make(entrepot: World, name: str, **asked: Any) -> str:
    made: tuple[Any, str] = change(entrepot, lambda book: keys.make(book, keys.NewKey(name, **asked), os.urandom(32)))
    return made[1]


def settled(entrepot: World, key: str, status: int, **asked: Any) -> bool:
    """Whether every process comes to answer this key with this status: twelve connections in a row."""

    def all_say() -> bool:
        return all(entrepot.chat("cheap/small", key=key, **asked)[0] == status for _ in range(12))

    return eventually(all_say)


def test_a_key_lives_while_the_gateway_runs(shared: World) -> None:
    text = make(shared, "网站", team="商店")
    assert settled(shared, text, 200)
    newer = change(shared, lambda book: keys.rotate(book, "网站", 3600, os.urandom(32)))[1]
    assert settled(shared, newer, 200)
    assert settled(shared, text, 200)
    change(shared, lambda book: keys.rotate(book, "网站", 0, os.urandom(32)))
    assert settled(shared, text, 401)
    latest = change(shared, lambda book: keys.rotate(book, "网站", 0, os.urandom(32)))[1]
    assert settled(shared, latest, 200)
    change(shared, lambda book: keys.disable(book, "网站"))
    assert settled(shared, latest, 401)
    assert shared.chat("cheap/small", key=latest)[2]["error"]["code"] == "disabled_api_key"
    change(shared, lambda book: keys.enable(book, "网站"))
    assert settled(shared, latest, 200)
    change(shared, lambda book: keys.delete(book, "网站"))
    assert settled(shared, latest, 401)


def test_a_key_expires_by_itself(shared: World) -> None:
    text = make(shared, "soon", expires_s=time.time() + 2.5)
    assert eventually(lambda: bool(shared.chat("cheap/small", key=text)[0] == 200), 2.5)
    assert settled(shared, text, 401)
    assert shared.chat("cheap/small", key=text)[2]["error"]["code"] == "expired_api_key"


def test_a_scope_is_held(shared: World) -> None:
    text = make(shared, "confined", scope=Scope(routes=("auto",), models=("small",), tags=("客户",)))
    assert settled(shared, text, 200)
    _, _, listed = shared.request("/models", key=text)
    assert [model["id"] for model in json.loads(listed)["data"]] == ["auto", "small", "cheap/small"]
    status, headers, _ = shared.chat("auto", key=text)
    assert (status, headers["x-entrepot-model"]) == (200, "small")
    for model in ("dear/large", "large", "after-status:500"):
        status, _, body = shared.chat(model, key=text)
        assert (status, body["error"]["code"]) == (403, "out_of_scope"), model
    status, _, body = shared.chat("auto", key=text, headers={"x-entrepot-tags": "vip"})
    assert (status, body["error"]["code"]) == (403, "out_of_scope")
    assert shared.chat("auto", key=text, headers={"x-entrepot-tags": "%E5%AE%A2%E6%88%B7"})[0] == 200
    assert shared.request("/models/dear/large", key=text)[0] == 403


def test_an_address_is_that_of_the_client_behind_the_proxy(shared: World) -> None:
    text = make(shared, "office", scope=Scope(addresses=("192.0.2.0/24",)))
    inside = {"x-forwarded-for": "192.0.2.77"}
    assert settled(shared, text, 403)
    assert settled(shared, text, 200, headers=inside)
    assert shared.chat("cheap/small", key=text)[2]["error"]["code"] == "address_not_allowed"
    assert settled(shared, text, 403, headers={"x-forwarded-for": "192.0.2.77, 198.51.100.9"})


def test_a_rule_of_a_team_above_reaches_the_gateways_without_a_restart(shared: World) -> None:
    text = make(shared, "reader", team="合同")
    assert settled(shared, text, 200)
    rule = Rule("集团不用中国托管", When(teams=("集团",)), deny=Facts(provider_country=("CN",)))

    def tighten(book: Any) -> None:
        book.put("team", "集团", Team("集团"), "create")
        book.put("team", "合同", Team("合同", "集团"), "create")
        book.put("rule", rule.name, rule, "create")

    change(shared, tighten)
    assert settled(shared, text, 403)
    assert rule.name in shared.chat("cheap/small", key=text)[2]["error"]["message"]
    assert shared.chat("dear/large", key=text)[0] == 200
    change(shared, lambda book: book.remove("rule", rule.name))
    assert settled(shared, text, 200)


def test_keys_hold_without_the_control_process_and_without_their_store(tmp_path: Path) -> None:
    with world(tmp_path) as entrepot:
        text = make(entrepot, "web")
        assert settled(entrepot, text, 200)
        supervised: Child = entrepot.installation.supervisor._control
        supervised.process.kill()
        control_path(tmp_path).rename(tmp_path / "away")
        time.sleep(1.0)  # two looks at what is not there
        assert settled(entrepot, text, 200)
        (tmp_path / "away").rename(control_path(tmp_path))
        change(entrepot, lambda book: keys.disable(book, "web"))
        assert settled(entrepot, text, 401)
