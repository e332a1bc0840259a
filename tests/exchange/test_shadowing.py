from __future__ import annotations

import msgspec
import pytest

from entrepot.canonical.response import Usage
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.exchange.entries import served_by
from entrepot.exchange.outcome_plan import Shadowing
from entrepot.exchange.plan import Plan
from entrepot.exchange.planning import Planner
from entrepot.exchange.records import Entry, Shadow
from entrepot.exchange.shadowing import SHADOW, Moment, is_drawn
from entrepot.exchange.steering import Steering
from entrepot.ledger.checks import sample_entry
from entrepot.policy.rules import Facts, Principal, Rule, When
from entrepot.policy.scope import Scope
from tests.exchange.planners import ALICE, DEPLOYMENTS, a_planner

MOMENT = Moment("a-shadow", 7, 3.5)
BY_ID = {one.id: one for one in DEPLOYMENTS}
WANTED = Shadowing(("cheap/small", "dear/large", "other/large"), 0.3, "checks")


def a_plan(planner: Planner, id_: str = "an-exchange", principal: Principal = ALICE, **more: object) -> Plan:
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}], **more}
    asked = OpenAIChat.parse_request(msgspec.json.encode(body))
    found = planner.plan(asked, OpenAIChat(), principal, Steering(), id=id_, started_ns=1, started_s=0.0)
    assert isinstance(found, Plan)
    return found


def answered_by(deployment: str) -> Entry:
    return msgspec.structs.replace(sample_entry(0), served=served_by(BY_ID[deployment]), cost_nano_usd=5)


def shadow_of(
    planner: Planner, plan: Plan, wanted: Shadowing = WANTED, by: str = "dear/large"
) -> tuple[Plan, Shadow] | str:
    found = planner.shadow(wanted, plan, answered_by(by), MOMENT)
    if not isinstance(found, Plan):
        return found
    assert found.shadow is not None
    return found, found.shadow


def test_one_of_the_others_is_asked_as_a_key_of_its_own_and_says_of_what_it_is_the_shadow() -> None:
    planner = a_planner()
    plan = a_plan(planner)
    found = shadow_of(planner, plan)
    assert not isinstance(found, str)
    beside, shadow = found
    (asked,) = beside.candidates
    assert asked.deployment.id in ("cheap/small", "other/large")
    assert beside.eligible == {asked.deployment.id}
    assert (beside.id, beside.started_ns, beside.started_s) == ("a-shadow", 7, 3.5)
    assert (beside.principal.key, beside.principal.team) == (SHADOW, None)
    assert beside.principal.tags == {"t0", SHADOW}
    assert (shadow.of, shadow.share, shadow.sent_by, shadow.sent_nano_usd) == ("an-exchange", 0.15, "dear/large", 5)
    assert (beside.route, beside.asked, beside.no_store) == ("auto", plan.asked, True)
    assert (beside.baseline, beside.lot, beside.session, beside.cascade) == (None, None, None, None)


def test_it_says_whether_what_was_sent_was_read_from_a_cache() -> None:
    planner = a_planner()
    plan, sent = a_plan(planner), answered_by("dear/large")
    for read, told in ((0, False), (7, True)):
        entry = msgspec.structs.replace(sent, usage=Usage(10, cache_read_tokens=read))
        found = planner.shadow(WANTED, plan, entry, MOMENT)
        assert isinstance(found, Plan)
        assert found.shadow is not None
        assert found.shadow.sent_cached is told


def test_each_of_several_is_asked_as_often_as_its_share_says() -> None:
    planner = a_planner()
    asked = [shadow_of(planner, a_plan(planner, f"exchange {number}")) for number in range(400)]
    cheap = sum(not isinstance(one, str) and one[0].eligible == {"cheap/small"} for one in asked)
    assert 140 < cheap < 260
    drawn = sum(is_drawn(WANTED, f"exchange {number}") for number in range(4000))
    assert 1050 < drawn < 1350
    again = msgspec.structs.replace(WANTED, trial="flash")
    both = sum(
        is_drawn(WANTED, f"exchange {number}") and is_drawn(again, f"exchange {number}") for number in range(4000)
    )
    assert 270 < both < 450, "the lot of a trial is another one"


def test_who_answered_is_not_asked_again() -> None:
    planner = a_planner()
    alone = Shadowing(("dear/large",), 1.0, "checks")
    assert shadow_of(planner, a_plan(planner), alone) == "same_deployment"
    gone = Shadowing(("no/longer",), 1.0, "checks")
    assert shadow_of(planner, a_plan(planner), gone) == "same_deployment"


@pytest.mark.parametrize(
    ("rule", "principal"),
    [
        (Rule("not to CN", When(teams=("red",)), deny=Facts(provider_country=("CN",))), ALICE),
        (Rule("not to CN", When(tags=("t0",)), deny=Facts(provider_country=("CN",))), ALICE),
        (None, msgspec.structs.replace(ALICE, scope=Scope(models=("large",)))),
    ],
)
def test_it_goes_only_where_the_exchange_itself_might_have_gone(rule: Rule | None, principal: Principal) -> None:
    planner = a_planner(rules=[] if rule is None else [rule])
    only = Shadowing(("cheap/small",), 1.0, "checks")
    assert shadow_of(planner, a_plan(planner, principal=principal), only) == "not_allowed"
    found = shadow_of(planner, a_plan(planner, principal=principal))
    assert not isinstance(found, str)
    assert found[0].eligible == {"other/large"}
    assert found[1].share == 0.3, "it was the only one left"


def test_a_key_that_is_for_routes_alone_has_its_shadows_too() -> None:
    planner = a_planner()
    routes = msgspec.structs.replace(ALICE, scope=Scope(routes=("auto",)))
    assert not isinstance(shadow_of(planner, a_plan(planner, principal=routes)), str)


def test_nothing_that_is_not_to_be_kept_is_asked_again() -> None:
    planner = a_planner(rules=[Rule("nothing kept", When(keys=("alice",)), no_store=True)])
    assert shadow_of(planner, a_plan(planner)) == "not_allowed"


def test_shadows_of_one_conversation_are_of_one_unit() -> None:
    planner = a_planner()
    plan = a_plan(planner)
    assert plan.grounds is not None
    in_session = msgspec.structs.replace(plan, grounds=msgspec.structs.replace(plan.grounds, session=77))
    found = shadow_of(planner, in_session)
    assert not isinstance(found, str)
    assert found[1].unit == 77
    units = {
        one[1].unit
        for number in range(20)
        if not isinstance(one := shadow_of(planner, a_plan(planner, f"e{number}")), str)
    }
    assert len(units) == 20
