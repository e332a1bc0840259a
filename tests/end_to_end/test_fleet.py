"""Many machines behind nginx under load: one dies, one is stopped, one is added; nothing is lost, doubled or overspent."""

from __future__ import annotations

import asyncio
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from entrepot.control import keys
from entrepot.control.place import ControlPlace
from entrepot.control.store import Actor
from entrepot.ledger.spool import list_spools
from entrepot.policy.rules import Facts, Rule
from tests.end_to_end.fleet import Fleet, Load, Machine, a_fleet
from tests.end_to_end.world import KEY, OTHER_KEY, eventually
from tests.postgres_server import PostgresServer

pytestmark = pytest.mark.end_to_end

CLIENTS = 12
BUDGET_USD = "0.08"
BUDGET_NANO_USD = 80_000_000
"""What some two hundred of the load's requests cost."""


@pytest.fixture
def fleet(tmp_path: Path, postgres: PostgresServer) -> Iterator[Fleet]:
    with a_fleet(tmp_path, postgres, BUDGET_USD) as fleet:
        yield fleet


async def under_load(load: Load, happening: Coroutine[Any, Any, None]) -> None:
    """Twelve clients of two keys ask all the while."""
    async with asyncio.TaskGroup() as clients:
        for number in range(CLIENTS):
            clients.create_task(load.ask(KEY if number % 3 == 0 else OTHER_KEY, 1000 * number))
        try:
            await happening
        finally:
            load.stop()


def test_a_machine_dies_under_load_and_another_takes_its_place(fleet: Fleet) -> None:
    load, (dying, living) = Load(fleet.proxy.port), fleet.machines
    moments: list[int] = []

    async def happening() -> None:
        await load.until(lambda: len(load.whole(dying.address)) >= 40 and len(load.whole(living.address)) >= 40)
        moments.append(load.now())
        await asyncio.to_thread(dying.kill)
        moments.append(load.now())
        added = await asyncio.to_thread(fleet.start)
        fleet.proxy.serve([dying, living, added])  # nobody has noticed the death
        await load.until(lambda: len(load.whole(added.address)) >= 60 and refused(load))

    asyncio.run(under_load(load, happening()))
    lost = [one for one in load.answers if not one.whole and one.status not in (402, 429)]
    assert [
        one for one in lost if one.machine != dying.address or one.begun > moments[1] or one.ended < moments[0]
    ] == []
    assert len(lost) <= CLIENTS

    assert list_spools(dying.directory / "data") != []  # what it wrote last is nowhere else
    dying.start()
    agrees(fleet, load, unanswered=len(lost))


def test_a_machine_is_taken_out_under_load_and_nobody_notices(fleet: Fleet) -> None:
    load, (leaving, staying) = Load(fleet.proxy.port), fleet.machines

    async def happening() -> None:
        await load.until(lambda: len(load.whole(leaving.address)) >= 40 and len(load.whole(staying.address)) >= 40)
        added = await asyncio.to_thread(fleet.start)
        fleet.proxy.serve([staying, added])
        await load.until(lambda: len(load.whole(added.address)) >= 40)
        await asyncio.to_thread(leaving.stop)
        await load.until(lambda: len(load.whole(added.address)) >= 100 and refused(load))

    asyncio.run(under_load(load, happening()))
    assert [one for one in load.answers if not one.whole and one.status not in (402, 429)] == []
    assert list_spools(leaving.directory / "data") == []
    agrees(fleet, load, unanswered=0)


def refused(load: Load) -> bool:
    """Whether alice's budget is used up."""
    return any(one.key == KEY and one.status in (402, 429) for one in load.answers)


def agrees(fleet: Fleet, load: Load, unanswered: int) -> None:
    """What clients, the ledger, the counters and the provider say of the same requests comes to agree."""
    # Of an answer that was cut off, its client may know the id, and nobody its end.
    acknowledged = {one.exchange for one in load.answers if one.exchange and (one.whole or one.status in (402, 429))}
    assert eventually(lambda: acknowledged <= set(fleet.ledger_ids()), 60)
    assert eventually(lambda: fleet.leased_nano_usd(time.time()) == 0, 60)
    ids = fleet.ledger_ids()
    assert len(ids) == len(set(ids))
    assert len(set(ids) - acknowledged) <= unanswered  # of those whose client was told no id
    with fleet.place().open_reader() as reader:
        assert reader.verify().differences == ()
        charged = {one.key: one.nano_usd for one in reader.spending()}
        used = reader.totals()
    assert 0 < charged["alice"] <= BUDGET_NANO_USD
    billed = sum(row.cost_nano or 0 for row in fleet.simulator.books.rows)
    assert used.exchanges == len(ids)
    if unanswered == 0:
        assert charged["alice"] + charged["bob"] == billed


def test_a_change_reaches_every_machine_also_the_one_added_last(fleet: Fleet) -> None:
    fleet.start()
    place = ControlPlace(fleet.machines[0].directory / "elsewhere", fleet.database)
    with place.open_store() as store:
        with store.change(Actor("test", "command line"), time.time_ns()) as book:
            _, text = keys.make(book, keys.NewKey("web"), os.urandom(32))
        assert eventually(lambda: statuses(fleet, text) == {200})
        with store.change(Actor("test", "command line"), time.time_ns()) as book:
            book.put("rule", "none", Rule("none", deny=Facts(region=("CN",))), "create")
        assert eventually(lambda: statuses(fleet, text) == {403})
        with store.change(Actor("test", "command line"), time.time_ns()) as book:
            book.remove("rule", "none")
            keys.disable(book, "web")
        assert eventually(lambda: statuses(fleet, text) == {401})


def statuses(fleet: Fleet, key: str) -> set[int]:
    """How every process of every machine answers: eight connections to each."""
    return {ask(machine, key) for machine in fleet.machines for _ in range(8)}


def ask(machine: Machine, key: str) -> int:
    body = json.dumps({"model": "racing/echo", "messages": [{"role": "user", "content": "hi"}]}).encode()
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(f"http://{machine.address}/v1/chat/completions", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
