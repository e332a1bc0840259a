"""The duty of the control process: a step is taken once, on what the ledger has."""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from entrepot.control.place import ControlPlace
from entrepot.control.trial_keeping import Keeper, tell
from entrepot.control.trials import Terms, Trial, plan_stages
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.records import Entry
from entrepot.ledger.checks import FIRST_NS, sample_entry
from entrepot.ledger.sqlite import open_sqlite
from entrepot.routing.trial import Trying
from entrepot.statistics.intervals import Interval
from entrepot.statistics.margin import Reading, Verdict
from tests.control.books import a_store, at

TERMS = Terms(margin=0.4, guard=0.3, slow=0.5, settle_s=0.0, shares=(0.5,), least=10, quality=0.9)
SINCE_S = FIRST_NS / 1_000_000_000


def entries(first: int, count: int) -> list[Entry]:
    found = []
    for number in range(first, first + count):
        new = number % 2 == 0
        tried = Trying("t", "50 %", 0, "new" if new else "running", 0.5, number)
        served = msgspec.structs.replace(sample_entry(0).served, deployment="new/model" if new else "old/model")  # type: ignore[type-var]  # it is there
        found.append(msgspec.structs.replace(sample_entry(number), trial=tried, served=served))
    return found


def kept(directory: Path) -> Trial:
    with a_store(directory) as store:
        (found,) = store.snapshot().trials
    return found


def test_a_trial_stays_while_nothing_is_shown_and_is_full_when_it_is_and_the_step_is_written_once(
    tmp_path: Path,
) -> None:
    trial = Trial("t", "auto", "new/model", "in", "salt", TERMS, plan_stages(TERMS), SINCE_S, 0, SINCE_S)
    with a_store(tmp_path) as store, at(store) as book:
        book.put("trial", "t", trial, "start")
    with contextlib.closing(open_sqlite(tmp_path)) as ledger:
        keepers = [Keeper(ControlPlace(tmp_path), ledger, lambda: SINCE_S + 5000) for _ in range(2)]
        for keeper in keepers:
            keeper.look()
        assert kept(tmp_path) == trial
        known = entries(0, 1500)
        ledger.insert(known[:700])
        keepers[0].look()
        ledger.insert(known[700:])
        said = [Outcome(one.id, one.id, one.started_ns + 1, "user", "k", 1.0) for one in known]
        ledger.insert_documents([], said)
        for keeper in (*keepers, *keepers):
            keeper.look()
            keeper.close()
    after = kept(tmp_path)
    assert (after.standing, after.number, len(after.steps)) == ("full", 1, 1)
    assert after.steps[0].why.startswith("quality passed")
    with a_store(tmp_path) as store:
        assert [(one.who, one.action) for one in store.changes()] == [
            ("entrepot", "advanced to full"),
            ("王爱丽", "start"),
        ]


def test_where_nothing_is_kept_nothing_is_done(tmp_path: Path) -> None:
    with contextlib.closing(open_sqlite(tmp_path)) as ledger:
        Keeper(ControlPlace(tmp_path / "nowhere"), ledger).look()
    assert not (tmp_path / "nowhere").exists()


def test_a_gate_is_told_in_points() -> None:
    reading = Reading(Verdict.FAILED, 1200, 900, Interval(-0.2, -0.3, -0.1), overdue=False)
    assert tell("quality", reading) == "quality failed (-20.0, between -30.0 and -10.0 points, of 1,200 sessions)"
