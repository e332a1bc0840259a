"""Exchanges in which several models may be asked: made-up plans, what models say, and what became of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import msgspec

from entrepot.exchange.cascading import plan_cascade
from entrepot.exchange.events import (
    Event,
    UpstreamChunk,
    UpstreamEnded,
    UpstreamHead,
)
from entrepot.exchange.plan import Candidate, Deadlines, Plan, Route, Strategy
from entrepot.exchange.records import Deliberation, Vote
from entrepot.routing.utility import Decision, Goal, Weighed
from entrepot.routing.votes import SHIPPED_VOTES
from tests.exchange.transcript import Story, candidate, plan_for

A, B, R = candidate("a/small", "0.1", "0.2"), candidate("b/little", "0.1", "0.2"), candidate("r/large", "10", "20")
P = {"a/small": 0.62, "b/little": 0.6, "r/large": 0.8}
PRICE = {"a/small": 0.0001, "b/little": 0.00011, "r/large": 0.01}


def made_by(maker: str, one: Candidate) -> Candidate:
    return msgspec.structs.replace(one, deployment=msgspec.structs.replace(one.deployment, maker=maker))


SMALL, LITTLE, LARGE = made_by("anna", A), made_by("bert", B), made_by("rosa", R)


def deliberate(
    *candidates: Candidate,
    name: Literal["agreement", "check", "confidence"] = "agreement",
    stream: bool = True,
    max_loss: float = 0.0,
    deadlines: Deadlines | None = None,
    **how: Any,
) -> Plan:
    """A plan to ask any of the candidates."""
    asked = {field: how.pop(field) for field in ("text", "n", "response_format", "tools") if field in how}
    plan = plan_for(*candidates, stream=stream, deadlines=deadlines, **asked)
    weighed = tuple(
        Weighed(c.deployment.id, c.deployment.model, P[c.deployment.id], 0.1, 100.0, PRICE[c.deployment.id], "outcomes")
        for c in candidates
    )
    decision = Decision(plan.decision.order, weighed, "test", Goal(max_loss=max_loss), "r/large")
    route = Route("auto", plan.decision.order, reference="r/large", strategy=Strategy(name, **how))
    known = {c.deployment.id: c for c in candidates}
    cascade = plan_cascade(route, plan.asked.request, decision, known, SHIPPED_VOTES)
    return msgspec.structs.replace(plan, decision=decision, cascade=cascade)


def frame(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def says(attempt: int, content: str, reason: str = "stop") -> list[Event]:
    """A whole stream of one attempt."""
    frames = (
        frame({"choices": [{"index": 0, "delta": {"content": content}}]}),
        frame({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
        frame({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 500}}),
        b"data: [DONE]\n\n",
    )
    return [
        UpstreamHead(attempt, 200, ((b"content-type", b"text/event-stream"),)),
        *(UpstreamChunk(attempt, data) for data in frames),
        UpstreamEnded(attempt),
    ]


def said_whole(attempt: int, content: str | None, reason: str = "stop", **more: object) -> list[Event]:
    message = {"role": "assistant", "content": content, **more}
    body = {
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {"prompt_tokens": 1000, "completion_tokens": 500},
    }
    head = UpstreamHead(attempt, 200, ((b"content-type", b"application/json"),))
    return [head, UpstreamChunk(attempt, json.dumps(body).encode()), UpstreamEnded(attempt)]


def fails(attempt: int, status: int, **error: object) -> list[Event]:
    body = json.dumps({"error": {"message": "no", **error}}).encode()
    return [UpstreamHead(attempt, status, ()), UpstreamChunk(attempt, body), UpstreamEnded(attempt)]


Saying = Callable[[int], list[Event]]


def tell(story: Story, said: dict[str, Saying]) -> None:
    """Let everybody who is called say what is said here."""
    answered = 0
    while not story.over:
        assert answered < len(story.called), "nobody is called and it is not over"
        for event in said[story.called[answered]](answered):
            story.happens(event)
        answered += 1


def outcome(story: Story) -> tuple[list[str], str | None, int]:
    """Who was called, whose answer was sent, and what it all cost in nano-dollars."""
    served = story.entry.served
    return story.called, None if served is None else served.deployment, story.entry.cost_nano_usd or 0


def deliberation(story: Story) -> Deliberation:
    found = story.entry.deliberation
    assert found is not None
    return found


def votes(story: Story) -> list[Vote]:
    return [attempt.vote or Vote() for attempt in story.entry.attempts]


CHEAP, DEAR = 200_000, 20_000_000  # 1,000 tokens read and 500 written


FORTY_TWO = partial(says, content="42")
