"""The one gate, seen from the far end: whatever happens in an exchange, who is called, and whom a rule denies."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.catalog.schema import Deployment
from entrepot.errors import Defect
from entrepot.exchange.circumstance import Seen
from entrepot.exchange.events import (
    ClientGone,
    Event,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamFailed,
    UpstreamHead,
)
from entrepot.exchange.plan import Plan, Route, Strategy
from entrepot.exchange.refusing import Refusal
from entrepot.exchange.steering import Steering
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.utility import Goal
from entrepot.routing.validator import Validator
from tests.exchange.deliberations import LARGE, LITTLE, SMALL, deliberate
from tests.exchange.planners import DIALECT, a_planner
from tests.exchange.transcript import Story, candidate, plan_for
from tests.policy.oracle import CIRCUMSTANCES, DEPLOYMENTS, PRINCIPALS, RULES, is_denied


def answer(said: str) -> tuple[Event, ...]:
    """A whole answer."""
    body = {
        "id": "1",
        "object": "chat.completion",
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": said}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    head = UpstreamHead(0, 200, ((b"content-type", b"application/json"),))
    return head, UpstreamChunk(0, json.dumps(body).encode()), UpstreamEnded(0)


# What one attempt may meet, by name; each ends it.
FATES: dict[str, tuple[Event, ...]] = {
    "refused": (UpstreamFailed(0, "connect", "refused"),),
    "cut off": (UpstreamHead(0, 200, ()), UpstreamFailed(0, "cut_off", "gone")),
    "500": (UpstreamHead(0, 500, ()), UpstreamEnded(0)),
    "429": (UpstreamHead(0, 429, ()), UpstreamEnded(0)),
    "400": (UpstreamHead(0, 400, ()), UpstreamEnded(0)),
    "nonsense": (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"<html>"), UpstreamEnded(0)),
    "answered": answer("The answer is 42."),
    "answered otherwise": answer("The answer is 43."),
    "answered nothing that compares": answer(""),
    "client gone": (ClientGone(),),
}


CHECK = Validator(regex="42")


def distinct(deployments: list[Deployment]) -> list[Deployment]:
    """One of each id, none of which is a model's name."""
    return list({one.id: one for one in deployments}.values())


@settings(max_examples=150)
@given(
    deployments=DEPLOYMENTS,
    rules=RULES,
    principal=PRINCIPALS,
    said=CIRCUMSTANCES,
    tags=st.frozensets(st.sampled_from(("a", "b", "丙"))),
    asked=st.sampled_from(("auto", "alpha", "d0")),
    holdout=st.sampled_from((0.0, 0.5, 1.0)),
    tool=st.sampled_from((None, "f", "h")),
    strategy=st.sampled_from(
        (None, Strategy("agreement"), Strategy("agreement", parallel=3), Strategy("check", check=CHECK))
    ),
    fates=st.lists(st.sampled_from(sorted(FATES)), min_size=5, max_size=5),
)
def test_no_call_ever_goes_to_a_deployment_that_a_rule_denies(
    deployments: list[Deployment],
    rules: list[Rule],
    principal: Principal,
    said: Circumstances,
    tags: frozenset[str],
    asked: str,
    holdout: float,
    tool: str | None,
    strategy: Strategy | None,
    fates: list[str],
) -> None:
    placed = distinct(deployments)
    names = {"auto", *(one.id for one in placed), *(one.model for one in placed)}
    if not placed or asked not in names:
        return
    baseline = placed[0].id
    ids = tuple(one.id for one in placed)
    route = Route("auto", ids, Goal(max_loss=0.0), baseline, baseline, holdout=holdout, strategy=strategy)
    body = {"model": asked, "messages": [{"role": "user", "content": "12345"}]}
    if tool is not None:
        body["tools"] = [{"type": "function", "function": {"name": tool, "parameters": {}}}]
    vouched = next(iter(sorted(said.client_regions)))
    seen = Seen(said.data_classes, {}, None if vouched == "unknown" else vouched, said.client_regions - {"unknown"})
    plan = a_planner(placed, [route], rules).plan(
        DIALECT.parse_request(json.dumps(body).encode()),
        DIALECT,
        principal,
        Steering(tags=tags),
        id="x",
        started_ns=0,
        started_s=0,
        seen=seen,
    )
    circumstances = Circumstances(
        "auto" if asked == "auto" else None,
        seen.client_regions | {vouched},
        said.data_classes | principal.tags | tags,
        frozenset(),
        frozenset() if tool is None else frozenset({tool}),
    )
    asking = msgspec.structs.replace(principal, tags=principal.tags | tags)
    denied = {one.id for one in placed if is_denied(one, rules, asking, circumstances)}
    if isinstance(plan, Refusal):
        return
    called = called_by(plan, fates)
    assert denied.isdisjoint(called)
    assert len(set(called)) == len(called)


def called_by(plan: Plan, fates: list[str]) -> list[str]:
    """Who is called where the attempts meet these fates, one after the other."""
    story = Story(plan)
    answered = 0
    while not story.over and answered < len(story.called):
        for event in FATES[fates[answered % len(fates)]]:
            if not story.over:
                story.happens(
                    event if isinstance(event, ClientGone) else msgspec.structs.replace(event, attempt=answered)
                )
        answered += 1
    return story.called


@pytest.mark.parametrize(
    "fates", [["answered", "500"], ["500", "answered", "500"], ["429", "500", "refused", "cut off"]]
)
def test_failures_bring_the_next_candidate_and_no_other(fates: list[str]) -> None:
    plan = plan_for(*(candidate(f"host/{number}") for number in range(3)), stream=False)
    expected = fates.index("answered") + 1 if "answered" in fates else 3
    assert called_by(plan, fates) == [f"host/{number}" for number in range(expected)]


def test_a_second_opinion_of_a_deployment_that_did_not_pass_the_gate_is_a_defect_and_no_call() -> None:
    plan = deliberate(SMALL, LITTLE, LARGE, parallel=2)
    assert Story(plan).called == ["a/small", "b/little"]
    with pytest.raises(Defect, match="b/little did not pass the gate"):
        Story(msgspec.structs.replace(plan, eligible=frozenset({"a/small", "r/large"})))


def test_an_attempt_at_a_deployment_that_did_not_pass_the_gate_is_a_defect_and_no_call() -> None:
    plan = plan_for(candidate("host/a"), candidate("host/b"))
    with pytest.raises(Defect, match="host/a did not pass the gate"):
        Story(msgspec.structs.replace(plan, eligible=frozenset({"host/b"})))
