"""What changes under load, settings and keys, changes without one request that is dropped. Rules: `test_soak.py`."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

from entrepot.control.keys import NewKey, make
from entrepot.control.sqlite import open_control
from entrepot.control.store import Actor
from entrepot.exchange.plan import Route
from entrepot.settings.client_key import ENTROPY_BYTES
from entrepot.settings.schema import Settings
from tests.end_to_end.world import World, eventually
from tests.soak.load import Clients, Load
from tests.soak.measure import disagreements, entries_of
from tests.soak.mix import DEADLINES, soaking

pytestmark = pytest.mark.end_to_end

SPARE_S = 12.0


def clients_of(world: World) -> Clients:
    return Clients(world.base_url, ("good", "openai/slow"), DEADLINES.total_s + SPARE_S, seed=21, leave=0.0)


def under_load(world: World, seconds: float, during: Callable[[], None]) -> Load:
    return asyncio.run(clients_of(world).run(12, seconds, during=during))


STRANGERS: set[int] = set()
"""Processes of installations that other tests have left running."""


@pytest.fixture(autouse=True)
def strangers() -> None:
    STRANGERS.clear()
    STRANGERS.update(one.pid for one in psutil.Process().children())


def gateways(world: World) -> list[psutil.Process]:
    """Every process of the installation that runs, or has not ended yet."""
    children = [one for one in psutil.Process().children() if one.pid not in STRANGERS]
    return [one for one in children if "entrepot.app" in " ".join(command_of(one))]


def command_of(process: psutil.Process) -> list[str]:
    """Empty of one that has ended meanwhile."""
    with contextlib.suppress(psutil.NoSuchProcess):  # a zombie is one too
        return [*process.cmdline()]
    return []


def in_force(world: World) -> Settings:
    crew = world.installation.crew
    assert crew is not None
    return crew._settings


def with_route(settings: Settings, name: str, processes: int) -> Settings:
    return msgspec.structs.replace(
        settings,
        routes=(*settings.routes[:4], Route(name, settings.routes[3].candidates)),
        gateway=msgspec.structs.replace(settings.gateway, processes=processes),
    )


def test_settings_that_are_reloaded_under_load_drop_no_request(tmp_path: Path) -> None:
    with soaking(tmp_path, {}) as world:
        first = {one.pid for one in gateways(world)}
        done: list[str] = []

        def reload() -> None:
            for name, processes in (("second", 3), ("third", 2)):
                before = in_force(world)
                wanted = with_route(before, name, processes)
                time.sleep(1.0)
                world.installation.reload(lambda wanted=wanted: wanted)  # type: ignore[misc]  # a default is how a loop's value is kept
                if eventually(lambda before=before: in_force(world) is not before, 90.0):  # type: ignore[misc]  # as above
                    done.append(name)

        reloading = threading.Thread(target=reload)
        reloading.start()
        clients = clients_of(world)
        while reloading.is_alive():
            asyncio.run(clients.run(12, 3.0))
        reloading.join()
        seen = asyncio.run(clients.run(12, 2.0))
        assert done == ["second", "third"]
        assert seen.endings().keys() == {"whole"}
        assert seen.wrong() == []
        # The new are there, in number and in what they know; of the old nobody is left.
        assert eventually(lambda: len(gateways(world)) == 2 + 1, 60.0)
        assert not first & {one.pid for one in gateways(world)}
        for _ in range(10):
            models = {one["id"] for one in json.loads(world.request("/models")[2])["data"]}
            assert "third" in models
            assert "second" not in models
        whole = {one.exchange for one in seen.told}
        assert eventually(lambda: whole <= entries_of(tmp_path).keys(), 60.0)
        assert disagreements(entries_of(tmp_path).values(), world.simulator.books.rows) == []
        metrics = world.request("//metrics", key=None)[2].decode()
        assert 'entrepot_process_up{process="gateway-1b"}' not in metrics  # nobody is missed who has left
        assert 'entrepot_process_up{process="gateway-1"} 1' in metrics


def test_settings_that_cannot_be_used_change_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with soaking(tmp_path, {}) as world:
        before, running = in_force(world), {one.pid for one in gateways(world)}
        elsewhere = msgspec.structs.replace(before, gateway=msgspec.structs.replace(before.gateway, port=1))
        told = ""
        world.installation.reload(lambda: elsewhere)

        def said() -> bool:
            nonlocal told
            told += capfd.readouterr().err
            return "[gateway] port has changed, which takes a restart" in told

        assert eventually(said, 30.0)
        assert world.chat("good")[0] == 200
        assert in_force(world) is before
        assert {one.pid for one in gateways(world)} == running


def test_gateways_of_a_reload_that_fails_answer_what_they_have_begun(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with soaking(tmp_path, {}) as world:
        before = in_force(world)
        first = {one.pid for one in gateways(world)}
        told: list[str] = []

        def newcomers() -> list[psutil.Process]:
            return [one for one in gateways(world) if one.pid not in first]

        def reload() -> None:
            world.installation.reload(lambda: with_route(before, "second", 2))
            assert eventually(lambda: len(newcomers()) == 2, 60.0)
            stopped, listening = newcomers()
            stopped.suspend()
            assert eventually(lambda: any(one.status == "ESTABLISHED" for one in clients_at(world, listening)), 60.0)
            stopped.kill()
            assert eventually(lambda: not newcomers(), 60.0)
            told.append("over")

        reloading = threading.Thread(target=reload)
        reloading.start()
        clients = clients_of(world)
        while reloading.is_alive():
            asyncio.run(clients.run(12, 2.0))
        assert told == ["over"]
        assert clients.load.endings().keys() == {"whole"}
        assert clients.load.wrong() == []
        assert (
            "the settings were not reloaded, and stay as they were: the gateway process ended" in capfd.readouterr().err
        )
        assert in_force(world) is before
        assert {one.pid for one in gateways(world)} == first
        assert eventually(lambda: up(world) == {"gateway-0", "gateway-1", "control-0"})  # nobody else is missed
        world.installation.reload(lambda: with_route(before, "third", 2))
        assert eventually(lambda: in_force(world) is not before, 60.0)


def test_a_gateway_that_was_dead_when_others_took_its_place_is_not_missed(tmp_path: Path) -> None:
    with soaking(tmp_path, {}) as world:
        before = in_force(world)
        killed = world.installation.supervisor._gateways[1]
        killed.due_s = float("inf")  # it would be started again so soon that no reload comes in between
        killed.process.kill()
        killed.process.wait(10)
        world.installation.reload(lambda: with_route(before, "second", 2))
        assert eventually(lambda: in_force(world) is not before, 60.0)
        assert eventually(lambda: up(world) == {"gateway-0b", "gateway-1b", "control-0"}, 60.0)


def up(world: World) -> set[str]:
    """The processes that run; none that does not is told of."""
    lines = world.request("//metrics", key=None)[2].decode().splitlines()
    told = dict(line.rsplit(" ", 1) for line in lines if line.startswith("entrepot_process_up{"))
    return {name.split('"')[1] if state == "1" else f"missing: {name}" for name, state in told.items()}


def clients_at(world: World, gateway: psutil.Process) -> list[Any]:
    return [one for one in gateway.net_connections("tcp") if one.laddr.port == world.installation.port]


def test_keys_that_come_and_go_under_load_drop_no_request(tmp_path: Path) -> None:
    made: list[str] = []

    def change() -> None:
        with (
            contextlib.closing(open_control(tmp_path)) as store,
            store.change(Actor("test", "command line"), time.time_ns()) as book,
        ):
            if made:
                book.remove("key", f"key {len(made) - 1}", "delete")
            made.append(make(book, NewKey(f"key {len(made)}"), secrets.token_bytes(ENTROPY_BYTES))[1])
        time.sleep(0.3)

    with soaking(tmp_path, {}) as world:
        seen = under_load(world, 5.0, change)
        assert eventually(lambda: world.chat("good", key=made[-1])[0] == 200)
        for _ in range(4):  # whichever process answers
            assert eventually(lambda: world.chat("good", key=made[-2])[0] == 401)
    assert len(made) > 3
    assert seen.endings().keys() == {"whole"}
    assert seen.wrong() == []
