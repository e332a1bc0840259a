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
from entrepot.exchange.plan import Plan, Route
from entrepot.exchange.planning import Steering
from entrepot.exchange.refusing import Refusal
from entrepot.policy.circumstances import Circumstances
from entrepot.policy.rules import Principal, Rule
from entrepot.routing.utility import Goal
from tests.exchange.planners import DIALECT, a_planner
from tests.exchange.transcript import Story, candidate, plan_for
from tests.policy.oracle import CIRCUMSTANCES, DEPLOYMENTS, PRINCIPALS, RULES, is_denied

ANSWER = b'{"id":"1","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant","content":"ja"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'  # fmt: skip # noqa: E501 - one answer, as one line of the wire
# What one attempt may meet, by name; each ends it.
FATES: dict[str, tuple[Event, ...]] = {
    "refused": (UpstreamFailed(0, "connect", "refused"),),
    "cut off": (UpstreamHead(0, 200, ()), UpstreamFailed(0, "cut_off", "gone")),
    "500": (UpstreamHead(0, 500, ()), UpstreamEnded(0)),
    "429": (UpstreamHead(0, 429, ()), UpstreamEnded(0)),
    "400": (UpstreamHead(0, 400, ()), UpstreamEnded(0)),
    "nonsense": (UpstreamHead(0, 200, ()), UpstreamChunk(0, b"<html>"), UpstreamEnded(0)),
    "answered": (
        UpstreamHead(0, 200, ((b"content-type", b"application/json"),)),
        UpstreamChunk(0, ANSWER),
        UpstreamEnded(0),
    ),
    "client gone": (ClientGone(),),
}


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
    fates: list[str],
) -> None:
    placed = distinct(deployments)
    names = {"auto", *(one.id for one in placed), *(one.model for one in placed)}
    if not placed or asked not in names:
        return
    baseline = placed[0].id
    route = Route("auto", tuple(one.id for one in placed), Goal(max_loss=1.0), baseline, baseline, holdout=holdout)
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
    for number, fate in enumerate(fates):
        for event in FATES[fate]:
            if not story.over and len(story.called) == number + 1:
                story.happens(
                    event if isinstance(event, ClientGone) else msgspec.structs.replace(event, attempt=number)
                )
    return story.called


@pytest.mark.parametrize("fates", [["answered"], ["500", "answered"], ["429", "500", "refused", "cut off"]])
def test_failures_bring_the_next_candidate_and_no_other(fates: list[str]) -> None:
    plan = plan_for(*(candidate(f"host/{number}") for number in range(3)), stream=False)
    assert called_by(plan, fates) == [f"host/{number}" for number in range(min(3, len(fates)))]


def test_an_attempt_at_a_deployment_that_did_not_pass_the_gate_is_a_defect_and_no_call() -> None:
    plan = plan_for(candidate("host/a"), candidate("host/b"))
    with pytest.raises(Defect, match="host/a did not pass the gate"):
        Story(msgspec.structs.replace(plan, eligible=frozenset({"host/b"})))
