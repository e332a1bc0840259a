"""A request at the gate of limits and budgets: it goes on at once, waits while its client stays, or is turned away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from entrepot.drive.admit import Admission
from entrepot.drive.driver import Client
from entrepot.drive.ticket import ExchangeTicket, open_ticket
from entrepot.errors import RateLimited
from entrepot.exchange.entries import entry_of
from entrepot.exchange.plan import Plan
from entrepot.exchange.records import Entry
from entrepot.server.http import ClientDisconnected


async def let_in(
    admission: Admission | None, plan: Plan, client: Client, record: Callable[[Entry], None]
) -> tuple[Plan, ExchangeTicket | None]:
    """The plan of an exchange that may go on, with its ticket; None where nothing holds for it.

    Raises BudgetExceeded, RateLimited, CountersUnreachable or LedgerError; or ClientDisconnected, with the entry written, where
    its client went away while it waited.
    """
    ticket = None if admission is None else open_ticket(admission, plan)
    if ticket is None:
        return plan, None
    if not ticket.try_enter():
        await _wait(ticket, plan, client, record)
    return ticket.stamp(plan), ticket


async def _wait(ticket: ExchangeTicket, plan: Plan, client: Client, record: Callable[[Entry], None]) -> None:
    entering = asyncio.ensure_future(ticket.enter())
    leaving = asyncio.get_running_loop().create_future()
    client.on_gone(lambda: None if leaving.done() else leaving.set_result(None))
    try:
        await asyncio.wait((entering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not entering.done():
            record(entry_of(plan, (), "client_gone", 499, time.monotonic()))
            raise ClientDisconnected
        entering.result()
    except RateLimited as error:
        error.announced = ticket.announce(plan.client.name)
        raise
    finally:
        client.on_gone(None)
        if not entering.done():
            entering.cancel()
