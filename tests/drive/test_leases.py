from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from entrepot.drive.leases import Leases
from entrepot.drive.purse import Claim, NotGranted
from entrepot.errors import CountersUnreachable
from entrepot.ledger.counters import Counters
from entrepot.ledger.reservations import Journal, Reserved, find_dead
from entrepot.ledger.sqlite_counters import COUNTERS_FILE, open_sqlite_counters


def begin(directory: Path, **used: int) -> None:
    counters = open_sqlite_counters(directory)
    if counters.begin("e"):
        counters.activate("e", "", used)
    counters.close()


@asynccontextmanager
async def leasing(directory: Path, name: str = "g", open_: dict[str, Reserved] | None = None) -> AsyncIterator[Leases]:
    reservations = open_ if open_ is not None else {}
    journal = Journal(directory, name)
    leases = Leases(open_sqlite_counters(directory), journal, lambda: tuple(reservations.values()))
    leases.start()
    try:
        yield leases
    finally:
        await leases.close()


def hide(directory: Path) -> None:
    """Put the counters away, and something that cannot be opened in their place."""
    (directory / "away").mkdir()
    for path in directory.glob(f"{COUNTERS_FILE}*"):
        path.rename(directory / "away" / path.name)
    (directory / COUNTERS_FILE).mkdir()


def bring_back(directory: Path) -> None:
    (directory / COUNTERS_FILE).rmdir()
    for path in (directory / "away").iterdir():
        path.rename(directory / path.name)


def forget(directory: Path) -> None:
    for path in directory.glob(f"{COUNTERS_FILE}*"):
        path.unlink()


def claim(leases: Leases, need: int, amount: int = 100, wait_s: float = 5.0) -> Claim:
    return Claim(leases.purse("a", "money", amount), need, wait_s)


def used(directory: Path) -> int:
    counters: Counters = open_sqlite_counters(directory)
    try:
        return sum(state.used for state in counters.states(time.time()))
    finally:
        counters.close()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_was_leased_can_be_taken_without_waiting(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        one = claim(leases, 1, 1000)
        await leases.take([one])
        await until(lambda: one.purse.free > 0)
        assert leases.try_take([one])
        one.purse.settle(2, 2)
    assert used(tmp_path) == 2


async def test_whoever_could_never_be_served_is_refused_at_once(tmp_path: Path) -> None:
    begin(tmp_path, a=95)
    async with leasing(tmp_path) as leases:
        with pytest.raises(NotGranted) as refused:
            await leases.take([claim(leases, 6, wait_s=60.0)])
        assert refused.value.fits_s == float("inf")
        await leases.take([claim(leases, 5)])
        claim(leases, 5).purse.settle(5, 5)


async def test_whoever_does_not_fit_waits_for_what_is_settled(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        first = claim(leases, 80)
        await leases.take([first])
        waiting = asyncio.ensure_future(leases.take([claim(leases, 50)]))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        first.purse.settle(80, 20)
        leases.changed()
        await waiting
        first.purse.settle(50, 50)
    assert used(tmp_path) == 70


async def test_waiting_ends_after_a_while(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        first = claim(leases, 80)
        await leases.take([first])
        with pytest.raises(NotGranted) as refused:
            await leases.take([claim(leases, 50, wait_s=0.1)])
        assert refused.value.fits_s is None
        first.purse.settle(80, 0)


async def test_whoever_holds_something_already_does_not_wait_behind_those_who_wait_for_it(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        holder = claim(leases, 60)
        await leases.take([holder])
        behind = asyncio.ensure_future(leases.take([claim(leases, 50)]))
        await asyncio.sleep(0.05)
        await leases.take([claim(leases, 40)], first=True)
        holder.purse.settle(100, 10)
        leases.changed()
        await behind
        holder.purse.settle(50, 0)


async def test_an_idle_lease_comes_back_to_another_process_that_waits(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path, "one") as one, leasing(tmp_path, "two") as two:
        first = claim(one, 20)
        await one.take([first])
        await until(lambda: first.purse.free > 0)
        first.purse.settle(20, 0)
        await two.take([claim(two, 100, wait_s=5.0)])
        assert first.purse.free == 0
        claim(two, 1).purse.settle(100, 0)


async def test_two_that_both_hold_half_do_not_wait_for_each_other(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path, "one") as one, leasing(tmp_path, "two") as two:
        for leases in (one, two):
            await leases.take([claim(leases, 50)])
            claim(leases, 50).purse.settle(50, 0)

        async def use(leases: Leases) -> None:
            wanted = claim(leases, 90, wait_s=8.0)
            await leases.take([wanted])
            wanted.purse.settle(90, 3)
            leases.changed()

        await asyncio.gather(use(one), use(two))
    assert used(tmp_path) == 6


async def test_whoever_gives_up_leaves_nothing_taken(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        first = claim(leases, 90)
        await leases.take([first])
        waiting = asyncio.ensure_future(leases.take([claim(leases, 50)]))
        await asyncio.sleep(0.03)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        first.purse.settle(90, 0)
        await leases.take([claim(leases, 100)])
        first.purse.settle(100, 0)


async def test_without_an_epoch_everybody_waits_until_there_is_one(tmp_path: Path) -> None:
    async with leasing(tmp_path) as leases:
        waiting = asyncio.ensure_future(leases.take([claim(leases, 50)]))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        assert leases.trouble == "the shared counters are being rebuilt from the ledger"
        begin(tmp_path)
        await waiting
        assert not leases.trouble
        claim(leases, 50).purse.settle(50, 1)


async def test_whoever_needs_nothing_waits_for_nothing(tmp_path: Path) -> None:
    async with leasing(tmp_path) as leases:
        assert leases.try_take([])
        await leases.take([])


async def test_whoever_waits_for_little_waits_while_the_counters_are_rebuilt(tmp_path: Path) -> None:
    async with leasing(tmp_path) as leases:
        waiting = asyncio.ensure_future(leases.take([Claim(leases.purse("a", "window", 5), 1, 0.25)]))
        await asyncio.sleep(0.4)
        assert not waiting.done()
        begin(tmp_path)
        await waiting


async def test_counters_that_do_not_answer_are_told_and_leases_in_hand_stay(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        one = claim(leases, 1, 1000)
        await leases.take([one])
        await until(lambda: one.purse.free >= 3)
        await asyncio.sleep(0.1)
        hide(tmp_path)
        await until(lambda: leases.trouble is not None)
        assert leases.try_take([one])
        with pytest.raises(CountersUnreachable):
            await leases.take([claim(leases, 500, 1000)])
        bring_back(tmp_path)
        await until(lambda: leases.trouble is None)
        one.purse.settle(2, 2)
    assert used(tmp_path) == 2


async def test_what_is_open_at_the_end_is_left_to_be_settled(tmp_path: Path) -> None:
    begin(tmp_path)
    open_: dict[str, Reserved] = {}
    async with leasing(tmp_path, open_=open_) as leases:
        await leases.take([claim(leases, 50)])
        open_["x"] = Reserved("x", 50, ("a",))
    assert len(find_dead(tmp_path)) == 1


async def test_a_process_that_ends_well_leaves_nothing(tmp_path: Path) -> None:
    begin(tmp_path)
    async with leasing(tmp_path) as leases:
        await leases.take([claim(leases, 50)])
        claim(leases, 50).purse.settle(50, 30)
    assert find_dead(tmp_path) == []
    counters = open_sqlite_counters(tmp_path)
    assert counters.owners() == ()
    (state,) = counters.states(time.time())
    assert (state.used, state.leased) == (30, 0)
    counters.close()


async def test_an_introduction_brings_the_leases_and_not_what_the_spool_has(tmp_path: Path) -> None:
    begin(tmp_path)
    open_: dict[str, Reserved] = {}
    async with leasing(tmp_path, open_=open_) as leases:
        first = claim(leases, 30)
        await leases.take([first])
        open_["x"] = Reserved("x", 30, ("a",))
        forget(tmp_path)
        await until(lambda: leases.trouble is not None)
        counters = open_sqlite_counters(tmp_path)
        counters.begin("f")
        await until(lambda: len(counters.owners()) == 1)
        assert [owner.open for owner in counters.owners()] == [("x",)]
        counters.activate("f", "", {"a": 7})
        await until(lambda: leases.trouble is None)
        del open_["x"]
        first.purse.settle(30, 20)
        counters.close()
    assert used(tmp_path) == 27
