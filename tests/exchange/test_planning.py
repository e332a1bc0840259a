"""From a request to a plan: nobody who is denied is in it, and the holdout's lot is fair, steady and told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Request, Text, Tool
from entrepot.catalog.schema import Deployment
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.errors import CatalogError, Forbidden, InvalidRequest, NotFound
from entrepot.exchange.plan import Deadlines, Plan, Route
from entrepot.exchange.planning import Considered, Planner, Refusal, Steering, draw
from entrepot.policy.judgement import object_to
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.routing.base import Basis, Estimates, ModelFacts, Prompt
from entrepot.routing.utility import Goal
from tests.exchange.things import a_deployment, a_price, an_exchange_rate

DIALECT = OpenAIChat()
ALICE = Principal(key="alice", team="red", tags=frozenset({"t0"}))
DEPLOYMENTS = (
    a_deployment("cheap/small", provider_country="CN", price=a_price("0.1", "0.4")),
    a_deployment("dear/large", provider_country="US", price=a_price("5", "25")),
    a_deployment("other/large", provider_country="FR", price=a_price("4", "20")),
    a_deployment("home/通义", provider_country="DE", price=None, on_premises=True),
)
IDS = tuple(deployment.id for deployment in DEPLOYMENTS)
AUTO = Route("auto", IDS, Goal(max_loss=1.0), reference="dear/large", baseline="dear/large")


class Even:
    """Holds every model to be as good as any other."""

    version = "test/even"

    def __init__(self, models: Sequence[str] = ()) -> None:
        self.models = tuple(models)

    def fit(self, outcomes: object) -> Even:
        return self

    def bind(self, models: Sequence[str], facts: Mapping[str, ModelFacts]) -> Even:
        return Even(models)

    def predict(self, prompt: Prompt) -> Estimates:
        ones = np.ones(len(self.models), np.float32)
        prior: Basis = "prior"
        return Estimates(self.models, 0.5 * ones, 0.1 * ones, 100 * ones, 0.5 * ones, (prior,) * len(self.models))


def a_planner(
    deployments: Sequence[Deployment] = DEPLOYMENTS, routes: Sequence[Route] = (AUTO,), rules: Sequence[Rule] = ()
) -> Planner:
    return Planner(
        deployments=deployments,
        routes=routes,
        rules=rules,
        exchange_rates=an_exchange_rate(),
        dialects={DIALECT.name: DIALECT},
        router=Even(),
        facts={},
        deadlines=Deadlines(),
    )


def a_request(model: str = "auto", **more: Any) -> Request:
    return Request(model=model, messages=(Message("user", (Text("你好"),)),), **more)


def considered(planner: Planner, request: Request | None = None, id_: str = "1", **steering: Any) -> Considered:
    found = planner.consider(request or a_request(), ALICE, Steering(**steering), id_)
    assert isinstance(found, Considered)
    return found


def refused(planner: Planner, request: Request, principal: Principal = ALICE) -> Refusal:
    found = planner.consider(request, principal, Steering(), "1")
    assert isinstance(found, Refusal)
    return found


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


def test_a_model_stands_for_all_its_hosts_the_cheapest_first() -> None:
    decision = considered(a_planner(), a_request("large")).decision
    assert decision.order == ("other/large", "dear/large")
    assert [weighed.propensity for weighed in decision.candidates] == [0.0, 1.0]


def test_a_deployment_stands_for_itself() -> None:
    assert considered(a_planner(), a_request("dear/large")).decision.order == ("dear/large",)
    assert considered(a_planner(), a_request("home/通义")).decision.order == ("home/通义",)


def test_a_deployment_called_as_another_s_model_is_refused_at_once() -> None:
    with pytest.raises(CatalogError, match="large"):
        a_planner((*DEPLOYMENTS, a_deployment("large", model="small")))


def test_a_deployment_called_as_its_own_model_is_no_clash() -> None:
    planner = a_planner((*DEPLOYMENTS, a_deployment("solo", model="solo")))
    assert considered(planner, a_request("solo")).decision.order == ("solo",)


def test_two_deployments_of_one_id_are_refused() -> None:
    with pytest.raises(CatalogError, match="dear/large"):
        a_planner((*DEPLOYMENTS, a_deployment("dear/large")))


def test_a_route_needs_a_name_of_its_own() -> None:
    with pytest.raises(CatalogError, match="'large'"):
        a_planner(routes=[Route("large", IDS)])
    with pytest.raises(CatalogError, match="'auto'"):
        a_planner(routes=[AUTO, AUTO])


def test_a_dialect_nobody_speaks_is_refused_with_those_that_are_known() -> None:
    with pytest.raises(CatalogError, match="openai-chat"):
        a_planner((a_deployment(dialect="telex"),), routes=())


def test_what_nobody_is_called_is_not_found() -> None:
    refusal = refused(a_planner(), a_request("没有" * 100))
    assert isinstance(refusal.error, NotFound)
    assert len(refusal.error.message) < 250
    assert refusal.decision is None


def test_a_rule_that_leaves_nobody_is_named_and_what_was_weighed_is_kept() -> None:
    rule = Rule("nowhere", When(), require=Facts(provider_country=("JP",)))
    refusal = refused(a_planner(rules=[rule]), a_request())
    assert isinstance(refusal.error, Forbidden)
    assert refusal.error.rule == "nowhere"
    assert refusal.route == "auto"
    assert refusal.decision is not None
    assert [weighed.deployment for weighed in refusal.decision.candidates] == list(IDS)


def test_what_nobody_is_able_to_do_is_the_callers_fault() -> None:
    planner = a_planner((a_deployment(capabilities=frozenset()),), routes=())
    refusal = refused(planner, a_request("model", tools=(Tool("查天气"),)))
    assert isinstance(refusal.error, InvalidRequest)
    assert refusal.error.code == "not_capable"


def test_a_request_lowers_the_cost_it_may_have_and_never_raises_it() -> None:
    route = Route("auto", IDS, Goal("best_under", max_cost_usd=0.5))
    planner = a_planner(routes=[route])
    for asked, expected in ((0.1, 0.1), (0.9, 0.5), (None, 0.5)):
        goal = considered(planner, max_cost_usd=asked).decision.goal
        assert goal is not None
        assert goal.max_cost_usd == expected


def test_names_are_those_that_the_principal_may_use_routes_first() -> None:
    rule = Rule("eu", When(tags=("t0",)), require=Facts(provider_country=("EU",)))
    names = [name for name, _ in a_planner(rules=[rule]).names(ALICE)]
    assert names == ["auto", "large", "通义", "home/通义", "other/large"]
    assert len(a_planner(rules=[rule]).names(Principal())) == 1 + 3 + 4


def test_the_baseline_is_planned_with_what_it_would_write() -> None:
    baseline = considered(a_planner()).baseline
    assert baseline is not None
    assert baseline.candidate.deployment.id == "dear/large"
    assert baseline.output_tokens > 0
    assert considered(a_planner(), a_request("large")).baseline is None
