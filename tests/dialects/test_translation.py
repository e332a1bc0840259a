from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from entrepot.canonical.response import Usage
from entrepot.canonical.stream import Started, StreamEvent
from entrepot.dialects.base import Relayed
from entrepot.dialects.openai_chat.answer import ChatParser
from entrepot.dialects.openai_chat.errors import error_body
from entrepot.dialects.openai_chat.render import render_response
from entrepot.dialects.openai_chat.render_stream import StreamRenderer
from entrepot.dialects.tally import EMPTY
from entrepot.dialects.translation import Translation
from entrepot.dialects.whole_answer import WholeAnswer
from entrepot.errors import ProviderError


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any) -> bytes:
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return b"data: " + json.dumps({"id": "c", "model": "claimed", "choices": choices, **more}).encode() + b"\n\n"


ROLE = chunk({"role": "assistant", "content": ""})
HELLO = chunk({"content": "你好"})
STOP = chunk({}, "stop")
USAGE = chunk(usage={"prompt_tokens": 9, "completion_tokens": 4})
DONE = b"data: [DONE]\n\n"


def streamed() -> Translation:
    return Translation(ChatParser(), StreamRenderer(include_usage=True, created_s=5))


def test_nothing_leaves_before_the_first_content() -> None:
    translation = streamed()
    assert translation.feed(ROLE + b": ping\n\n") == Relayed()
    relayed = translation.feed(HELLO)
    assert relayed.content
    assert "你好" in relayed.data.decode()
    assert not relayed.ended


def test_an_answer_is_translated_to_its_end_and_counted() -> None:
    translation = streamed()
    relayed = translation.feed(ROLE + HELLO + STOP + USAGE + DONE)
    assert relayed.ended
    assert relayed.data.endswith(DONE)
    assert translation.close() == Relayed()
    summary = translation.summary(0)
    assert (summary.usage.all_input, summary.usage.all_output) == (9, 4)
    assert summary.finished
    assert summary.claimed_model == "claimed"


@pytest.mark.parametrize("split", range(0, 200, 7))
def test_a_split_changes_no_byte_of_the_whole(split: int) -> None:
    stream = ROLE + HELLO + STOP + USAGE + DONE
    one, two = streamed(), streamed()
    whole = one.feed(stream).data
    assert two.feed(stream[:split]).data + two.feed(stream[split:]).data == whole


def test_a_stream_cut_off_is_a_failure_after_what_was_said() -> None:
    translation = streamed()
    translation.feed(ROLE + HELLO)
    closed = translation.close()
    assert closed.failure is not None
    assert closed.failure.kind == "cut_off"
    assert not closed.ended
    assert translation.summary(7).usage == Usage(input_tokens=7, output_tokens=1, estimated=True)
    assert not translation.summary(7).finished


def test_a_whole_answer_that_fails_has_committed_us_to_nothing() -> None:
    translation = Translation(ChatParser(), WholeAnswer(partial(render_response, created_s=5), error_body))
    fed = translation.feed(ROLE + HELLO)  # a server that streams though it was not asked to
    assert (fed.data, fed.content) == (b"", False)
    closed = translation.close()
    assert closed.failure is not None
    assert (closed.data, closed.content) == (b"", False)


def test_a_stream_is_folded_for_a_client_that_asked_for_a_whole_answer() -> None:
    translation = Translation(ChatParser(), WholeAnswer(partial(render_response, created_s=5), error_body))
    relayed = translation.feed(ROLE + HELLO + STOP + USAGE + DONE)
    body = json.loads(relayed.data)
    assert body["choices"][0]["message"]["content"] == "你好"
    assert body["created"] == 5
    assert relayed.ended
    assert relayed.content


def test_an_error_in_the_middle_is_a_failure_and_its_text_does_not_pass() -> None:
    translation = streamed()
    error = b'data: {"error": {"message": "secret", "type": "server_error", "code": "overloaded"}}\n\n'
    relayed = translation.feed(ROLE + HELLO + error + HELLO)
    assert relayed.failure is not None
    assert relayed.failure.kind == "overloaded"
    assert relayed.data.decode().count("你好") == 1
    assert translation.feed(HELLO) == Relayed()
    assert "secret" not in translation.break_off(ProviderError("it broke off")).decode()


def test_half_a_count_is_completed_by_ours_and_an_absurd_one_is_none() -> None:
    half = streamed()
    half.feed(ROLE + HELLO + chunk(usage={"prompt_tokens": 9}))
    assert (half.summary(1).usage.input_tokens, half.summary(1).usage.output_tokens) == (9, 1)
    assert half.summary(1).usage.estimated
    absurd = streamed()
    absurd.feed(ROLE + HELLO + chunk(usage={"prompt_tokens": 10**15, "completion_tokens": 1}))
    assert absurd.summary(1).usage == Usage(input_tokens=1, output_tokens=1, estimated=True)


def test_an_opening_that_says_nothing_does_not_fill_the_memory() -> None:
    class Echo(StreamRenderer):
        def _start(self, event: Started) -> None:
            self._out.append(b"x" * 300_000)

    class Opening(ChatParser):
        def feed(self, data: bytes) -> list[StreamEvent]:
            return [Started("", "")]

    translation = Translation(Opening(), Echo(include_usage=False, created_s=0))
    failures = [translation.feed(b"x").failure for _ in range(5)]
    assert failures == [None] * 3 + [EMPTY, None]
