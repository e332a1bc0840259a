from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from entrepot.errors import RateLimited
from entrepot.exchange.commands import SendHead
from entrepot.exchange.records import Entry
from entrepot.policy.limits import Limit, Limits
from entrepot.server.http import ClientDisconnected
from entrepot.server.letting_in import let_in
from tests.drive.test_ticket import admitting, end, plan
from tests.policy.test_budgets import budget


class Waiting:
    """A client that waits until it leaves."""

    def __init__(self) -> None:
        self._on_gone: Callable[[], None] | None = None

    def send(self, head: SendHead | None, data: bytes, end: bool) -> None: ...

    def on_gone(self, call: Callable[[], None] | None) -> None:
        self._on_gone = call

    def leave(self) -> None:
        assert self._on_gone is not None
        self._on_gone()


async def test_without_limits_the_plan_goes_on_as_it_is() -> None:
    asked = plan()
    assert await let_in(None, asked, Waiting(), list[Entry]().append) == (asked, None)


async def test_under_a_hard_budget_every_attempt_asks_for_leave(tmp_path: Path) -> None:
    async with admitting(tmp_path, budget("all")) as admission:
        stamped, ticket = await let_in(admission, plan(), Waiting(), list[Entry]().append)
        assert stamped.metered
        assert ticket is not None
        end(ticket, stamped)


async def test_a_client_that_leaves_while_it_waits_is_written_down_and_costs_nothing(tmp_path: Path) -> None:
    limit = Limit("l", Limits(concurrent=1, queue_s=30.0), key="k")
    async with admitting(tmp_path, limits=(limit,)) as admission:
        first, ticket = await let_in(admission, plan(), Waiting(), list[Entry]().append)
        entries, client = list[Entry](), Waiting()
        waiting = asyncio.ensure_future(let_in(admission, plan(), client, entries.append))
        await asyncio.sleep(0.05)
        client.leave()
        with pytest.raises(ClientDisconnected):
            await waiting
        assert [(entry.state, entry.attempts, entry.cost_nano_usd) for entry in entries] == [("client_gone", (), 0)]
        assert ticket is not None
        end(ticket, first)
        second, ticket = await let_in(admission, plan(), Waiting(), entries.append)
        assert ticket is not None
        end(ticket, second)


async def test_a_429_says_what_is_left(tmp_path: Path) -> None:
    limit = Limit("l", Limits(requests_per_minute=1), key="k")
    async with admitting(tmp_path, limits=(limit,)) as admission:
        first, ticket = await let_in(admission, plan(), Waiting(), list[Entry]().append)
        with pytest.raises(RateLimited) as error:
            await let_in(admission, plan(), Waiting(), list[Entry]().append)
        assert dict(error.value.announced)[b"x-ratelimit-remaining-requests"] == b"0"
        assert error.value.retry_after_s > 50
        assert ticket is not None
        end(ticket, first)
