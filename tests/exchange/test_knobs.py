from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from entrepot.exchange.knobs import Workings, is_average
from entrepot.routing.utility import Goal
from tests.exchange.planners import Even
from tests.learning.test_recalibrate import Installation, remembered


@pytest.mark.parametrize(
    ("goal", "average"),
    [
        (Goal(), True),
        (Goal(each_request=True), False),
        (Goal("weighted", worth_usd=1.0), False),
        (Goal("best_under", max_cost_usd=1.0), False),
        (Goal("shares"), False),
    ],
)
def test_a_loss_allowed_on_average_is_the_only_goal_over_all_requests(
    tmp_path: Path, goal: Goal, average: bool
) -> None:
    assert is_average(goal) is average
    assert bool(Installation(tmp_path, goal=goal).choices.knobs) is average


def test_a_knob_is_about_its_router_route_and_models(tmp_path: Path) -> None:
    (past,) = Installation(tmp_path).choices.rehearse(0.0).values()
    about = past.about("a router")
    assert about == past.about("a router")
    others = (
        past.about("another router"),
        msgspec.structs.replace(past, route=msgspec.structs.replace(past.route, reference="cheap/小")).about(
            "a router"
        ),
        msgspec.structs.replace(past, deployments=past.deployments[:1]).about("a router"),
    )
    assert len({about, *others}) == 4


def test_prices_are_those_of_the_moment(tmp_path: Path) -> None:
    (past,) = Installation(tmp_path).choices.rehearse(0.0).values()
    assert past.prices == pytest.approx((5e-6, 25e-6, 1e-7, 4e-7))


def test_where_there_is_no_past_a_promise_is_refused_and_a_loss_is_a_bar(tmp_path: Path) -> None:
    (past,) = Installation(tmp_path).choices.rehearse(0.0).values()
    refused = past.on(None).compile()
    assert refused is not None
    assert refused.refused
    unpromised = Installation(tmp_path, remembered(40, 0), Goal(max_loss=0.05))
    (past,) = unpromised.choices.rehearse(0.0).values()
    assert past.compile() is not None
    assert past.on(None).compile() is None
    assert msgspec.structs.replace(past, deployments=past.deployments[1:]).compile() is None


def test_what_no_rule_changes_is_worked_out_once(tmp_path: Path) -> None:
    (past,) = Installation(tmp_path).choices.rehearse(0.0).values()
    workings = Workings()
    knob = workings.knob(past)
    assert knob is not None
    assert knob == past.compile()
    again = msgspec.structs.replace(past)
    assert workings.knob(again) is knob
    dearer = dict.fromkeys(past.tariffs, past.tariffs[past.deployments[0].id])
    moved = msgspec.structs.replace(past, tariffs=dearer)
    assert moved.prices != past.prices
    assert workings.knob(moved) is not knob
    router = Even()
    first = workings.bind(router, ("a", "b"), {})
    assert workings.bind(router, ("a", "b"), {}) is first
    assert workings.bind(router, ("a",), {}).models == ("a",)
