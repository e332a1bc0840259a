from __future__ import annotations

import msgspec
import pytest

from entrepot.catalog.schema import Deployment
from entrepot.exchange.cascading import describe_cascade, plan_cascade
from entrepot.exchange.plan import Candidate, CascadePlan, Route, Strategy
from entrepot.routing.utility import Decision, Goal, Weighed
from entrepot.routing.validator import Validator
from entrepot.routing.votes import SHIPPED_VOTES
from tests.exchange.deliberations import LARGE, LITTLE, PRICE, SMALL, P
from tests.exchange.transcript import plan_for

AGREEMENT = Strategy("agreement")
REQUEST = plan_for(SMALL).asked.request


def hosted(candidate: Candidate, id_: str, **facts: object) -> Candidate:
    """The same model at another host."""
    deployment: Deployment = msgspec.structs.replace(candidate.deployment, id=id_, **facts)
    return msgspec.structs.replace(candidate, deployment=deployment)


def planned(*candidates: Candidate, strategy: Strategy | None = AGREEMENT, **decided: object) -> CascadePlan | None:
    weighed = tuple(
        Weighed(
            c.deployment.id,
            c.deployment.model,
            P.get(c.deployment.id, 0.6),
            0.1,
            100.0,
            PRICE.get(c.deployment.id, 0.00005),
            "outcomes",
        )
        for c in candidates
    )
    order = tuple(c.deployment.id for c in candidates)
    decision = msgspec.structs.replace(Decision(order, weighed, "test", Goal(max_loss=0.0), "r/large"), **decided)
    route = Route("auto", order, reference="r/large", strategy=strategy)
    return plan_cascade(route, REQUEST, decision, {c.deployment.id: c for c in candidates}, SHIPPED_VOTES)


def test_two_hosts_of_the_same_weights_are_not_two_opinions() -> None:
    found = planned(SMALL, hosted(SMALL, "other/small"), LARGE, hosted(LARGE, "cheap/large"))
    assert found is not None
    # of each model the cheapest, but the reference itself of its own
    assert sorted(member.deployment for member in found.rule.members) == ["other/small", "r/large"]


def test_one_answers_where_there_is_one_or_a_lot_was_drawn() -> None:
    assert planned(SMALL, LITTLE, LARGE) is not None
    assert planned(SMALL) is None
    assert planned(SMALL, hosted(SMALL, "other/small")) is None
    assert planned(SMALL, LITTLE, LARGE, strategy=None) is None
    assert planned(SMALL, LITTLE, LARGE, displaced="a/small") is None
    assert planned(SMALL, LITTLE, LARGE, explored="a/small") is None


def test_the_worth_behind_the_goal_is_what_a_right_answer_is_worth() -> None:
    cheap, dear = (planned(SMALL, LITTLE, LARGE, worth_usd=worth) for worth in (0.00001, 10.0))
    assert cheap is not None
    assert dear is not None
    assert (cheap.rule.worth_usd, dear.rule.worth_usd) == (0.00001, 10.0)
    assert cheap.rule.expected.calls == pytest.approx(1)
    assert dear.rule.expected.calls > 2
    assert dear.rule.expected.p_correct > cheap.rule.expected.p_correct


def test_it_is_described_in_words() -> None:
    found = planned(SMALL, LITTLE, LARGE)
    assert found is not None
    told = describe_cascade(found)
    assert "(agreement)" in told
    assert "a/small first" in told
    assert "calls of at most 4" in told


def test_what_passes_a_check_is_not_called_right_nor_sure() -> None:
    found = planned(SMALL, LITTLE, LARGE, strategy=Strategy("check", 4, check=Validator(regex="42")))
    assert found is not None
    sure = msgspec.structs.replace(found.rule.expected, p_correct=0.9999)
    found = msgspec.structs.replace(found, rule=msgspec.structs.replace(found.rule, expected=sure))
    told = describe_cascade(found)
    assert "an answer that passes, right or not, with a probability of more than 0.95" in told
    assert "1.000" not in told


@pytest.mark.parametrize("name", ["agreement", "confidence"])
def test_where_nothing_is_known_of_anybody_the_choice_before_the_call_answers(name: str) -> None:
    strategy = Strategy("agreement") if name == "agreement" else Strategy("confidence")
    weighed = tuple(
        Weighed(c.deployment.id, c.deployment.model, 0.44, 0.3, 100.0, PRICE[c.deployment.id], "prior")
        for c in (SMALL, LITTLE, LARGE)
    )
    assert planned(SMALL, LITTLE, LARGE, strategy=strategy, candidates=weighed) is None
    known = (msgspec.structs.replace(weighed[0], basis="scores"), *weighed[1:])
    if name == "agreement":
        assert planned(SMALL, LITTLE, LARGE, strategy=strategy, candidates=known) is not None
    # what a check finds is known, whoever answers
    check = Strategy("check", check=Validator(regex="42"))
    assert planned(SMALL, LITTLE, LARGE, strategy=check, candidates=weighed) is not None
