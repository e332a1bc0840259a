"""Under unchanged facts every decision comes out as it was written down."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Facts, Rule, When
from entrepot.reports.scenario.compare import Replay, Segment
from entrepot.routing.explore import Exploration
from entrepot.routing.utility import Goal
from tests.reports.scenario.office import DEAR, IDS, Office, auto

goals = st.one_of(
    st.builds(
        Goal, max_loss=st.sampled_from([0.0, 0.02, 0.1, 0.3]), max_cost_usd=st.none() | st.sampled_from([0.0005, 0.01])
    ),
    st.builds(Goal, max_loss=st.sampled_from([0.02, 0.1]), each_request=st.just(True)),
    st.builds(Goal, max_loss=st.just(0.1), confidence=st.just(0.9)),
    st.builds(
        Goal, st.just("weighted"), worth_usd=st.sampled_from([0.001, 0.05]), max_cost_usd=st.none() | st.just(0.002)
    ),
    st.builds(Goal, st.just("best_under"), max_cost_usd=st.sampled_from([0.0001, 0.002])),
)
routes = st.builds(
    auto,
    goals,
    baseline=st.none() | st.just(DEAR.id),
    holdout=st.sampled_from([0.0, 0.3]),
    explore=st.none() | st.builds(Exploration, share=st.just(0.3)),
    sessions=st.booleans(),
)
rules = st.lists(
    st.builds(
        Rule,
        st.sampled_from(["a", "b"]),
        st.builds(When, teams=st.sampled_from([(), ("legal",)]), tags=st.sampled_from([(), ("secret",)])),
        deny=st.none() | st.builds(Facts, provider_country=st.sampled_from([("CN",), ("US",)])),
        prefer=st.none() | st.builds(Facts, maker_country=st.sampled_from([("CN",), ("US",)])),
    ),
    max_size=2,
    unique_by=lambda rule: rule.name,
)
asked = st.fixed_dictionaries(
    {
        "text": st.integers(0, 99).map(str),
        "team": st.sampled_from(["sales", "legal"]),
        "tags": st.sampled_from([(), ("secret",)]),
        "model": st.sampled_from(["auto", "auto", "auto", "flash", *IDS]),
        "talk": st.sampled_from([(), (), ("7", "an answer"), ("7", "an answer", "8", "another")]),
        "steering": st.sampled_from([None, None, Steering(max_loss=0.01), Steering(max_cost_usd=0.001)]),
        "max_output_tokens": st.sampled_from([None, 300]),
        "n": st.sampled_from([1, 1, 2]),
        "fails": st.sampled_from([False, False, False, True]),
    }
)


def test_a_quiet_day_comes_out_as_it_was() -> None:
    office = Office()
    for number in range(200):
        office.ask(str(number))
    comparison = Replay(office.decisions, office.today).compare([Segment(office.today)])
    assert (comparison.decisions, comparison.recorded, comparison.changed) == (200, 200, 0)
    assert len(comparison.today.by_model) > 1
    assert comparison.today.cost_usd == pytest.approx(comparison.recorded_usd, rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(routes, rules, st.lists(asked, min_size=1, max_size=25))
def test_under_unchanged_facts_every_decision_comes_out_as_it_was(
    route: Any, in_force: list[Rule], requests: list[dict[str, Any]]
) -> None:
    office = Office(route, in_force)
    for request in requests:
        office.ask(**request)
    if not office.entries:
        return
    comparison = Replay(office.decisions, office.today).compare([Segment(office.today)])
    assert (comparison.decisions, comparison.recorded, comparison.changed) == (
        len(office.entries),
        len(office.entries),
        0,
    )
    assert comparison.today.cost_usd == pytest.approx(comparison.recorded_usd, rel=1e-9, abs=1e-8)
