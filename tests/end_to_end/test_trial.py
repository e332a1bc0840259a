"""A trial from its first stage to its end, unattended: real processes, stand-in providers, and clients who notice nothing."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from entrepot.control.objects import Snapshot
from entrepot.control.sqlite import open_control, open_control_reader
from entrepot.control.store import Actor
from entrepot.control.trial_start import build_trial, with_costs
from entrepot.control.trials import Terms, Trial
from entrepot.exchange.plan import Route
from entrepot.exchange.records import Entry
from entrepot.ledger.sqlite import open_sqlite_reader
from entrepot.policy.rules import Facts, Rule, When
from tests.end_to_end.world import (
    PLAN,
    PUBLIC_SECTOR_KEY,
    World,
    eventually,
    settings_for,
    simulator_in_thread,
    world_of,
)

pytestmark = pytest.mark.end_to_end

NEW, RUNNING = "yuan/middle", "dear/large"
TERMS = Terms(
    margin=0.4, cost_ratio=1.0, saving=0.8, mean_usd=0.0005, most_usd=0.001, guard=0.3, slow=0.5, settle_s=0.0,
    shares=(0.4, 0.5), least=10, quality=0.9,
)  # fmt: skip
ME = Actor("tester", "command line")


@contextlib.contextmanager
def on_trial(directory: Path) -> Iterator[tuple[World, Trial]]:
    """An installation whose route has one candidate, and a trial of another deployment that begins."""
    with simulator_in_thread(PLAN) as simulator:
        route = Route("auto", (RUNNING,), reference=RUNNING, baseline=RUNNING)
        only_us = Rule("only US", When(tags=("public-sector",)), require=Facts(region=("US",)))
        settings = settings_for(simulator, directory, routes=(route,), rules=(only_us,))
        (deployment,) = (one for one in settings.deployments if one.id == NEW)
        terms = with_costs(TERMS, deployment, None)
        with world_of(simulator, settings) as entrepot:
            trial = build_trial("middle", settings, NEW, "auto", "in", terms, time.time())
            with open_control(directory) as store, store.change(ME, time.time_ns()) as book:
                book.put("trial", trial.name, trial, "start")
            assert eventually(lambda: served(entrepot, "are you on trial yet") == NEW, 20)
            yield entrepot, trial


def served(entrepot: World, text: str) -> str:
    """Who answered a new conversation."""
    status, headers, _ = entrepot.chat("auto", text)
    assert status == 200
    return headers["x-entrepot-deployment"]


def kept(entrepot: World) -> Trial:
    """The trial as it is kept now."""
    with open_control_reader(entrepot.directory) as store:
        (found,) = store.snapshot().trials
    return found


def live(entrepot: World, number: int, quality: dict[str, float]) -> None:
    """A conversation of a user who says what came of it."""
    status, headers, _ = entrepot.chat("auto", f"question {number}")
    assert status == 200
    score = quality[headers["x-entrepot-deployment"]]
    said = json.dumps({"exchange": headers["x-entrepot-exchange"], "score": score})
    assert entrepot.request("/feedback", said.encode())[0] in (200, 201, 202)


def run_until_over(entrepot: World, quality: dict[str, float]) -> Trial:
    """Users come and go until the trial is over; each of their requests is answered."""
    for number in range(4000):
        live(entrepot, number, quality)
        if number % 50 == 49 and kept(entrepot).standing != "running":
            return kept(entrepot)
    raise AssertionError(kept(entrepot).steps)


def entries(entrepot: World) -> list[Entry]:
    with open_sqlite_reader(entrepot.directory) as reader:
        return [msgspec.msgpack.decode(document, type=Entry) for document in reader.documents()]


def test_a_good_model_goes_to_full_and_sessions_stay_in_their_arm(tmp_path: Path) -> None:
    with on_trial(tmp_path / "ledger") as (entrepot, trial):
        turns = {number: [{"role": "user", "content": f"a longer talk, {number}"}] for number in range(12)}
        begun = {}
        for number, messages in turns.items():
            _, headers, answer = entrepot.chat("auto", messages=messages)
            begun[number] = headers["x-entrepot-deployment"]
            messages += [answer["choices"][0]["message"], {"role": "user", "content": "and then?"}]
        assert set(begun.values()) == {NEW, RUNNING}

        over = run_until_over(entrepot, {NEW: 1.0, RUNNING: 1.0})
        assert [step.what for step in over.steps] == ["started", "advanced to 50 %", "advanced to full"]
        assert over.standing == "full"
        assert "quality passed" in over.steps[-1].why
        assert "cost passed" in over.steps[-1].why
        assert over.stages == trial.stages
        assert eventually(lambda: all(served(entrepot, f"after all {n} {time.time_ns()}") == NEW for n in range(5)), 20)

        for number, messages in turns.items():
            assert entrepot.chat("auto", messages=messages)[1]["x-entrepot-deployment"] == begun[number]
        _, headers, _ = entrepot.chat("auto", "for an authority", key=PUBLIC_SECTOR_KEY)
        assert headers["x-entrepot-deployment"] == RUNNING

        assert eventually(lambda: sum(one.trial is not None for one in entries(entrepot)) > 100)
        tried = [one for one in entries(entrepot) if one.trial is not None and one.served is not None]
        for one in tried:
            assert one.trial is not None
            assert one.served is not None
            assert (one.trial.arm == "new") == (one.served.deployment == NEW)
            assert one.trial.propensity == {0: 0.4, 1: 0.5, 2: 1.0}[one.trial.number]
        with open_control(entrepot.directory) as store, store.change(ME, time.time_ns()) as book:
            book.remove("trial", "middle", "stop")
        assert eventually(lambda: served(entrepot, f"stopped {time.time_ns()}") == RUNNING, 20)
        with open_control_reader(entrepot.directory) as store:
            assert store.snapshot().trials == Snapshot().trials
            assert [change.action for change in store.changes(kind="trial")] == [
                "stop", "advanced to full", "advanced to 50 %", "start",
            ]  # fmt: skip


def test_a_bad_model_is_rolled_back_and_nobody_is_asked_again(tmp_path: Path) -> None:
    with on_trial(tmp_path / "ledger") as (entrepot, _):
        over = run_until_over(entrepot, {NEW: 0.0, RUNNING: 1.0})
        assert over.standing == "rolled back"
        assert over.steps[-1].what == "rolled back"
        assert over.steps[-1].why.startswith("quality failed")
        assert eventually(
            lambda: all(served(entrepot, f"after {n} {time.time_ns()}") == RUNNING for n in range(20)), 20
        )
