"""Under load, with three in ten of all answers of providers going wrong: nobody is left without an answer, nothing is left
over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import time
from pathlib import Path

import pytest

from entrepot.control.sqlite import open_control
from entrepot.control.store import Actor
from entrepot.policy.rules import Facts, Rule, When
from tests.end_to_end.world import World, eventually, simulator_in_thread
from tests.soak.dead_ends import dead_ends
from tests.soak.load import Clients, Load
from tests.soak.measure import disagreements, entries_of, held
from tests.soak.mix import DEADLINES, FAULTS, HOSTS, INJECTED, plan, settings_for, soaking

pytestmark = pytest.mark.end_to_end

ROUTES = ("shaky-first", "hedged", "dead-first", "good", *(f"{host}/shaky" for host in HOSTS))
SPARE_S = 12.0
"""What a client waits beyond the deadline of its exchange, for this machine may be busy with other things."""
PAGE = (Path(__file__).parent.parent.parent / "docs" / "reference" / "soak.md").read_text(encoding="utf-8")
MINUTES = float(os.environ.get("SOAK_MINUTES", "5"))


def load(world: World, models: tuple[str, ...], seconds: float, at_once: int = 24, **more: float) -> Load:
    clients = Clients(world.base_url, models, DEADLINES.total_s + SPARE_S, seed=11, **more)
    return asyncio.run(clients.run(at_once, seconds))


def is_quiet(world: World) -> bool:
    return world.simulator.under_way == 0 and held(world).clients == 0


def test_three_in_ten_of_the_answers_go_wrong() -> None:
    assert 0.28 <= sum(FAULTS.values()) <= 0.36


def test_each_kind_of_fault_that_is_listed_is_injected(tmp_path: Path) -> None:
    with simulator_in_thread(plan({})) as simulator, dead_ends(tmp_path) as ends:
        known = {one.id for one in settings_for(simulator, tmp_path, ends).deployments}
    listed = {one for kinds in INJECTED.values() for one in kinds}
    assert {one for one in listed if one.startswith("dead/")} == {id_ for id_ in known if id_.startswith("dead/")}
    assert {one for one in listed if not one.startswith("dead/")} == FAULTS.keys()
    assert all(f"| {kind} |" in PAGE for kind in INJECTED)


def unreachable(directory: Path) -> dict[str, set[str | None]]:
    """What came of every attempt at a deployment that cannot be reached."""
    found: dict[str, set[str | None]] = {}
    for entry in entries_of(directory).values():
        for attempt in entry.attempts:
            if attempt.deployment.startswith("dead/"):
                found.setdefault(attempt.deployment, set()).add(attempt.failure)
    return found


def soak(directory: Path, seconds: float, memory_mb: float) -> Load:
    with soaking(directory, FAULTS) as world:
        load(world, ROUTES, min(10.0, seconds / 3))  # after this the processes are as large as they need to be
        assert eventually(lambda: is_quiet(world), 60.0)
        before = held(world)
        seen = load(world, ROUTES, seconds)
        assert seen.wrong() == []
        assert eventually(lambda: is_quiet(world), 60.0)
        assert eventually(lambda: held(world).files <= before.files + 4, 30.0), (before, held(world))
        assert held(world).memory_mb <= before.memory_mb + memory_mb
        ids = {one.exchange for one in seen.told if one.exchange and one.ending != "refused"}
        assert eventually(lambda: ids <= entries_of(directory).keys(), 60.0)
        assert disagreements(entries_of(directory).values(), world.simulator.books.rows) == []
        met = unreachable(directory)
        assert met.keys() == {one for kinds in INJECTED.values() for one in kinds if one.startswith("dead/")}
        assert all("connect" in failures for failures in met.values())
    return seen


def test_every_client_gets_an_answer_or_a_well_formed_error_and_nothing_is_left_over(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    seen = soak(tmp_path, 12.0, memory_mb=60.0)
    assert "Traceback" not in capfd.readouterr().err
    endings = seen.endings()
    assert endings["whole"] > len(seen.told) / 2
    assert {"whole", "broken", "left"} <= endings.keys()


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_for_minutes_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen = soak(tmp_path, 60.0 * MINUTES, memory_mb=80.0)
    assert "Traceback" not in capfd.readouterr().err
    assert seen.endings()["whole"] > len(seen.told) / 2


def kill_one(world: World, chance: random.Random) -> None:
    """Let a process go on for a moment, then end it as a power cut of its own would. Not while nobody answers anyway."""
    time.sleep(chance.uniform(0.5, 1.0))
    with contextlib.suppress(OSError):
        world.request("//livez", key=None)
    supervisor = world.installation.supervisor
    chance.choice([*supervisor._gateways, *supervisor._gateways, supervisor._control]).process.kill()


def killing(directory: Path, seconds: float) -> None:
    """Whatever a client has seen the end of is in the ledger, once, though processes were killed all the while."""
    chance = random.Random(3)
    with soaking(directory, {}, processes=3) as world:
        clients = Clients(world.base_url, ("good", "openai/slow"), DEADLINES.total_s + SPARE_S, seed=5, leave=0.0)
        seen = asyncio.run(clients.run(16, seconds, during=lambda: kill_one(world, chance)))
        whole = {one.exchange for one in seen.told if one.ending == "whole"}
        assert len(whole) > 20
        # A client of a process that is killed is cut off, and knows it: nothing else may be wrong with an answer.
        assert {one.wrong for one in seen.wrong() if one.ending != "cut"} == set()
        assert eventually(lambda: whole <= entries_of(directory).keys(), 60.0)


def test_killed_processes_lose_nothing_that_a_client_has_seen_the_end_of(tmp_path: Path) -> None:
    killing(tmp_path, 6.0)


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_killed_for_minutes_they_lose_nothing_either(tmp_path: Path) -> None:
    killing(tmp_path, 60.0 * MINUTES)


def test_rules_that_change_under_load_drop_no_request(tmp_path: Path) -> None:
    changes = 0

    def change() -> None:
        nonlocal changes
        changes += 1
        rule = Rule("changing", When(tags=(f"nobody {changes}",)), deny=Facts(region=("CN",)))
        with (
            contextlib.closing(open_control(tmp_path)) as store,
            store.change(Actor("test", "command line"), time.time_ns()) as book,
        ):
            book.put("rule", "changing", rule, "put")
        time.sleep(0.3)

    with soaking(tmp_path, {}) as world:
        clients = Clients(world.base_url, ("good",), DEADLINES.total_s + SPARE_S, seed=9, leave=0.0)
        seen = asyncio.run(clients.run(12, 5.0, during=change))
        tags = {"x-entrepot-tags": f"nobody {changes}"}
        assert eventually(lambda: world.chat("good", headers=tags)[0] == 403)  # the last one is in force
    assert changes > 3
    assert seen.endings().keys() == {"whole"}
    assert seen.wrong() == []
