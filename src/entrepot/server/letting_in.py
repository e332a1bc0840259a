"""A request at the gate of limits and budgets: it goes on at once, waits while its client stays, or is turned away."""

from __future__ import annotations

import asyncio

from entrepot.drive.admit import Admission, ExchangeTicket
from entrepot.drive.driver import Client
from entrepot.exchange.plan import Plan


class ClientLeftWaiting(Exception):
    """The client went away while its request waited; nobody was called."""


async def let_in(admission: Admission | None, plan: Plan, client: Client) -> ExchangeTicket | None:
    """The ticket of an exchange that may go on; None where nothing holds for it.

    Raises BudgetExceeded, RateLimited, CountersUnreachable, LedgerError or ClientLeftWaiting.
    """
    ticket = None if admission is None else admission.open_ticket(plan)
    if ticket is None or ticket.try_enter():
        return ticket
    entering = asyncio.ensure_future(ticket.enter())
    leaving = asyncio.ensure_future(client.wait_gone())
    try:
        await asyncio.wait((entering, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not entering.done():
            raise ClientLeftWaiting
        entering.result()
    finally:
        leaving.cancel()
        if not entering.done():
            entering.cancel()
    return ticket
