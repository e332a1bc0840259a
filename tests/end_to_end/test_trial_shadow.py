"""A trial from shadow to its end, unattended: real processes, stand-in providers, and clients who notice nothing."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from entrepot.control.sqlite import open_control
from entrepot.control.trial_start import build_trial, with_costs
from entrepot.control.trials import Terms, Trial
from entrepot.exchange.outcome_plan import OutcomePlan, SampledCheck
from entrepot.exchange.plan import Route
from entrepot.routing.validator import Validator
from entrepot.simulator.plan import AnswerKey, Plan, StandInModel, StandInProvider
from tests.end_to_end.test_trial import ME, entries, kept
from tests.end_to_end.world import (
    CHEAP,
    CHEAP_CNY,
    DEAR,
    PROVIDER_SECRET,
    World,
    eventually,
    settings_for,
    simulator_in_thread,
    world_of,
)

pytestmark = pytest.mark.end_to_end

QUESTION, RIGHT = "What does a crate of tea weigh here, in pounds?", "4711"
RUNNING, BAD, GOOD = "dear/large", "cheap/small", "yuan/middle"
RIGHT_ONES = SampledCheck("right", Validator(regex=RIGHT), share=1.0)
KNOWING = Plan(
    providers=(
        StandInProvider("cheap", (StandInModel("small", CHEAP, skill=-40.0),), key=PROVIDER_SECRET),
        StandInProvider("dear", (StandInModel("large", DEAR, skill=40.0),), key=PROVIDER_SECRET),
        StandInProvider("yuan", (StandInModel("middle", CHEAP_CNY, skill=40.0),), key=PROVIDER_SECRET),
    ),
    keys=(AnswerKey("tea", QUESTION, RIGHT),),
)
TERMS = Terms(
    margin=0.4, cost_ratio=1.0, saving=0.8, mean_usd=0.0005, most_usd=0.001, guard=0.3, slow=0.5, settle_s=0.0,
    shares=(0.4, 0.5), least=10, quality=0.9, compare="checks", shadow_share=1.0, shadow_margin=0.5, differing=0.1,
    shadow_usd_per_day=Decimal(1),
)  # fmt: skip


@contextlib.contextmanager
def on_trial(directory: Path, deployment: str) -> Iterator[World]:
    """An installation that counts nothing of its own, whose route has one candidate, and a trial of another that begins."""
    with simulator_in_thread(KNOWING) as simulator:
        route = Route("auto", (RUNNING,), max_output_tokens=200, outcomes=OutcomePlan(checks=(RIGHT_ONES,)))
        settings = settings_for(simulator, directory, routes=(route,))
        assert not settings.budgets
        (tried,) = (one for one in settings.deployments if one.id == deployment)
        with world_of(simulator, settings) as entrepot:
            terms = with_costs(TERMS, tried, None)
            trial = build_trial("new", settings, deployment, "auto", "in", terms, time.time())
            with open_control(directory) as store, store.change(ME, time.time_ns()) as book:
                book.put("trial", trial.name, trial, "start")
            yield entrepot


def ask(entrepot: World, number: int) -> str:
    """A conversation of a user, who is answered rightly whoever answers; who did."""
    status, headers, answer = entrepot.chat("auto", QUESTION, headers={"x_entrepot_session": f"talk {number}"})
    assert status == 200
    assert RIGHT in json.dumps(answer)
    return headers["x-entrepot-deployment"]


def run_while(entrepot: World, standing: str, number: int) -> tuple[Trial, set[str], set[str]]:
    """Users come and go while the trial stands so; who answered in its stage `number`, and who afterwards."""
    during, after = set[str](), set[str]()
    for talk in range(4000):
        at = kept(entrepot)
        if at.standing != standing:
            return at, during, after
        (during if at.number == number else after).update([ask(entrepot, talk)])
    raise AssertionError(kept(entrepot).steps)


def shadow_calls(entrepot: World) -> int:
    return sum(one.shadow is not None for one in entries(entrepot))


def test_a_good_model_goes_from_shadow_to_full_and_nobody_is_given_to_it_before_its_pairs_let_it_up(
    tmp_path: Path,
) -> None:
    with on_trial(tmp_path / "ledger", GOOD) as entrepot:
        over, _, after = run_while(entrepot, "running", 0)
        assert [step.what for step in over.steps] == [
            "started", "advanced to 40 %", "advanced to 50 %", "advanced to full",
        ]  # fmt: skip
        assert "quality passed" in over.steps[1].why
        assert after == {RUNNING, GOOD}
        advanced_ns = over.steps[1].at_s * 1_000_000_000
        told = entries(entrepot)
        clients = [one for one in told if one.shadow is None and one.served is not None]
        before = {one.served.deployment for one in clients if one.started_ns < advanced_ns and one.served is not None}
        assert before == {RUNNING}
        shadows = [one for one in told if one.shadow is not None]
        assert len(shadows) >= over.stages[0].units
        for one in shadows:
            assert one.shadow is not None
            assert (one.shadow.trial, one.shadow.stage, one.shadow.sent_by) == ("new", 0, RUNNING)
            assert (one.key, one.trial) == ("shadow", None)
        in_arms = [one for one in clients if one.trial is not None and one.served is not None]
        assert {one.trial.number for one in in_arms if one.trial is not None} >= {1, 2}
        for one in in_arms:
            assert one.trial is not None
            assert one.served is not None
            assert (one.trial.arm == "new") == (one.served.deployment == GOOD)


def test_a_bad_model_is_rolled_back_in_shadow_and_no_client_ever_got_its_answer(tmp_path: Path) -> None:
    with on_trial(tmp_path / "ledger", BAD) as entrepot:
        over, during, after = run_while(entrepot, "running", 0)
        assert [step.what for step in over.steps] == ["started", "rolled back"]
        assert (over.standing, over.number) == ("rolled back", 0)
        assert over.steps[-1].why.startswith("quality failed")
        assert (during, after) == ({RUNNING}, set())

        def is_asked_no_more() -> bool:
            seen = shadow_calls(entrepot)
            answered = {ask(entrepot, number) for number in range(10_000, 10_010)}
            assert answered == {RUNNING}
            return shadow_calls(entrepot) == seen

        assert eventually(is_asked_no_more, 20)
        with open_control(entrepot.directory) as store, store.change(ME, time.time_ns()) as book:
            book.remove("trial", "new", "stop")
        assert ask(entrepot, 20_000) == RUNNING


def test_what_it_may_cost_in_a_day_holds_though_nothing_else_is_counted(tmp_path: Path) -> None:
    poor = msgspec.structs.replace(TERMS, shadow_usd_per_day=Decimal("0.000000001"))
    with simulator_in_thread(KNOWING) as simulator:
        route = Route("auto", (RUNNING,), max_output_tokens=200, outcomes=OutcomePlan(checks=(RIGHT_ONES,)))
        settings = settings_for(simulator, tmp_path / "ledger", routes=(route,))
        with world_of(simulator, settings) as entrepot:
            trial = build_trial("new", settings, GOOD, "auto", "in", poor, time.time())
            with open_control(entrepot.directory) as store, store.change(ME, time.time_ns()) as book:
                book.put("trial", trial.name, trial, "start")

            def is_refused() -> bool:
                assert ask(entrepot, time.monotonic_ns()) == RUNNING
                page = entrepot.request("//metrics", key=None)[2]
                return b'entrepot_shadows_total{result="not_let_in"}' in page

            assert eventually(is_refused, 20)
            assert shadow_calls(entrepot) == 0
