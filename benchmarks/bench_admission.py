"""What limits and budgets cost an exchange: CPU to let it in and to settle it, with the leases in hand.

    python benchmarks/bench_admission.py

One process, SQLite counters, one hard budget and two limits; nothing is called. Prints microseconds of CPU an exchange, and the
same of planning nothing (an empty book), so that the difference is what they cost.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from datetime import UTC
from decimal import Decimal
from pathlib import Path

from entrepot.catalog.price import Price
from entrepot.catalog.pricing import ExchangeRates, Tariff
from entrepot.catalog.schema import Deployment
from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.drive.admit import Admission
from entrepot.drive.leases import Leases
from entrepot.drive.ticket import open_ticket
from entrepot.exchange.commands import AskLeave
from entrepot.exchange.entries import entry_of
from entrepot.exchange.plan import Candidate, Deadlines, Plan
from entrepot.ledger.reservations import Journal, Reserved
from entrepot.ledger.sqlite_counters import open_sqlite_counters
from entrepot.policy.budgets import Budget, BudgetBook
from entrepot.policy.limits import Limit, LimitBook, Limits
from entrepot.policy.rules import Principal
from entrepot.routing.utility import Decision

EXCHANGES = 20_000
DIALECT = OpenAIChat()


def make_plan() -> Plan:
    """A short request for one priced deployment."""
    price = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(2), source="made up", as_of="2026-11-01")
    rates = ExchangeRates(Decimal("0.14"), "2026-11-01", "made up")
    deployment = Deployment(
        "p/m", "m", "maker", "CN", "p", "CN", "CN", "https://p.example/v1", "openai-chat", "m", price=price
    )
    candidate = Candidate(deployment, Target(deployment.base_url, "m"), DIALECT, Tariff(price, rates))
    body = {"model": "m", "max_tokens": 500, "messages": [{"role": "user", "content": "word " * 100}]}
    return Plan(
        id="019b0000-0000-7000-8000-000000000001",
        started_ns=time.time_ns(),
        started_s=time.monotonic(),
        asked=DIALECT.parse_request(json.dumps(body).encode()),
        client=DIALECT,
        principal=Principal(key="k", team="t"),
        decision=Decision(order=("p/m",), candidates=(), reason=""),
        candidates=(candidate,),
        eligible=frozenset({"p/m"}),
        deadlines=Deadlines(),
        input_tokens=100,
    )


async def measure(directory: Path, book: BudgetBook, limits: LimitBook) -> float:
    """Microseconds of CPU of this process for each exchange that is let in and settled."""
    counters = open_sqlite_counters(directory)
    if counters.begin("bench"):
        counters.activate("bench", "", {})
    open_: dict[str, Reserved] = {}
    journal = Journal(directory, "bench")
    leases = Leases(counters, journal, lambda: tuple(open_.values()))
    admission = Admission(book, limits, leases, journal, open_)
    leases.start()
    plan = make_plan()
    entry = entry_of(plan, (), "failed", 502, plan.started_s)
    for _ in range(200):
        await one_exchange(admission, plan, entry)
    started = time.process_time()
    for number in range(EXCHANGES):
        await one_exchange(admission, plan, entry)
        if number % 50 == 0:
            await asyncio.sleep(0)
    spent_s = time.process_time() - started
    await leases.close()
    return spent_s / EXCHANGES * 1e6


async def one_exchange(admission: Admission, plan: Plan, entry: object) -> None:
    """In, leave asked, settled."""
    ticket = open_ticket(admission, plan)
    if ticket is None:
        return
    if not ticket.try_enter():
        await ticket.enter()
    if ticket.meters_attempts:
        ticket.ask(AskLeave(0, plan.candidates[0], 620), lambda _: None)
        ticket.leave(0)
    ticket.settle(ticket.charge(entry))  # type: ignore[arg-type]  # an Entry, whose type is of no interest here
    ticket.close()


def main() -> None:
    """Print the table."""
    hard = BudgetBook([Budget("all", Decimal(1000), period="month", key="*")], lambda _: UTC)
    limits = [Limit("l", Limits(requests_per_minute=10**8, tokens_per_minute=10**11), key="*")]
    nothing = BudgetBook([], lambda _: UTC)
    cases = (
        ("nothing to count", nothing, LimitBook([])),
        ("two limits", nothing, LimitBook(limits)),
        ("one hard budget", hard, LimitBook([])),
        ("both", hard, LimitBook(limits)),
    )
    for name, book, limit_book in cases:
        with tempfile.TemporaryDirectory() as directory:
            print(f"{name:20} {asyncio.run(measure(Path(directory), book, limit_book)):7.1f} us of CPU an exchange")


if __name__ == "__main__":
    main()
