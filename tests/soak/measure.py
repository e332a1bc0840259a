"""What an installation's processes hold, by the operating system's own account, and whether the ledger agrees with the
providers."""

from __future__ import annotations

import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import msgspec
import psutil

from entrepot.exchange.records import AttemptRecord, Entry
from entrepot.ledger.sqlite import ledger_path, open_sqlite_reader
from entrepot.simulator.books import Row
from tests.end_to_end.accounts import KINDS
from tests.end_to_end.world import World


class Held(msgspec.Struct, frozen=True):
    """Of all gateway processes together. `clients` and `providers` are open connections."""

    files: int
    clients: int
    providers: int
    memory_mb: float


def gateways_of(world: World) -> list[psutil.Process]:
    """The gateway processes that run."""
    pids = [child.process.pid for child in world.installation.supervisor._gateways]
    return [psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)]


def held(world: World) -> Held:
    """What they hold now. Files are those that are no connections."""
    port = world.installation.port
    files = clients = providers = 0
    memory = 0.0
    for process in gateways_of(world):
        connections = [one for one in process.net_connections("tcp") if one.status != psutil.CONN_LISTEN]
        inward = sum(one.laddr.port == port for one in connections)
        clients += inward
        providers += len(connections) - inward
        files += process.num_fds() - len(connections)
        memory += process.memory_info().rss / 1e6
    return Held(files, clients, providers, memory)


Bill = tuple[str, ...]


def bill_of_row(row: Row) -> Bill:
    """What a provider counted."""
    return (row.provider, row.model, *(str(getattr(row.tokens, kind)) for kind in KINDS))


def bill_of_attempt(attempt: AttemptRecord) -> Bill:
    """What the ledger says that it counted."""
    provider, model = attempt.provider, attempt.model
    return (provider, model, *(str(getattr(attempt.usage, kind)) for kind in KINDS))


def disagreements(entries: Iterable[Entry], rows: Iterable[Row]) -> list[str]:
    """Where the ledger says exactly what no provider's books do, and where a provider billed what the ledger knows nothing of.

    Rows and attempts have no name in common, so they are held together as bags: with prompts of all lengths few are alike.
    """
    attempts = [attempt for entry in entries for attempt in entry.attempts]
    exact = Counter(bill_of_attempt(one) for one in attempts if one.answered and one.usage and not one.usage.estimated)
    billed = [row for row in rows if any(getattr(row.tokens, kind) for kind in KINDS)]
    booked = Counter(bill_of_row(row) for row in billed)
    wrong = [f"in no provider's books: {bill} ({count})" for bill, count in (exact - booked).items()]
    unsure = sum(1 for one in attempts if one.usage is None or one.usage.estimated or not one.answered)
    beyond = sum((booked - exact).values())
    if beyond > unsure:
        wrong.append(f"{beyond} bills of providers for which the ledger has {unsure} attempts that it is unsure of")
    return wrong


def entries_of(directory: Path) -> dict[str, Entry]:
    """Every entry of the ledger, by id."""
    with contextlib.closing(sqlite3.connect(f"file:{ledger_path(directory)}?mode=ro", uri=True)) as connection:
        ids = [str(id_) for (id_,) in connection.execute("SELECT id FROM entries ORDER BY seq")]
    with open_sqlite_reader(directory) as reader:
        found = {id_: reader.find(id_) for id_ in ids}
    return {id_: entry for id_, entry in found.items() if entry is not None}
