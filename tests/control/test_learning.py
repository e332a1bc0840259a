"""Learning kept going: outcomes of the ledger are taken in, and what a refit's process does is heard of."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.control.learning import Learner, Order, Refitter, slot_of
from entrepot.control.objects import Refit
from entrepot.control.place import ControlPlace
from entrepot.control.routers import put_in_place, running_in, version_of_file
from entrepot.learning.status import read_status
from entrepot.ledger.sqlite import open_sqlite
from entrepot.routing.correction import Adjustment, Correction, version_of
from tests.control.books import a_store, at
from tests.control.lived_ledger import Ledger
from tests.learning.fitted import an_artifact


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with a_store(tmp_path), contextlib.closing(open_sqlite(tmp_path)) as store:
        made = Ledger(tmp_path, store)
        yield made
        made.learner.close()


def test_what_users_say_is_taken_in_and_moves_the_model_that_does_badly(ledger: Ledger) -> None:
    ledger.learner.look()
    assert ledger.in_force() == ("settings", None)
    ledger.live(600, 1)
    ledger.now_s += 60
    ledger.learner.look()
    made_by, correction = ledger.in_force()
    assert made_by == "absorbed"
    assert correction is not None
    assert correction.models["cheap"].shift < correction.models["dear"].shift - 0.4
    assert read_status(ledger.directory).taken_in == 600


def test_the_same_outcomes_make_one_version_whoever_takes_them_in_and_however_often(ledger: Ledger) -> None:
    ledger.live(600, 2)
    ledger.now_s += 60
    other = Learner(ledger.settings, ControlPlace(ledger.directory), ledger.store, {}, lambda: ledger.now_s)
    for learner in (ledger.learner, other, ledger.learner, other):
        learner.look()
    other.close()
    with a_store(ledger.directory) as control:
        assert [one.action for one in control.changes(kind="router")] == ["absorb"]


def test_too_few_outcomes_and_signs_alone_change_nothing(ledger: Ledger) -> None:
    ledger.live(15, 3)
    ledger.live(500, 4, source="sign")
    ledger.now_s += 60
    ledger.learner.look()
    assert ledger.in_force() == ("settings", None)


def test_after_a_promotion_only_what_comes_later_is_taken_in_on_top_of_it(ledger: Ledger) -> None:
    ledger.live(600, 5)
    ledger.now_s += 3600
    correction = Correction(models={"cheap": Adjustment(0.9, -1.0, 0.1)})
    file = version_of_file(an_artifact())
    version = msgspec.structs.replace(file, name=version_of(file.name, correction), correction=correction)
    with a_store(ledger.directory) as control, at(control, ledger.now_s) as book:
        put_in_place(book, running_in(book.snapshot(), an_artifact()), version, "me", "to see")
    ledger.learner.look()
    assert ledger.in_force() == ("settings", correction)
    ledger.live(600, 6)
    ledger.now_s += 60
    ledger.learner.look()
    made_by, moved = ledger.in_force()
    assert made_by == "absorbed"
    assert moved is not None
    assert moved.models["cheap"].slope == 0.9


def test_nothing_is_taken_in_where_that_is_switched_off(tmp_path: Path) -> None:
    with a_store(tmp_path), contextlib.closing(open_sqlite(tmp_path)) as store:
        ledger = Ledger(tmp_path, store, absorb=False)
        ledger.live(600, 7)
        ledger.now_s += 60
        ledger.learner.look()
        ledger.learner.close()
        assert ledger.in_force() == ("settings", None)
        assert read_status(tmp_path).outcomes == 600


def test_a_refit_is_begun_once_for_its_slot_and_its_end_is_heard_of(tmp_path: Path) -> None:
    with a_store(tmp_path) as control, contextlib.closing(open_sqlite(tmp_path)) as store:
        ledger = Ledger(tmp_path, store, absorb=False, refit_s=86_400.0, least=100)
        ledger.live(200, 8)
        ledger.now_s += 60
        ledger.learner.look()
        (begun,) = control.snapshot().refits
        assert (begun.slot, begun.state) == (slot_of(ledger.now_s, 86_400.0), "running")
        other = Learner(ledger.settings, ControlPlace(tmp_path), store, {}, lambda: ledger.now_s)
        other.look()
        assert len(control.snapshot().refits) == 1
        other.close()
        ledger.learner.close()


def test_a_refit_that_fails_says_what_it_said_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with a_store(tmp_path) as control:
        with at(control) as book:
            book.put("refit", "s", Refit("s", "", 0.0), "start")
        failing = tmp_path / "python"
        failing.write_text("#!/bin/sh\ncat > /dev/null\necho 'failed: the ledger is away' >&2\nexit 1\n")
        failing.chmod(0o755)
        monkeypatch.setattr(sys, "executable", str(failing))
        refitter = Refitter({"PATH": "/usr/bin:/bin"})
        with contextlib.closing(open_sqlite(tmp_path)) as store:
            refitter.start(Order(Ledger(tmp_path, store).settings, "s"))
        place = ControlPlace(tmp_path)
        while refitter.is_running:
            refitter.look(place, 5.0)
        (failed,) = control.snapshot().refits
        assert (failed.state, failed.why, failed.ended_s) == ("failed", "failed: the ledger is away", 5.0)


def test_a_defect_is_logged_and_the_control_process_goes_on(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("of a test")

    monkeypatch.setattr("entrepot.control.learning.fit_correction", broken)
    ledger.live(100, 9)
    ledger.now_s += 60
    ledger.learner.look()
    assert "the router stays as it is" in caplog.text
    assert ledger.in_force() == ("settings", None)
