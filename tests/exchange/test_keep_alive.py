"""A client that waits for a stream is told that we are alive, and failover goes on as if it had not been."""

from __future__ import annotations

import math

import msgspec
import pytest

from entrepot.dialects.base import ClientDialect
from entrepot.dialects.registry import CLIENT_DIALECTS
from entrepot.dialects.sse import COMMENT
from entrepot.exchange.commands import CallUpstream, CancelUpstream, SendHead, SendToClient
from entrepot.exchange.events import ClientGone, DeadlinePassed, UpstreamChunk, UpstreamEnded, UpstreamFailed
from entrepot.exchange.keep_alive import KeepAlive
from entrepot.exchange.plan import Deadlines, Plan
from tests.exchange.frames import DONE, STOP, chunk, end, error, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B = candidate("a/m"), candidate("b/m")
DEADLINES = Deadlines(first_byte_s=10, idle_s=5, total_s=60, keep_alive_s=2)


def plan(*, stream: bool = True, deadlines: Deadlines = DEADLINES, client: ClientDialect | None = None) -> Plan:
    made = plan_for(A, B, stream=stream, deadlines=deadlines)
    return made if client is None else msgspec.structs.replace(made, client=client)


def test_silence_lasts_from_the_beginning_and_from_whatever_was_sent_last() -> None:
    silence = KeepAlive(b"x", 2.0, 100.0)
    assert silence.due_s == 102.0
    silence.heard(101.5)
    assert silence.due_s == 103.5


@pytest.mark.parametrize(("data", "interval_s"), [(b"", 2.0), (b"x", 0.0)])
def test_who_can_be_told_nothing_or_shall_not_be_waits_in_silence(data: bytes, interval_s: float) -> None:
    silence = KeepAlive(data, interval_s, 100.0)
    silence.heard(101.0)
    assert silence.due_s == math.inf


def test_a_silent_client_is_sent_a_head_that_names_no_model_and_then_signs_of_life() -> None:
    story = Story(plan())
    story.happens(ok())
    assert story.waiting_until_s == 102.0
    head, sign = story.happens(DeadlinePassed(), after_s=2.0)
    assert isinstance(head, SendHead)
    assert head.status == 200
    names = dict(head.headers)
    assert names[b"content-type"] == b"text/event-stream; charset=utf-8"
    assert names[b"x-entrepot-exchange"] == b"0197-id"
    assert b"x-entrepot-model" not in names
    assert sign == SendToClient(COMMENT)
    assert story.happens(DeadlinePassed(), after_s=2.0) == [SendToClient(COMMENT)]
    assert kinds(story.happens(chunk("x"))) == ["SendToClient"]
    story.happens(end(), UpstreamEnded(0))
    assert story.sent == COMMENT * 2 + chunk("x").data + STOP + DONE
    assert len(story.heads) == 1
    assert story.entry.state == "completed"


def test_after_a_sign_of_life_the_next_candidate_still_answers() -> None:
    story = Story(plan())
    story.happens(ok())
    story.happens(DeadlinePassed(), after_s=2.0)
    commands = story.happens(UpstreamFailed(0, "cut_off", "it broke"))
    assert [command.deployment.id for command in commands if isinstance(command, CallUpstream)] == ["b/m"]
    story.happens(ok(1), chunk("from b", 1), end(1), UpstreamEnded(1))
    assert story.sent == COMMENT + chunk("from b").data + STOP + DONE


def test_the_first_byte_is_not_put_off_by_signs_of_life() -> None:
    story = Story(plan())
    story.happens(ok())
    for _ in range(4):
        assert kinds(story.happens(DeadlinePassed(), after_s=2.0))[-1] == "SendToClient"
    commands = story.happens(DeadlinePassed(), after_s=2.0)  # ten seconds are over: the deadline, not another sign
    assert kinds(commands) == ["CancelUpstream", "CallUpstream"]
    assert story.called == ["a/m", "b/m"]
    story.happens(ok(1), chunk("from b", 1), end(1), UpstreamEnded(1))
    assert story.over
    assert b"from b" in story.sent
    assert [attempt.deployment for attempt in story.entry.attempts] == ["a/m", "b/m"]


def test_an_error_after_a_sign_of_life_comes_inside_the_stream() -> None:
    story = Story(plan())
    story.happens(DeadlinePassed(), after_s=2.0)
    for attempt in (0, 1):
        for event in error(attempt, 503):
            commands = story.happens(event)
    assert story.over
    assert kinds(commands) == ["Record", "SendToClient"]
    assert story.entry.state == "failed"
    assert story.entry.status == 503
    last = story.commands[-1]
    assert isinstance(last, SendToClient)
    assert last.end
    assert last.data.startswith(b'data: {"error":')
    assert len(story.heads) == 1


def test_a_stream_that_falls_silent_after_its_beginning_is_kept_alive_too() -> None:
    story = Story(plan())
    story.happens(ok(), chunk("x"))
    assert story.happens(DeadlinePassed(), after_s=2.0) == [SendToClient(COMMENT)]
    assert story.happens(UpstreamChunk(0, COMMENT), after_s=1.0) == [SendToClient(COMMENT)]
    assert story.waiting_until_s == story.now_s + 2.0


def test_a_whole_answer_is_waited_for_in_silence() -> None:
    story = Story(plan(stream=False))
    story.happens(ok())
    assert story.waiting_until_s == 110.0
    assert kinds(story.happens(DeadlinePassed(), after_s=10.0)) == ["CancelUpstream", "CallUpstream"]


def test_nobody_is_kept_alive_where_the_operator_does_not_want_it() -> None:
    story = Story(plan(deadlines=Deadlines(first_byte_s=10, total_s=60, keep_alive_s=0)))
    story.happens(ok())
    assert story.waiting_until_s == 110.0


def test_a_client_that_leaves_after_a_sign_of_life_is_written_down() -> None:
    story = Story(plan())
    story.happens(ok())
    story.happens(DeadlinePassed(), after_s=2.0)
    commands = story.happens(ClientGone())
    assert isinstance(commands[0], CancelUpstream)
    assert story.over
    assert story.entry.state == "client_gone"
    assert not any(isinstance(command, CallUpstream) for command in commands)


@pytest.mark.parametrize("name", sorted(CLIENT_DIALECTS))
def test_every_client_dialect_has_its_own_sign(name: str) -> None:
    client = CLIENT_DIALECTS[name]
    sign = client.keep_alive(plan().asked)
    assert sign == {
        "anthropic-messages": b'event: ping\ndata: {"type": "ping"}\n\n',
        "gemini-generate": b"\r\n",
    }.get(name, COMMENT)
