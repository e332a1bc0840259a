"""What dead processes leave is settled, and counters that lost their memory are rebuilt from the ledger.

Rules of this file: a reservation whose process is gone is charged what its entry says, if one lies in the ledger or a spool;
otherwise nobody knows what became of the call: its worst case stays charged, and an entry that says so is written. Only then
is the lease let go. Every step may be repeated: entries are inserted once by their id, an owner is buried once.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable
from pathlib import Path

from entrepot.canonical.response import Usage
from entrepot.errors import EpochMissing, LedgerError
from entrepot.exchange.records import Entry
from entrepot.ledger.counters import Counters, Epoch
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.lookup import find_entry_through
from entrepot.ledger.reservations import DeadJournal, Remains, Reserved, find_dead, list_owners, read_remains
from entrepot.ledger.store import LedgerStore, Period
from entrepot.policy.budgets import BudgetBook, account_name, scopes_of

log = logging.getLogger("entrepot.counters")

PROCESS_DIED = "process_died"
_NANO = 1_000_000_000


class Settling:
    """Settles for the ledger in `directory`, which holds all that is spent, unless it says that it shares that with others."""

    def __init__(
        self,
        counters: Counters,
        store: LedgerStore,
        ingester: Ingester,
        directory: str | Path,
        book: BudgetBook,
        clock: Callable[[], float],
    ) -> None:
        self._counters = counters
        self._store = store
        self._ingester = ingester
        self._directory = Path(directory)
        self._clock = clock
        self._part = ""
        self._parts = 1
        self._contributed = ""
        self._kind = ""
        self.count(book)

    def count(self, book: BudgetBook) -> None:
        """Count by these budgets. Counters that were begun for others know nothing of what these have spent: they are rebuilt.

        Where several ledgers share them, each with settings of its own, they are left: a new budget then begins at zero.
        """
        identities = "\n".join(sorted(budget.identity for budget in book.budgets))
        self._book, self._kind = book, hashlib.sha256(identities.encode()).hexdigest()[:12]

    def share(self, name: str, ledgers: int) -> None:
        """The ledger, called `name`, is one of so many: an epoch is active once each has said what it holds."""
        self._part, self._parts = name, ledgers

    def run_once(self) -> None:
        """Settle what can be settled now. Raises LedgerError, or CountersUnreachable."""
        epoch = self._counters.epoch()
        other = epoch is not None and self._parts == 1 and not epoch.name.startswith(f"{self._kind}-")
        if epoch is None or other:
            if self._counters.begin(f"{self._kind}-{secrets.token_hex(8)}", "" if epoch is None else epoch.name):
                log.warning("the shared counters are rebuilt from the ledger")
            return
        if not epoch.active:
            self._rebuild(epoch)
            return
        try:
            for dead in find_dead(self._directory):
                self._bury(dead)
        except EpochMissing:
            return  # the next run begins another

    def _bury(self, dead: DeadJournal) -> None:
        known = {owner.owner: owner for owner in self._counters.owners()}.get(dead.owner)
        if known is not None:
            remains = read_remains(dead.paths, known.journal, known.offset)
            spent = dict(remains.settled)
            for reserved, charged in self._settle_open(remains):
                for account in reserved.accounts:
                    spent[account] = spent.get(account, 0) + charged
            self._counters.bury(dead.owner, spent, self._clock())
            log.warning(
                "process %s is gone: its reservations are settled, %d of them with an unknown outcome",
                dead.owner,
                len(remains.open),
            )
        _delete(dead)

    def _settle_open(self, remains: Remains) -> list[tuple[Reserved, int]]:
        """Each open reservation with what it is charged; entries are written for those of which nothing is known."""
        settled: list[tuple[Reserved, int]] = []
        lost: list[Entry] = []
        for reserved in remains.open:
            entry = find_entry_through(self._store, self._directory, reserved.id)
            if entry is None:
                lost.append(lost_entry(reserved, self._clock()))
                entry = lost[-1]
            charged = entry.charged_nano_usd if entry.charged_nano_usd is not None else entry.cost_nano_usd
            settled.append((reserved, reserved.nano_usd if charged is None else charged))
        if lost:
            self._store.insert(lost)
        return settled

    def _rebuild(self, epoch: Epoch) -> None:
        """Once every process that lives has introduced itself, add up what the ledger says was spent beside what they hold."""
        if self._contributed == epoch.name:
            return
        known = {owner.owner: owner for owner in self._counters.owners()}
        dead = find_dead(self._directory)
        gone = {one.owner for one in dead}
        mine = [owner for owner in list_owners(self._directory) if owner not in gone]
        if any(owner not in known for owner in mine):
            return  # it will introduce itself at its next report
        for one in dead:
            self._settle_open(read_remains(one.paths, "", 0))
        self._ingester.run_once()
        open_ = [id_ for owner in mine for id_ in known[owner].open]
        self._counters.activate(epoch.name, self._part, self.used(open_), self._parts)
        self._contributed = epoch.name
        for one in dead:
            if one.owner in known:  # it introduced itself, and died since
                self._counters.bury(one.owner, {}, self._clock())
            _delete(one)

    def used(self, without: Iterable[str] = ()) -> dict[str, int]:
        """What the ledger says was charged to every account of this moment's periods, `without` these exchanges."""
        now_s, ids = self._clock(), tuple(without)
        used: dict[str, int] = {}
        for budget in self._book.budgets:
            span = self._book.span(budget, now_s)
            period = Period(
                None if span.starts_s is None else int(span.starts_s * _NANO),
                None if span.ends_s is None else int(span.ends_s * _NANO),
            )
            for spending in self._store.spending(period, ids):
                line = self._book.line_of(spending.team)
                for scope in scopes_of(budget, spending.key, line, spending.route):
                    account = account_name(budget, scope, span)
                    used[account] = used.get(account, 0) + spending.nano_usd
        return used


def name_ledger(directory: str | Path) -> str:
    """The name of the ledger in `directory`, unlike that of any other; it is made at the first use. Raises LedgerError."""
    path = Path(directory) / "ledger-name"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError), path.open("x") as file:
            file.write(secrets.token_hex(8))
        return path.read_text()
    except OSError as error:
        raise LedgerError(f"cannot write {path}: {error.strerror}") from error


def lost_entry(reserved: Reserved, now_s: float) -> Entry:
    """The entry of an exchange whose process died in its midst: charged its worst case, since nobody knows its outcome."""
    duration_ms = max(0.0, now_s * 1000 - reserved.started_ns / 1_000_000)
    return Entry(
        id=reserved.id,
        started_ns=reserved.started_ns,
        state="broken",
        status=500,
        dialect=reserved.dialect,
        asked_model=reserved.asked_model,
        stream=reserved.stream,
        duration_ms=duration_ms,
        added_ms=0.0,
        key=reserved.key,
        team=reserved.team,
        tags=reserved.tags,
        route=reserved.route,
        error_code=PROCESS_DIED,
        usage=Usage(input_tokens=reserved.input_tokens, estimated=True),
        cost_nano_usd=reserved.nano_usd,
        charged_nano_usd=reserved.nano_usd,
    )


def _delete(dead: DeadJournal) -> None:
    for path in dead.paths:
        path.unlink(missing_ok=True)
