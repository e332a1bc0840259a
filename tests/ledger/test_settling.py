from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.ledger.checks import sample_entry
from entrepot.ledger.counters import Move, Report
from entrepot.ledger.ingest import Ingester
from entrepot.ledger.reservations import Journal, Reserved, Settled, find_dead
from entrepot.ledger.settling import PROCESS_DIED, Settling, lost_entry, name_ledger
from entrepot.ledger.spool import SpoolWriter
from entrepot.ledger.sqlite import SqliteStore, open_sqlite
from entrepot.ledger.sqlite_counters import SqliteCounters, open_sqlite_counters
from entrepot.policy.budgets import ONCE, BudgetBook, account_name
from tests.policy.test_budgets import budget, zone_of

BUDGET = budget("all", period="once")
ACCOUNT = account_name(BUDGET, "", ONCE)
IDS = [f"019b0000-0000-7000-8000-{number:012x}" for number in range(10)]


class Place:
    """A ledger with its counters, and who settles for it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.store: SqliteStore = open_sqlite(directory)
        self.counters: SqliteCounters = open_sqlite_counters(directory)
        self.ingester = Ingester(self.store, directory)
        self.settling = self.settle_by(BudgetBook([BUDGET], zone_of))

    def settle_by(self, book: BudgetBook) -> Settling:
        return Settling(self.counters, self.store, self.ingester, self.directory, book, time.time)

    def used(self, account: str = ACCOUNT) -> tuple[int, int]:
        (state,) = self.counters.states(time.time(), [account])
        return state.used, state.leased

    def spend(self, id_: str, nano_usd: int, **changes: object) -> None:
        with SpoolWriter(self.directory, "g") as spool:
            spool.append(msgspec.structs.replace(sample_entry(1), id=id_, cost_nano_usd=nano_usd, **changes))


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    made = Place(tmp_path)
    yield made
    made.store.close()
    made.counters.close()


def introduce(place: Place, journal: Journal, lease: int = 0, open_: tuple[str, ...] = ()) -> None:
    moves = (Move(ACCOUNT, "money", 10**10, returned=-lease),) if lease else ()
    report = Report(journal.owner, 1, journal.path.name, journal.offset, "", moves, open_)
    place.counters.report(report, time.time())


def test_new_counters_begin_with_what_the_ledger_says_was_spent(place: Place) -> None:
    place.spend(IDS[0], 700)
    place.spend(IDS[1], 30, charged_nano_usd=50)
    place.settling.run_once()
    place.settling.run_once()
    epoch = place.counters.epoch()
    assert epoch is not None
    assert epoch.active
    assert place.used() == (750, 0)


def test_nothing_is_active_before_every_process_that_lives_is_known(place: Place) -> None:
    journal = Journal(place.directory, "g")
    for _ in range(3):
        place.settling.run_once()
    epoch = place.counters.epoch()
    assert epoch is not None
    assert not epoch.active
    introduce(place, journal, 40)
    place.settling.run_once()
    epoch = place.counters.epoch()
    assert epoch is not None
    assert epoch.active
    assert place.used() == (0, 40)
    journal.close(delete=True)


def test_what_a_living_process_has_open_is_left_to_it(place: Place) -> None:
    journal = Journal(place.directory, "g")
    place.settling.run_once()
    introduce(place, journal, 40, (IDS[0],))
    place.spend(IDS[0], 25)
    place.spend(IDS[1], 5)
    place.settling.run_once()
    assert place.used() == (5, 40)
    journal.close(delete=True)


def activate(place: Place) -> None:
    place.settling.run_once()
    place.settling.run_once()


def test_of_a_dead_process_what_was_spooled_is_charged_as_it_was_and_the_rest_in_full(place: Place) -> None:
    activate(place)
    journal = Journal(place.directory, "g")
    journal.append(Reserved(IDS[0], 100, (ACCOUNT,)))
    journal.append(Settled(IDS[0], 10))
    introduce(place, journal, 500)
    journal.append(Reserved(IDS[1], 100, (ACCOUNT,)))
    journal.append(Settled(IDS[1], 20))
    journal.append(Reserved(IDS[2], 100, (ACCOUNT,)))
    journal.append(Reserved(IDS[3], 100, (ACCOUNT,), key="甲", route="auto"))
    place.spend(IDS[2], 30)
    journal.close(delete=False)
    place.settling.run_once()
    assert place.used() == (20 + 30 + 100, 0)
    place.settling.run_once()
    assert place.used() == (150, 0)
    assert find_dead(place.directory) == []
    lost = place.store.find(IDS[3])
    assert lost is not None
    assert (lost.state, lost.error_code, lost.key, lost.route) == ("broken", PROCESS_DIED, "甲", "auto")
    assert (lost.cost_nano_usd, lost.charged_nano_usd) == (100, 100)
    assert lost.usage is not None
    assert lost.usage.estimated


def test_a_journal_of_a_process_that_nobody_knows_any_more_is_put_away(place: Place) -> None:
    activate(place)
    journal = Journal(place.directory, "g")
    introduce(place, journal, 5)
    journal.append(Reserved(IDS[0], 100, (ACCOUNT,)))
    journal.close(delete=False)
    place.counters.bury(journal.owner, {ACCOUNT: 7}, time.time())
    place.settling.run_once()
    assert place.used() == (7, 0)
    assert find_dead(place.directory) == []


def test_whoever_died_before_the_counters_were_rebuilt_is_settled_too(place: Place) -> None:
    journal = Journal(place.directory, "g")
    journal.append(Reserved(IDS[0], 100, (ACCOUNT,)))
    journal.close(delete=False)
    activate(place)
    assert place.used() == (100, 0)
    assert find_dead(place.directory) == []


def test_a_budget_that_is_new_knows_what_was_spent_before(place: Place) -> None:
    place.spend(IDS[0], 700, team="red")
    activate(place)
    teams = budget("teams", team="*", period="once")
    place.settling.count(BudgetBook([BUDGET, teams], zone_of, {"red": "all teams"}))
    activate(place)
    assert place.used(account_name(teams, "team=red", ONCE)) == (700, 0)
    assert place.used(account_name(teams, "team=all teams", ONCE)) == (700, 0)
    assert place.used() == (700, 0)


def test_another_amount_is_no_other_budget(place: Place) -> None:
    activate(place)
    before = place.counters.epoch()
    place.settling.count(BudgetBook([msgspec.structs.replace(BUDGET, amount_usd=BUDGET.amount_usd * 2)], zone_of))
    place.settling.run_once()
    assert place.counters.epoch() == before


def test_with_several_ledgers_each_has_to_say_what_it_holds(place: Place, tmp_path: Path) -> None:
    place.spend(IDS[0], 700)
    place.settling.share("here", 2)
    activate(place)
    epoch = place.counters.epoch()
    assert epoch is not None
    assert not epoch.active
    place.counters.activate(epoch.name, "there", {ACCOUNT: 50}, 2)
    assert place.used() == (750, 0)
    activate(place)
    assert place.used() == (750, 0)


def test_a_ledger_keeps_its_name(tmp_path: Path) -> None:
    assert name_ledger(tmp_path) == name_ledger(tmp_path)
    assert name_ledger(tmp_path) != name_ledger(tmp_path / "other")


def test_a_lost_exchange_took_as_long_as_it_was_not_heard_of() -> None:
    entry = lost_entry(Reserved("x", 5, (), started_ns=10**18), 10**9 + 2.5)
    assert entry.duration_ms == pytest.approx(2500)
