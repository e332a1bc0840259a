"""A name means one thing only, and stands for what it should."""

from __future__ import annotations

import pytest

from entrepot.errors import CatalogError
from entrepot.exchange.plan import Route
from entrepot.policy.rules import Facts, Principal, Rule, When
from tests.exchange.planners import (
    ALICE,
    AUTO,
    DEPLOYMENTS,
    IDS,
    a_planner,
    a_request,
    considered,
)
from tests.exchange.things import a_deployment


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


def test_names_are_those_that_the_principal_may_use_routes_first() -> None:
    rule = Rule("eu", When(tags=("t0",)), require=Facts(provider_country=("EU",)))
    names = [listed.name for listed in a_planner(rules=[rule]).names(ALICE)]
    assert names == ["auto", "large", "通义", "home/通义", "other/large"]
    assert len(a_planner(rules=[rule]).names(Principal())) == 1 + 3 + 4


def test_a_quirk_that_the_dialect_does_not_know_is_refused_with_the_nearest_that_it_does() -> None:
    odd = a_deployment("odd/small", quirks=frozenset({"no_developer_rule"}))
    with pytest.raises(CatalogError, match="declares the quirk 'no_developer_rule'; did you mean 'no_developer_role'"):
        a_planner([odd], routes=())
