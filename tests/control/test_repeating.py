from __future__ import annotations

import asyncio

import pytest

from entrepot.control.repeating import repeat
from entrepot.errors import LedgerError


async def test_a_duty_that_fails_is_told_of_once_and_done_again(caplog: pytest.LogCaptureFixture) -> None:
    stop, done = asyncio.Event(), 0
    loop = asyncio.get_running_loop()

    def duty() -> None:
        nonlocal done
        done += 1
        if done == 5:
            loop.call_soon_threadsafe(stop.set)
        if done != 3:
            raise LedgerError("the ledger is away")

    await repeat(duty, stop, 0.001)
    assert done >= 5
    assert [record.getMessage() for record in caplog.records] == ["the ledger is away"] * 2
