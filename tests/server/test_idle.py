from __future__ import annotations

import asyncio

from entrepot.server.idle import Idle


class Resting:
    def __init__(self) -> None:
        self.dismissed = asyncio.Event()

    def idle_too_long(self) -> None:
        self.dismissed.set()


async def test_who_is_idle_too_long_is_told_the_longest_first() -> None:
    idle, first, second = Idle(0.03), Resting(), Resting()
    idle.begin(first)
    await asyncio.sleep(0.015)
    idle.begin(second)
    await asyncio.wait_for(first.dismissed.wait(), 5)
    assert not second.dismissed.is_set()
    await asyncio.wait_for(second.dismissed.wait(), 5)


async def test_who_goes_on_is_not_told_and_its_time_begins_anew() -> None:
    idle, busy, other = Idle(0.02), Resting(), Resting()
    idle.begin(busy)
    idle.end(busy)
    idle.end(busy)  # a connection that is lost ends it, whether it had begun or not
    idle.begin(other)
    await asyncio.wait_for(other.dismissed.wait(), 5)
    assert not busy.dismissed.is_set()
    idle.begin(busy)
    await asyncio.wait_for(busy.dismissed.wait(), 5)
