"""Trials as they are kept, and as the routes meet them."""

from __future__ import annotations

import msgspec
import pytest

from entrepot.control.trials import Terms, Trial, plan_stages, with_trials
from entrepot.exchange.plan import Route
from entrepot.routing.trial import Direction

COSTS = Terms(cost_ratio=1.0, saving=0.2, mean_usd=0.001, most_usd=0.01)


def a_trial(direction: Direction = "in", deployment: str = "new/model") -> Trial:
    return Trial("t", "auto", deployment, direction, "salt", COSTS, plan_stages(COSTS), 1.0, 0, 1.0)


def test_the_last_stage_must_show_quality_costs_and_errors_and_those_before_guard() -> None:
    stages = plan_stages(COSTS)
    assert [one.stage.name for one in stages] == ["1 %", "5 %", "20 %"]
    required = [[gate.name for gate in one.stage.gates if gate.required] for one in stages]
    assert required == [[], [], ["quality", "cost", "errors"]]
    assert {one.units for one in stages[:2]} == {COSTS.least}
    assert stages[-1].units > 5000
    without = plan_stages(msgspec.structs.replace(COSTS, cost_ratio=None))
    assert all(gate.name != "cost" for one in without for gate in one.stage.gates)


@pytest.mark.parametrize("terms", [{"shares": (0.2, 0.1)}, {"shares": (1.0,)}, {"saving": 0.0}, {"margin": 0.0}])
def test_what_cannot_be_planned_is_refused(terms: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        plan_stages(msgspec.structs.replace(COSTS, **terms))


def test_a_trial_is_read_as_it_was_written() -> None:
    trial = a_trial().went(5.0, "running", 1, "advanced to 5 %", "well")
    assert msgspec.json.decode(msgspec.json.encode(trial), type=Trial) == trial
    assert (trial.stage, trial.steps[-1].stage, trial.since_s) == ("5 %", "5 %", 5.0)


def test_a_route_is_given_what_is_tried_on_it_and_others_stay_as_they_are() -> None:
    routes = (Route("auto", ("old/model",)), Route("other", ("old/model",)))
    there = frozenset({"old/model", "new/model"})
    auto, other = with_trials(routes, [a_trial()], there)
    assert auto.candidates == ("old/model", "new/model")
    assert auto.trial is not None
    assert (auto.trial.added, auto.trial.share_of(0), auto.trial.share_of(3)) == (True, 0.01, 1.0)
    assert other is routes[1]
    assert with_trials(routes, [a_trial()], frozenset({"old/model"})) == routes
    assert with_trials(routes, [a_trial("out")], there) == routes
    (leaving,) = with_trials(routes[:1], [a_trial("out", "old/model")], there)
    assert leaving.candidates == ("old/model",)
    assert leaving.trial is not None
    assert not leaving.trial.added
