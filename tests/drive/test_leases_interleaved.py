"""Whatever the interleaving of leasing, settling, dying and losing the counters: never more than the amount."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from entrepot.drive.purse import Purse, move_of
from entrepot.errors import EpochMissing
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import sample_entry
from entrepot.ledger.counters import Move, Report
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.reservations import Journal, Reserved, Settled
from entrepot.ledger.settling import Settling
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.sqlite import open_sqlite
from entrepot.ledger.sqlite_counters import COUNTERS_FILE, open_sqlite_counters
from entrepot.policy.budgets import ONCE, Budget, BudgetBook, account_name
from tests.policy.test_budgets import zone_of

AMOUNT = 1000
BUDGET = Budget("all", Decimal("0.000001"), period="once")
ACCOUNT = account_name(BUDGET, "", ONCE)


class Gateway:
    """A process: a purse, a journal and a spool, reporting when it is told to."""

    def __init__(self, directory: Path, number: int) -> None:
        self.counters = open_sqlite_counters(directory)
        self.journal = Journal(directory, f"g{number}", rotate_bytes=400)
        self.spool = SpoolWriter(directory, f"g{number}")
        self.purse = Purse(ACCOUNT, "money", AMOUNT)
        self.open: dict[str, Reserved] = {}
        self.number = 0
        self.epoch = ""
        self.active = False

    def report(self, need: int, now_s: float) -> None:
        purse = self.purse
        if self.journal.is_full:
            self.journal.rotate(self.open.values())
        if self.number == 0:
            self.introduce(now_s)
            return
        move = move_of(purse, need, now_s, closing=False)
        report = Report(
            self.journal.owner, self.number + 1, self.journal.path.name, self.journal.offset, self.epoch,
            () if move is None else (move,),
        )  # fmt: skip
        try:
            reply = self.counters.report(report, now_s)
        except EpochMissing:
            self.number, self.active = 0, False
            if move is not None:
                gone = sum(amount for _, amount in move.spent)
                purse.free += move.returned - gone
            return
        self.number, self.active = report.number, reply.active
        self.journal.acknowledge(report.journal)
        for standing in reply.standings:
            purse.free += standing.granted
            purse.wanted = standing.wanted

    def introduce(self, now_s: float) -> None:
        self.purse.spent.clear()
        self.purse.returned = 0
        lease = self.purse.free + self.purse.taken
        moves = (Move(ACCOUNT, "money", AMOUNT, returned=-lease),) if lease else ()
        report = Report(self.journal.owner, 1, self.journal.path.name, self.journal.offset, "", moves, tuple(self.open))
        try:
            reply = self.counters.report(report, now_s)
        except EpochMissing:
            return
        self.number, self.epoch, self.active = 1, reply.epoch, reply.active

    def die(self) -> None:
        self.journal.close(delete=False)
        self.spool.close()
        self.counters.close()


class Interleaving(RuleBasedStateMachine):
    """Three gateways, one control process, and the truth: what providers billed and may still bill."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.directory = Path(self.folder.name)
        self.now_s = 1_800_000_000.0
        self.billed = 0
        self.lost = 0
        self.count = 0
        self.gateways = [Gateway(self.directory, number) for number in range(3)]
        self.store = open_sqlite(self.directory)
        self.counters = open_sqlite_counters(self.directory)
        book = BudgetBook([BUDGET], zone_of)
        ingester = Ingester(self.store, self.directory)
        self.ingester = ingester
        self.settling = Settling(self.counters, self.store, ingester, self.directory, book, lambda: self.now_s)

    @initialize()
    def begin(self) -> None:
        self.control()
        self.report_all()
        self.control()
        self.report_all()

    @rule(which=st.integers(0, 2), need=st.integers(0, 400))
    def report(self, which: int, need: int) -> None:
        self.now_s += 0.05
        self.gateways[which].report(need, self.now_s)

    @rule()
    def report_all(self) -> None:
        for gateway in self.gateways:
            gateway.report(0, self.now_s)

    @rule(which=st.integers(0, 2), worst=st.integers(1, 300))
    def reserve(self, which: int, worst: int) -> None:
        gateway = self.gateways[which]
        if gateway.active and gateway.purse.has(worst):
            self.count += 1
            reserved = Reserved(f"019b0000-0000-7000-8000-{self.count:012x}", worst, (ACCOUNT,))
            gateway.purse.take(worst, int(self.now_s))
            gateway.purse.touched_s = self.now_s
            gateway.journal.append(reserved)
            gateway.open[reserved.id] = reserved

    @rule(which=st.integers(0, 2), share=st.floats(0, 1), spooled=st.booleans())
    def settle(self, which: int, share: float, spooled: bool) -> None:
        """`spooled`: the process dies between the spool and the journal."""
        gateway = self.gateways[which]
        if not gateway.open:
            return
        reserved = gateway.open.pop(next(iter(gateway.open)))
        cost = int(reserved.nano_usd * share)
        self.billed += cost
        gateway.spool.append(entry_of(reserved, cost))
        if spooled:
            self.kill(which)
            return
        gateway.journal.append(Settled(reserved.id, cost))
        gateway.purse.settle(reserved.nano_usd, cost)

    @rule(which=st.integers(0, 2))
    def kill(self, which: int) -> None:
        """What it had under way is billed in full, which nobody will ever hear."""
        gateway = self.gateways[which]
        self.lost += sum(reserved.nano_usd for reserved in gateway.open.values())
        gateway.die()
        self.gateways[which] = Gateway(self.directory, which)

    @rule()
    def control(self) -> None:
        self.settling.run_once()

    @precondition(lambda self: self.count % 4 == 3)
    @rule()
    def lose_the_counters(self) -> None:
        for path in self.directory.glob(f"{COUNTERS_FILE}*"):
            path.unlink()

    @invariant()
    def never_more_than_the_amount(self) -> None:
        reserved = sum(one.nano_usd for gateway in self.gateways for one in gateway.open.values())
        assert self.billed + self.lost + reserved <= AMOUNT

    def teardown(self) -> None:
        for gateway in self.gateways:
            gateway.die()
        for _ in range(3):
            self.settling.run_once()
        self.ingester.run_once()
        charged = sum(spending.nano_usd for spending in self.store.spending())
        assert charged == self.billed + self.lost + sum(
            one.nano_usd for gateway in self.gateways for one in gateway.open.values()
        )
        (state,) = self.counters.states(self.now_s, [ACCOUNT])
        assert (state.used, state.leased) == (charged, 0)
        self.counters.close()
        self.store.close()
        self.folder.cleanup()


def entry_of(reserved: Reserved, cost: int) -> Entry:
    """What a settled exchange looks like in the spool."""
    return msgspec.structs.replace(sample_entry(1), id=reserved.id, cost_nano_usd=cost)


def test_no_interleaving_overruns_a_budget_or_loses_what_was_spent() -> None:
    run_state_machine_as_test(Interleaving, settings=settings(max_examples=25, stateful_step_count=40, deadline=None))
