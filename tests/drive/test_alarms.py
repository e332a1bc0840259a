from __future__ import annotations

import asyncio
import time

from entrepot.drive.alarms import FINE_S, GRAIN, Alarms


class Clock:
    """Sleeps, and hears when it is rung."""

    def __init__(self) -> None:
        self.rung: list[float] = []

    def ring(self, now_s: float) -> None:
        self.rung.append(now_s)


async def test_each_is_rung_at_its_moment_in_order() -> None:
    alarms, early, late = Alarms(), Clock(), Clock()
    now_s = time.monotonic()
    alarms.note(late, now_s + 0.05, now_s)
    alarms.note(early, now_s + 0.01, now_s)  # the timer stood at a later moment
    while not late.rung:
        await asyncio.sleep(0.005)
    assert now_s + 0.01 <= early.rung[0] < late.rung[0]
    assert len(early.rung) == len(late.rung) == 1


async def test_a_moment_in_the_past_has_come() -> None:
    alarms, clock = Alarms(), Clock()
    alarms.note(clock, 0.0, time.monotonic())
    while not clock.rung:
        await asyncio.sleep(0.005)


async def test_who_is_forgotten_is_not_rung() -> None:
    alarms, kept, forgotten = Alarms(), Clock(), Clock()
    now_s = time.monotonic()
    alarms.note(kept, now_s + 0.02, now_s)
    moment = alarms.note(forgotten, now_s + 0.01, now_s)
    alarms.forget(forgotten, moment)
    while not kept.rung:
        await asyncio.sleep(0.005)
    assert not forgotten.rung


async def test_far_moments_are_rounded_up_so_that_many_share_one() -> None:
    alarms, now_s = Alarms(), time.monotonic()
    due_s = now_s + 10 * FINE_S
    moments = {alarms.note(Clock(), due_s + part / 10_000, now_s) for part in range(100)}
    assert len(moments) <= 2
    assert all(due_s <= moment <= due_s + 0.01 + 1 / GRAIN for moment in moments)


async def test_who_is_rung_may_be_noted_anew() -> None:
    alarms, again = Alarms(), Clock()

    class Snoozer(Clock):
        def ring(self, now_s: float) -> None:
            super().ring(now_s)
            if len(self.rung) < 3:
                alarms.note(self, now_s + 0.01, now_s)

    snoozer = Snoozer()
    alarms.note(snoozer, 0.0, time.monotonic())
    while len(snoozer.rung) < 3:
        await asyncio.sleep(0.005)
    alarms.note(again, 0.0, time.monotonic())  # nothing is left that would keep the timer from it
    while not again.rung:
        await asyncio.sleep(0.005)
