"""A refit over a ledger: what came of it is written down, and put in force where it is better and that is wanted."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.control.learning import Order
from entrepot.control.objects import Refit
from entrepot.control.routers import running_in, version_of_file
from entrepot.ledger.sqlite import open_sqlite
from entrepot.refitting import main, refit_router
from tests.control.books import a_store
from tests.control.lived_ledger import Ledger
from tests.learning.fitted import an_artifact


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with a_store(tmp_path), contextlib.closing(open_sqlite(tmp_path)) as store:
        made = Ledger(tmp_path, store, last_days=3650)
        yield made
        made.learner.close()


def kept(ledger: Ledger) -> tuple[str, tuple[Refit, ...]]:
    with a_store(ledger.directory) as control:
        snapshot = control.snapshot()
        return running_in(snapshot, an_artifact()).version.name, snapshot.refits


def test_a_better_candidate_is_put_in_force_and_says_why(ledger: Ledger) -> None:
    ledger.live(3000, 1)
    steps: list[str] = []
    done = refit_router(Order(ledger.settings, "a slot"), {}, promote=True, step=steps.append)
    assert done.state == "promoted", done.why
    assert done.candidate is not None
    assert kept(ledger) == (done.candidate.name, (done,))
    assert (done.earlier, done.later, done.candidate.made_by) == (1800, 1200, "refit")
    assert done.candidate.evaluation == done.why
    assert done.difference is not None
    assert done.difference[1] > 0
    assert steps[0] == "reading live outcomes"


def test_it_is_only_told_where_people_promote(ledger: Ledger) -> None:
    ledger.live(3000, 1)
    done = refit_router(Order(ledger.settings, "a slot"), {}, promote=False)
    assert (done.state, done.why.endswith("; promoting is left to people")) == ("not promoted", True)
    assert kept(ledger) == (version_of_file(an_artifact()).name, (done,))


def test_too_few_outcomes_are_told(ledger: Ledger) -> None:
    ledger.live(50, 2)
    done = refit_router(Order(ledger.settings, "a slot"), {}, promote=True)
    assert (done.state, done.why) == ("not promoted", "50 outcomes are too few; a refit wants 400")


def test_the_process_takes_its_order_from_its_input_and_says_what_failed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("os.nice", lambda _by: 0)
    ledger.live(50, 3)
    for settings, status in ((ledger.settings, 0), (msgspec.structs.replace(ledger.settings, router="/nowhere"), 1)):
        given = io.TextIOWrapper(io.BytesIO(msgspec.msgpack.encode(Order(settings, "s"))))
        monkeypatch.setattr(sys, "stdin", given)
        assert main() == status
    assert "failed: the router /nowhere cannot be read" in capsys.readouterr().err
    assert [one.slot for one in kept(ledger)[1]] == ["s"]
