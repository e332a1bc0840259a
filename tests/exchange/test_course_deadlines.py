"""Stories of providers that send, but say nothing or little."""

from __future__ import annotations

import pytest

from entrepot.exchange.events import (
    DeadlinePassed,
    UpstreamChunk,
    UpstreamEnded,
)
from tests.exchange.frames import WHOLE, chunk, end, kinds, ok
from tests.exchange.transcript import Story, candidate, plan_for

A, B, C = candidate("a/m"), candidate("b/m"), candidate("c/m")


@pytest.mark.parametrize("stream", [True, False])
def test_bytes_that_never_cease_do_not_put_off_the_first_content_s_deadline(stream: bool) -> None:
    ping = UpstreamChunk(0, b": ping\n\n" if stream else b"\n\n")
    story = Story(plan_for(A, B, stream=stream))
    story.happens(ok(), ping, after_s=9.9)
    assert story.called == ["a/m"]
    commands = story.happens(ping, after_s=0.1)
    assert kinds(commands) == ["CancelUpstream", "CallUpstream"]
    assert story.called == ["a/m", "b/m"]


def test_bytes_that_never_cease_do_not_put_off_the_end_of_the_whole() -> None:
    story = Story(plan_for(A, B))
    story.happens(ok(), chunk("x"))
    for _ in range(14):
        story.happens(chunk("x"), after_s=4)
    assert kinds(story.happens(chunk("x"), after_s=4)) == ["CancelUpstream", "Record", "SendToClient"]
    assert story.over
    assert (story.entry.state, story.entry.error_code) == ("broken", "timeout")


def test_bytes_after_the_end_marker_are_not_listened_to_for_long() -> None:
    story = Story(plan_for(A))
    story.happens(ok(), chunk("x"), end())
    story.happens(chunk("x"), after_s=0.5)
    assert kinds(story.happens(chunk("x"), after_s=0.5)) == ["CancelUpstream"]
    assert story.over


def test_a_whole_answer_that_comes_slowly_is_waited_for_as_long_as_it_comes() -> None:
    story = Story(plan_for(A, B, stream=False))
    story.happens(ok())
    for at in range(0, len(WHOLE), 20):
        story.happens(UpstreamChunk(0, WHOLE[at : at + 20]), after_s=4)
    assert story.now_s > 110
    story.happens(UpstreamEnded(0))
    assert story.called == ["a/m"]
    assert story.entry.state == "completed"


def test_a_whole_answer_that_stops_coming_is_given_up_after_the_idle_time() -> None:
    story = Story(plan_for(A, B, stream=False))
    story.happens(ok(), UpstreamChunk(0, WHOLE[:20]), after_s=1)
    assert story.waiting_until_s == story.now_s + 5
    story.happens(DeadlinePassed(), after_s=5)
    assert story.called == ["a/m", "b/m"]
