"""From a request to a plan: nobody who is denied is in it, and the holdout's lot is fair, steady and told."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Request, Text
from entrepot.catalog.schema import Deployment
from entrepot.errors import Forbidden
from entrepot.exchange.choices import Choices
from entrepot.exchange.circumstance import Seen
from entrepot.exchange.plan import Deadlines, Plan, Route, Strategy
from entrepot.exchange.planning import Considered, Planner
from entrepot.exchange.steadying import draw
from entrepot.exchange.steering import Steering
from entrepot.policy.eligibility import eligible
from entrepot.policy.judgement import object_to
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.routing.base import Estimates, ModelFacts, Outcomes, Prompt
from entrepot.routing.utility import Goal
from tests.exchange.planners import (
    ALICE,
    DEPLOYMENTS,
    DIALECT,
    IDS,
    a_planner,
    a_request,
    considered,
)
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

countries = st.sampled_from(["CN", "US", "FR", "DE", "EU"])
facts = st.builds(Facts, provider_country=st.none() | st.lists(countries, min_size=1, max_size=2).map(tuple))
tags = st.sampled_from(["t0", "t1", "t2"])
rules = st.builds(
    Rule,
    st.text("abc", min_size=1, max_size=3),
    st.builds(When, tags=st.lists(tags, max_size=2).map(tuple)),
    require=st.none() | facts,
    deny=st.none() | facts,
)


@settings(deadline=None)
@given(st.lists(rules, max_size=4), st.frozensets(tags), st.sampled_from(["auto", "large", *IDS]), st.floats(0, 0.5))
def test_no_plan_holds_a_deployment_that_a_rule_denies(
    in_force: list[Rule], asked_tags: frozenset[str], model: str, holdout: float
) -> None:
    route = Route("auto", IDS, Goal(max_loss=1.0), reference="dear/large", baseline="dear/large", holdout=holdout)
    planner = a_planner(routes=[route], rules=in_force)
    body = f'{{"model": "{model}", "messages": [{{"role": "user", "content": "x"}}]}}'.encode()
    asked = DIALECT.parse_request(body)
    plan = planner.plan(asked, DIALECT, ALICE, Steering(tags=asked_tags), id="1", started_ns=0, started_s=0.0)
    applying = [rule for rule in in_force if not rule.when.tags or (ALICE.tags | asked_tags) & set(rule.when.tags)]
    if isinstance(plan, Plan):
        assert plan.candidates
        for candidate in plan.candidates:
            assert [object_to(candidate.deployment, rule) for rule in applying] == [None] * len(applying)
    else:
        behind = [one for one in DEPLOYMENTS if model in ("auto", one.id, one.model)]
        assert all(any(object_to(one, rule) for rule in applying) for one in behind)


def held_out(share: float, count: int, **steering: Any) -> list[Considered]:
    route = Route("auto", IDS, Goal(max_loss=1.0), reference="dear/large", baseline="dear/large", holdout=share)
    planner = a_planner(routes=[route])
    return [considered(planner, id_=f"exchange-{number}", **steering) for number in range(count)]


def test_the_holdout_takes_its_share() -> None:
    drawn = sum(one.decision.displaced is not None for one in held_out(0.2, 2000))
    # five standard deviations of a binomial: sqrt(2000 * 0.2 * 0.8) is 18
    assert 400 - 90 < drawn < 400 + 90


def test_what_is_drawn_for_the_holdout_is_answered_by_the_baseline_alone() -> None:
    several = Strategy("agreement")
    for max_loss in (0.0, 1.0):  # the baseline is the goal's own choice, and is not
        route = Route("auto", IDS, Goal(max_loss=max_loss), "dear/large", "dear/large", holdout=0.5, strategy=several)
        planner = a_planner(routes=[route])
        for number in range(40):
            one = considered(planner, id_=f"exchange-{number}")
            drawn = draw(f"auto\nexchange-{number}") < 0.5
            assert (one.cascade is None) == drawn
            assert not drawn or one.decision.chosen == "dear/large"


def test_a_session_is_drawn_as_one() -> None:
    for session in ("s1", "s2", "会话", "s4", "s5"):
        assert len({one.decision.order for one in held_out(0.5, 20, session=session)}) == 1
    assert len({held_out(0.5, 1, session=f"s{n}")[0].decision.order for n in range(20)}) == 2


@given(st.floats(0, 1, exclude_max=True))
@settings(deadline=None, max_examples=20)
def test_propensities_sum_to_one_and_name_the_lots_share(share: float) -> None:
    for one in held_out(share, 3):
        by_id = {weighed.deployment: weighed.propensity for weighed in one.decision.candidates}
        assert sum(by_id.values()) == pytest.approx(1.0)
        assert by_id["dear/large"] == pytest.approx(share)


def test_a_draw_is_even() -> None:
    drawn = [draw(str(number)) for number in range(1000)]
    assert all(0 <= one < 1 for one in drawn)
    assert 0.45 < sum(drawn) / len(drawn) < 0.55
    assert draw("x") == draw("x")


def test_a_request_lowers_the_cost_it_may_have_and_never_raises_it() -> None:
    route = Route("auto", IDS, Goal("best_under", max_cost_usd=0.5))
    planner = a_planner(routes=[route])
    for asked, expected in ((0.1, 0.1), (0.9, 0.5), (None, 0.5)):
        goal = considered(planner, max_cost_usd=asked).decision.goal
        assert goal is not None
        assert goal.max_cost_usd == expected


def test_the_baseline_is_planned_with_what_it_would_write() -> None:
    baseline = considered(a_planner()).baseline
    assert baseline is not None
    assert baseline.candidate.deployment.id == "dear/large"
    assert baseline.output_tokens > 0
    assert considered(a_planner(), a_request("large")).baseline is None


def test_what_is_shared_out_is_drawn_by_the_session_and_in_the_end_as_often_as_was_said() -> None:
    route = Route("实验", IDS, Goal("shares", shares=(("cheap/small", 0.25), ("dear/large", 0.75))))
    planner = a_planner(routes=[route])
    chosen = []
    for number in range(400):
        one = considered(planner, a_request("实验"), id_=str(number), session=None).decision
        assert {w.deployment: w.propensity for w in one.candidates if w.propensity} == {
            "cheap/small": 0.25,
            "dear/large": 0.75,
        }
        chosen.append(one.chosen)
    assert 0.2 < chosen.count("cheap/small") / 400 < 0.3
    together = {considered(planner, a_request("实验"), id_=str(n), session="s").decision.chosen for n in range(20)}
    assert len(together) == 1


def test_a_route_over_a_router_that_remembers_nothing_refuses_to_promise() -> None:
    route = Route("auto", IDS, Goal(max_loss=0.5, confidence=0.9), reference="dear/large")
    decision = considered(a_planner(routes=[route])).decision
    assert decision.chosen == "dear/large"
    assert decision.promise is not None
    assert "because there are no outcomes of the reference and others" in decision.promise
    assert "everything goes to dear/large" in decision.promise
    narrowed = considered(a_planner(routes=[route]), max_loss=0.9).decision
    assert narrowed.promise is not None
    assert narrowed.promise.startswith("nothing: ")


ANYONE = Principal()
NO_STEERING = Steering()


class FixedRouter:
    """Says the same of every prompt: P(correct) and output tokens by model."""

    version = "fixed"
    models: tuple[str, ...] = ()

    def __init__(self, known: Mapping[str, tuple[float, float]]) -> None:
        self.known = known

    def fit(self, outcomes: Outcomes) -> FixedRouter:
        return self

    def partial_fit(self, outcomes: Outcomes) -> FixedRouter:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> FixedRouter:
        bound = FixedRouter(self.known)
        bound.models = tuple(models)
        return bound

    def predict(self, prompt: Prompt) -> Estimates:
        p_correct, tokens = zip(*(self.known[model] for model in self.models), strict=True)
        return Estimates(
            models=self.models,
            p_correct=np.array(p_correct, np.float32),
            p_error=np.full(len(self.models), 0.01, np.float32),
            output_tokens=np.array(tokens, np.float32),
            log_error=np.full(len(self.models), 0.5, np.float32),
            basis=tuple("outcomes" for _ in self.models),
        )


KNOWN = {"small": (0.6, 400.0), "middling": (0.8, 400.0), "large": (0.9, 400.0)}
SMALL = a_deployment("cn/small", region="CN", price=a_price("0.1", "0.4"))
MIDDLING = a_deployment("eu/middling", region="EU", price=a_price("1", "4"))
LARGE = a_deployment("us/large", region="US", maker_country="US", price=a_price("5", "20"))
ALL = (SMALL, MIDDLING, LARGE)
BY_PRICE = Route("auto", ("cn/small", "eu/middling", "us/large"), Goal(max_loss=0.15), "us/large", "us/large")


def planner(
    deployments: Sequence[Deployment] = ALL, routes: Sequence[Route] = (BY_PRICE,), rules: Sequence[Rule] = ()
) -> Planner:
    return Planner(
        Choices(
            deployments=deployments,
            routes=routes,
            rules=rules,
            exchange_rates=an_exchange_rate(),
            dialects={DIALECT.name: DIALECT},
            router=FixedRouter(KNOWN),
            facts={},
        ),
        Deadlines(),
    )


def ask(text: str = "Why?", model: str = "auto", **more: int) -> Request:
    return Request(model=model, messages=(Message("user", (Text(text),)),), **more)  # type: ignore[arg-type] # whole numbers


def decided(
    by: Planner, request: Request, steering: Steering = NO_STEERING, principal: Principal = ANYONE, id: str = "x"
) -> Considered:
    found = by.consider(request, principal, steering, id)
    assert isinstance(found, Considered)
    return found


def test_what_the_baseline_may_write_is_bounded_by_the_request() -> None:
    found = decided(planner(), ask(max_output_tokens=16))
    assert found.baseline is not None
    assert found.baseline.output_tokens == 16
    assert {weighed.output_tokens for weighed in found.decision.candidates} == {16}


def test_the_limit_of_a_route_bounds_what_a_client_leaves_open() -> None:
    by = planner(routes=[Route("auto", BY_PRICE.candidates, baseline="us/large", max_output_tokens=100)])
    for asked, tokens in ((None, 100), (300, 300)):
        request = ask() if asked is None else ask(max_output_tokens=asked)
        found = decided(by, request).baseline
        assert found is not None
        assert found.output_tokens == tokens


def test_several_answers_are_several_times_as_long() -> None:
    found = decided(planner(), ask(n=3, max_output_tokens=100))
    assert found.baseline is not None
    assert found.baseline.output_tokens == 300


def test_a_bound_on_cost_that_a_client_asks_for_is_kept_on_a_route_with_a_quality_floor() -> None:
    by = planner()
    assert decided(by, ask()).decision.chosen == "eu/middling"
    assert decided(by, ask(), Steering(max_cost_usd=0.001)).decision.chosen == "cn/small"


def test_a_client_that_names_a_quality_does_not_lift_the_routes_bound_on_cost() -> None:
    bounded = Route("auto", BY_PRICE.candidates, Goal(kind="best_under", max_cost_usd=0.005), reference="us/large")
    by = planner(routes=[bounded])
    assert decided(by, ask()).decision.chosen == "eu/middling"
    assert decided(by, ask(), Steering(max_loss=0.0)).decision.chosen == "eu/middling"
    assert decided(by, ask(), Steering(max_cost_usd=5.0)).decision.chosen == "eu/middling"


def test_the_lot_is_drawn_by_session_or_by_exchange() -> None:
    by = planner(routes=[Route("auto", BY_PRICE.candidates, Goal(max_loss=0.5), baseline="us/large", holdout=0.5)])
    by_session = {decided(by, ask(), Steering(session="s"), id=str(number)).decision.chosen for number in range(20)}
    assert len(by_session) == 1
    by_exchange = [decided(by, ask(), id=str(number)).decision.chosen for number in range(400)]
    assert set(by_exchange) == {"cn/small", "us/large"}
    assert 150 < by_exchange.count("us/large") < 250
    assert 0 <= draw("x") < 1


@pytest.mark.parametrize("share", [0.25, 1.0])
def test_a_decision_that_is_only_explained_draws_no_lot(share: float) -> None:
    by = planner(routes=[Route("auto", BY_PRICE.candidates, Goal(max_loss=0.5), baseline="us/large", holdout=share)])
    found = by.consider(ask(), ANYONE, NO_STEERING, None)
    assert isinstance(found, Considered)
    assert (found.decision.chosen, found.decision.displaced) == ("cn/small", None)
    (chance,) = (one.propensity for one in found.decision.candidates if one.deployment == "us/large")
    assert chance == share


def test_an_unknown_price_follows_the_known_ones_where_a_model_is_asked_for_by_name() -> None:
    hosts = [
        a_deployment("dear/small", price=a_price("9", "9")),
        a_deployment("unpriced/small", price=None),
        a_deployment("yuan/small", price=a_price("9", "9", currency="CNY")),
    ]
    found = decided(planner(hosts, []), ask(model="small"))
    assert found.decision.order == ("yuan/small", "dear/small", "unpriced/small")
    assert found.baseline is None


REGIONS = ("CN", "DE", "EU", "US", "GLOBAL", "LOCAL", "unknown")
WORDS = st.lists(st.sampled_from(("CN", "DE", "EU", "US", "LOCAL")), min_size=1, max_size=2).map(tuple)
FACTS = st.builds(Facts, region=WORDS, maker_country=st.none() | WORDS)
RULES = st.lists(
    st.builds(
        Rule,
        st.just("r"),
        st.builds(When, st.lists(st.sampled_from(("a", "B", "丙")), max_size=2).map(tuple)),
        st.none() | FACTS,
        st.none() | FACTS,
    ),
    max_size=3,
)


@given(
    regions=st.lists(st.sampled_from(REGIONS), min_size=3, max_size=3),
    rules=RULES,
    tags=st.frozensets(st.sampled_from(("a", "A", "b", "丙"))),
    own=st.frozensets(st.sampled_from(("a", "b", "丙"))),
    name=st.sampled_from(("auto", "large", "us/large")),
    holdout=st.sampled_from((0.0, 0.5, 1.0)),
    max_cost_usd=st.none() | st.floats(0, 0.05),
)
def test_no_attempt_can_reach_what_a_rule_denies_neither_by_failover_nor_by_lot(
    regions: list[str],
    rules: list[Rule],
    tags: frozenset[str],
    own: frozenset[str],
    name: str,
    holdout: float,
    max_cost_usd: float | None,
) -> None:
    placed = [
        a_deployment(one.id, region=region, maker_country=one.maker_country, price=one.price)
        for one, region in zip(ALL, regions, strict=True)
    ]
    route = Route("auto", BY_PRICE.candidates, BY_PRICE.goal, "us/large", "us/large", holdout=holdout)
    body = {"model": name, "messages": [{"role": "user", "content": "Why?"}]}
    found = planner(placed, [route], rules).plan(
        DIALECT.parse_request(json.dumps(body).encode()),
        DIALECT,
        Principal("k", None, own),
        Steering(tags=tags, max_cost_usd=max_cost_usd),
        id="x",
        started_ns=0,
        started_s=0,
    )
    behind = placed if name == "auto" else [one for one in placed if name in (one.id, one.model)]
    allowed = eligible(behind, rules, Principal("k", None, own | tags)).allowed
    if isinstance(found, Plan):
        assert {candidate.deployment for candidate in found.candidates} == set(allowed)
        assert len(found.candidates) == len(allowed)
    else:
        assert allowed == ()
        assert isinstance(found.error, Forbidden)


def test_a_plan_tells_the_language_where_the_client_is_and_the_lot() -> None:
    route = Route("auto", IDS, Goal(max_loss=1.0), "dear/large", "dear/large", holdout=0.5)
    planner = a_planner(routes=[route])
    body = {"model": "auto", "messages": [{"role": "user", "content": "请总结这份报告，并列出三个要点。"}]}
    asked = DIALECT.parse_request(msgspec.json.encode(body))
    plans = [
        planner.plan(asked, DIALECT, ALICE, Steering(), id=str(n), started_ns=0, started_s=0.0, seen=Seen(region="SG"))
        for n in range(40)
    ]
    drawn = 0
    for plan in plans:
        assert isinstance(plan, Plan)
        assert (plan.language, plan.client_region) == ("zh", "SG")
        assert plan.lot is not None
        assert plan.lot.drawn == (plan.decision.chosen == "dear/large")
        drawn += plan.lot.drawn
    assert 0 < drawn < 40
    assert len({plan.lot.unit for plan in plans if isinstance(plan, Plan) and plan.lot is not None}) == 40
