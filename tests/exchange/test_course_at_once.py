"""An answer that comes in one piece, against the same in three."""

from __future__ import annotations

import json

import pytest

from entrepot.exchange.commands import CancelUpstream, Record
from entrepot.exchange.events import Event, UpstreamAnswer, UpstreamChunk, UpstreamEnded, UpstreamHead
from tests.exchange.frames import DONE, STOP, USAGE, frame
from tests.exchange.test_course import A, B
from tests.exchange.transcript import Story, plan_for

AT_ONCE = json.dumps({"choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
ANSWERS: list[tuple[int, bytes]] = [
    (200, AT_ONCE),
    (200, b" "),
    (200, b"<html>"),
    (200, b'{"error": {"message": "no"}}'),
    (200, frame({"choices": [{"index": 0, "delta": {"content": "hi"}}]})),
    (200, frame({"choices": [{"index": 0, "delta": {"content": "hi"}}]}) + STOP + USAGE + DONE),
    (429, b'{"error": {"message": "later"}}'),
    (500, b""),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("status", "body"), ANSWERS)
def test_a_whole_answer_is_what_its_head_body_and_end_are_one_by_one(status: int, body: bytes, stream: bool) -> None:
    def told(*events: Event) -> tuple[bytes, list[str], list[str]]:
        story = Story(plan_for(A, B, stream=stream))
        for event in events:
            if not story.over and not {CancelUpstream, Record} & {type(command) for command in story.commands}:
                story.happens(event)
        states: list[str] = [command.entry.state for command in story.commands if isinstance(command, Record)]
        kinds = [type(command).__name__ for command in story.commands if not isinstance(command, CancelUpstream)]
        return story.sent, states, kinds

    headers = ((b"content-type", b"application/json"),)
    apart = told(UpstreamHead(0, status, headers), UpstreamChunk(0, body), UpstreamEnded(0))
    assert told(UpstreamAnswer(0, status, headers, body)) == apart
