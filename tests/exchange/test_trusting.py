"""Stories of exchanges that go by how sure models are of their own words."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.exchange.commands import CallUpstream
from entrepot.exchange.events import Event, UpstreamChunk, UpstreamEnded, UpstreamHead
from entrepot.exchange.plan import Candidate, Plan
from tests.exchange.deliberations import (
    CHEAP,
    DEAR,
    LARGE,
    LITTLE,
    SMALL,
    deliberate,
    deliberation,
    frame,
    outcome,
    votes,
)
from tests.exchange.transcript import Story


def declaring(candidate: Candidate) -> Candidate:
    """One whose deployment is known to give log-probabilities."""
    target = msgspec.structs.replace(candidate.target, capabilities=frozenset({"logprobs"}))
    return msgspec.structs.replace(candidate, target=target)


def plan_to_trust(*candidates: Candidate, **how: Any) -> Plan:
    asked = candidates or tuple(declaring(one) for one in (SMALL, LITTLE, LARGE))
    return deliberate(*asked, name="confidence", max_loss=0.15, **how)


def says(attempt: int, content: str, logprob: float | None, reason: str = "stop") -> list[Event]:
    """A whole stream of one attempt, with its tokens' log-probabilities if there are any."""
    told = None if logprob is None else {"content": [{"token": content, "logprob": logprob, "top_logprobs": []}]}
    frames = (
        frame({"choices": [{"index": 0, "delta": {"content": content}, "logprobs": told}]}),
        frame({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}),
        frame({"choices": [], "usage": {"prompt_tokens": 1000, "completion_tokens": 500}}),
        b"data: [DONE]\n\n",
    )
    head = UpstreamHead(attempt, 200, ((b"content-type", b"text/event-stream"),))
    return [head, *(UpstreamChunk(attempt, data) for data in frames), UpstreamEnded(attempt)]


def bodies(story: Story) -> list[Any]:
    return [json.loads(c.request.body) for c in story.commands if isinstance(c, CallUpstream)]


def test_an_answer_that_its_model_is_sure_of_is_sent() -> None:
    story = Story(plan_to_trust())
    assert bodies(story)[0]["logprobs"] is True
    story.happens(*says(0, "Forty-two.", -0.01))
    assert outcome(story) == (["a/small"], "a/small", CHEAP)
    told = deliberation(story)
    assert (told.strategy, told.accepted) == ("confidence", 0)
    assert told.p_correct is not None
    assert told.p_correct > 0.65
    assert "is sure enough" in told.reason
    (vote,) = votes(story)
    assert (vote.source, vote.mean_logprob, vote.p_correct) == ("confidence", -0.01, told.p_correct)


def test_the_client_is_told_nothing_that_it_did_not_ask_for() -> None:
    story = Story(plan_to_trust())
    story.happens(*says(0, "Forty-two.", -0.01))
    assert b"Forty-two." in story.sent
    assert b"logprob" not in story.sent.replace(b'"logprobs":null', b"")
    assert story.sent.endswith(b"data: [DONE]\n\n")


def test_a_client_that_asks_for_log_probabilities_gets_them() -> None:
    plan = plan_to_trust()
    fields = {**plan.asked.fields, "logprobs": msgspec.Raw(b"true")}
    request = msgspec.structs.replace(plan.asked.request, extra={"logprobs": True})
    asked = msgspec.structs.replace(plan.asked, fields=fields, request=request)
    story = Story(msgspec.structs.replace(plan, asked=asked))
    story.happens(*says(0, "Forty-two.", -0.01))
    assert b"-0.01" in story.sent
    assert votes(story)[0].mean_logprob == -0.01


def test_doubt_lets_the_next_one_answer_and_the_surest_is_sent() -> None:
    story = Story(plan_to_trust())
    story.happens(*says(0, "41?", -2.0), *says(1, "42", -0.01))
    assert outcome(story) == (["a/small", "b/little"], "b/little", 2 * CHEAP)
    p_correct = [vote.p_correct or 0 for vote in votes(story)]
    assert p_correct[0] < 0.3 < 0.65 <= p_correct[1]


def test_the_references_answer_is_not_simply_accepted() -> None:
    story = Story(plan_to_trust())
    story.happens(*says(0, "41", -0.4), *says(1, "41", -0.6), *says(2, "42", -3.0))
    assert outcome(story) == (["a/small", "b/little", "r/large"], "a/small", 2 * CHEAP + DEAR)
    assert "no answer is as sure as wanted" in deliberation(story).reason


def test_one_that_does_not_declare_them_is_not_asked_for_them_and_is_taken_at_the_routers_word() -> None:
    story = Story(plan_to_trust(declaring(SMALL), LARGE))
    story.happens(*says(0, "a", -3.0), *says(1, "b", None))
    assert ["logprobs" in body for body in bodies(story)] == [True, False]
    assert outcome(story)[1] == "r/large"
    assert [vote.mean_logprob for vote in votes(story)] == [-3.0, None]


def test_nobody_is_paid_for_words_that_can_tell_nothing() -> None:
    story = Story(plan_to_trust(SMALL, declaring(LITTLE), LARGE))
    story.happens(*says(0, "41", -3.0), *says(1, "42", None))
    assert story.called == ["b/little", "r/large"]
    assert plan_to_trust(SMALL, LITTLE, LARGE).cascade is None


def test_what_is_cut_short_does_not_count() -> None:
    story = Story(plan_to_trust())
    story.happens(*says(0, "4", -0.01, "length"), *says(1, "42", -0.01))
    assert outcome(story)[1] == "b/little"
    assert votes(story)[0].abstained == "truncated"
    assert Story(plan_to_trust(max_calls=2)).called == ["a/small"]


def test_where_all_are_cut_short_the_best_is_sent_as_it_is() -> None:
    story = Story(plan_to_trust())
    for attempt in range(3):
        story.happens(*says(attempt, "4", -0.01, "length"))
    assert outcome(story)[1] == "r/large"
    assert deliberation(story).reason == "the answer of r/large was sent as it was (cut short)"


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_of_another_dialect_gets_its_own(stream: bool) -> None:
    plan = plan_to_trust(stream=stream)
    client = AnthropicMessages()
    body = {"model": "auto", "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "6*7"}]}
    plan = msgspec.structs.replace(plan, client=client, asked=client.parse_request(json.dumps(body).encode()))
    story = Story(plan)
    assert bodies(story)[0]["logprobs"] is True
    if stream:
        story.happens(*says(0, "42", -0.01))
        assert b"message_stop" in story.sent
    else:
        logprobs = {"content": [{"token": "42", "logprob": -0.01, "top_logprobs": []}]}
        choice = {"index": 0, "message": {"content": "42"}, "finish_reason": "stop", "logprobs": logprobs}
        whole = {"choices": [choice], "usage": {"prompt_tokens": 1000, "completion_tokens": 500}}
        head = UpstreamHead(0, 200, ((b"content-type", b"application/json"),))
        story.happens(head, UpstreamChunk(0, json.dumps(whole).encode()), UpstreamEnded(0))
    assert votes(story)[0].mean_logprob == -0.01
    assert b"logprob" not in story.sent
