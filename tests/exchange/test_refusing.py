"""No plan: the caller learns why, and the ledger what was weighed."""

from __future__ import annotations

from entrepot.canonical.request import Tool
from entrepot.errors import Forbidden, InvalidRequest, NotFound
from entrepot.policy.rules import Facts, Rule, When
from tests.exchange.planners import (
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
