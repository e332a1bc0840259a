"""No plan: the caller learns why, and the ledger what was weighed."""

from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Tool
from entrepot.errors import Forbidden, InvalidRequest, NotFound
from entrepot.exchange.planning import Considered
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.rules import Facts, Principal, Rule, Unless, When
from entrepot.policy.scope import Scope
from tests.exchange.planners import (
    ALICE,
    IDS,
    a_planner,
    a_request,
    refused,
)
from tests.exchange.things import a_deployment


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


def test_a_key_asks_for_the_routes_it_is_for() -> None:
    bob = Principal(key="bob", scope=Scope(routes=("batch",)))
    refusal = refused(a_planner(), a_request(), bob)
    assert isinstance(refusal.error, Forbidden)
    assert refusal.error.code == "out_of_scope"
    assert refusal.error.message == "the key 'bob' is for the route batch: it may not ask for 'auto'"
    by_name = refused(a_planner(), a_request("cheap/small"), bob)
    assert "no model by name" in by_name.error.message


def test_a_key_that_is_for_some_models_gets_them_behind_a_route_and_no_other() -> None:
    bob = Principal(key="bob", scope=Scope(models=("large",)))
    planner = a_planner()
    found = planner.consider(a_request(), bob, Steering(), "1")
    assert isinstance(found, Considered)
    assert set(found.decision.order) == {"dear/large", "other/large"}
    refusal = refused(planner, a_request("cheap/small"), bob)
    assert refusal.error.code == "out_of_scope"
    assert refusal.error.message == "nothing behind 'cheap/small' may be used: the key is for the model large"


def test_a_tag_that_the_key_is_not_for_is_refused_and_not_passed_over() -> None:
    bob = Principal(key="bob", tags=frozenset({"own"}), scope=Scope(tags=("客户",)))
    planner = a_planner()
    assert isinstance(planner.consider(a_request(), bob, Steering(tags=frozenset({"客户"})), "1"), Considered)
    for found in (
        planner.consider(a_request(), bob, Steering(tags=frozenset({"客户", "own"})), "1"),
        planner.find("auto", bob, Steering(tags=frozenset({"own"}))),
    ):
        assert isinstance(found, Refusal)
        assert found.error.code == "out_of_scope"
        assert found.error.message == "the key 'bob' may add the tag 客户, not 'own'"


def test_what_is_beyond_a_keys_scope_is_not_listed() -> None:
    planner = a_planner()
    listed = [each.name for each in planner.names(Principal(key="bob", scope=Scope(models=("home/*",))))]
    assert listed == ["auto", "通义", "home/通义"]
    assert planner.names(Principal(key="bob", scope=Scope(routes=()))) == []
    refusal = planner.find("large", Principal(key="bob", scope=Scope(routes=("auto",))), Steering())
    assert isinstance(refusal, Refusal)
    assert refusal.error.status == 403


REDS = Rule("reds stay in France", When(teams=("red",)), require=Facts(provider_country=("FR",)))
LIKES = Rule("the large one, if there is", prefer=Facts(model=("large",)))


@pytest.mark.parametrize(
    "extra",
    [
        {"models": ["other/model"]},
        {"fallbacks": [{"model": "other/model"}]},
        {"preset": "@mine"},
        {"provider": {"only": ["DeepSeek"]}},
        {"provider": {"data_collection": "allow"}},
        {"plugins": [{"id": "web"}]},
    ],
)
def test_what_would_let_a_provider_ask_somebody_else_is_refused_where_a_rule_holds(extra: dict[str, Any]) -> None:
    refusal = refused(a_planner(rules=[LIKES, REDS]), a_request(extra=extra))
    assert isinstance(refusal.error, Forbidden)
    assert (refusal.error.rule, refusal.error.code) == ("reds stay in France", "left_to_provider")
    assert f"'{next(iter(extra))}'" in refusal.error.message


def test_an_embedding_is_held_to_that_too() -> None:
    refusal = refused(a_planner(rules=[REDS]), a_request(extra={"models": ["m"]}, operation="embed"))
    assert refusal.error.code == "left_to_provider"


@pytest.mark.parametrize(
    "rules",
    [
        [],
        [LIKES],
        [Rule("blues", When(teams=("blue",)), deny=Facts(model=("small",)))],
        [Rule("not the reds", deny=Facts(model=("small",)), unless=Unless(teams=("red",)))],
    ],
    ids=["no rule", "one that only prefers", "one for others", "one that spares them"],
)
def test_where_no_rule_keeps_anybody_out_the_provider_may_choose(rules: list[Rule]) -> None:
    found = a_planner(rules=rules).consider(a_request(extra={"models": ["m"]}), ALICE, Steering(), "1")
    assert isinstance(found, Considered)


def test_a_field_that_only_takes_hosts_away_is_no_choice_of_the_providers() -> None:
    narrower = {"provider": {"data_collection": "deny", "zdr": True, "ignore": ["a"], "sort": None}}
    found = a_planner(rules=[REDS]).consider(a_request(extra=narrower), ALICE, Steering(), "1")
    assert isinstance(found, Considered)


@pytest.mark.parametrize("scope", [Scope(models=("large",)), Scope(routes=("auto",))], ids=["models", "routes"])
def test_a_key_for_certain_models_may_not_have_a_provider_ask_others(scope: Scope) -> None:
    bob = Principal(key="bob", scope=scope)
    refusal = refused(a_planner(), a_request(extra={"models": ["m"]}), bob)
    assert refusal.error.message == (
        "'models' leaves more to the provider than who was chosen, and the key 'bob' has a scope: "
        "send the request without it"
    )


def test_a_place_that_the_client_names_is_refused_where_a_rule_looks_at_places() -> None:
    here = Rule("here", require=Facts(region=("FR",)))
    asked = a_request(extra={"inference_geo": "global"})
    assert refused(a_planner(rules=[REDS, here]), asked).error.code == "left_to_provider"
    assert isinstance(a_planner(rules=[REDS]).consider(asked, ALICE, Steering(), "1"), Considered)


def test_a_chat_that_a_provider_is_to_keep_is_refused_where_a_rule_looks_at_that() -> None:
    kept = a_request(extra={"store": True})
    brief = Rule("not for long", require=Facts(max_retention_days=30))
    assert refused(a_planner(rules=[brief]), kept).error.code == "left_to_provider"
    assert isinstance(a_planner(rules=[REDS]).consider(kept, ALICE, Steering(), "1"), Considered)
