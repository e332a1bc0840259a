"""Streams of this dialect's own events with whatever in them: understood or failed, the same for any split, on every way out."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from entrepot.canonical.fold import fold
from entrepot.canonical.stream import Ended, Failed, StreamEvent
from entrepot.dialects.openai_responses.answer import ResponseParser
from entrepot.dialects.openai_responses.keeping import given_items, kept_items, with_input
from entrepot.errors import InvalidRequest
from tests.dialects.openai_responses.asking import DIALECT, TARGET, ask, sent

texts = st.sampled_from(["", "你", "a", "{}", '{"input": "x"}', '{"q'])
strange = st.none() | st.booleans() | st.integers(-2, 9) | texts | st.lists(st.just("x"), max_size=2)
places = st.integers(0, 2) | strange
parts = st.fixed_dictionaries(
    {"type": st.sampled_from(["output_text", "refusal", "summary_text", "reasoning_text", "odd"]) | strange},
    optional={
        "text": texts | strange,
        "refusal": texts | strange,
        "annotations": st.lists(strange, max_size=2) | strange,
    },
)
KINDS = ["message", "reasoning", "function_call", "custom_tool_call", "web_search_call", "function_call_output", "odd"]
items = st.fixed_dictionaries(
    {"type": st.sampled_from(KINDS) | strange},
    optional={
        "id": texts | strange,
        "role": st.sampled_from(["user", "assistant"]) | strange,
        "content": st.lists(parts, max_size=2) | strange,
        "summary": st.lists(parts, max_size=2) | strange,
        "encrypted_content": st.sampled_from(["gAAA", "entrepot:x:y", "entrepot-call:x:y"]) | strange,
        "call_id": texts | strange,
        "name": texts | strange,
        "arguments": texts | strange,
        "input": texts | strange,
        "output": texts | st.lists(parts, max_size=2) | strange,
        "namespace": texts | strange,
        "result": texts | strange,
    },
)
responses = st.fixed_dictionaries(
    {"output": st.lists(items | strange, max_size=3) | strange},
    optional={
        "status": st.sampled_from(["completed", "incomplete", "failed", "queued"]) | strange,
        "usage": st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "total_tokens"]), strange) | strange,
        "created_at": st.floats(allow_nan=False, allow_infinity=False) | strange,
        "error": strange,
        "incomplete_details": strange,
    },
)
TYPES = ["created", "in_progress", "output_item.added", "output_item.done", "output_text.delta", "refusal.delta",
         "reasoning_text.delta", "reasoning_summary_text.delta", "function_call_arguments.delta", "completed",
         "incomplete", "failed", "made_up"]  # fmt: skip
events = st.fixed_dictionaries(
    {"type": st.sampled_from(TYPES).map("response.{}".format) | st.just("error")},
    optional={
        "output_index": places,
        "content_index": places,
        "summary_index": places,
        "delta": texts | strange,
        "item": items | strange,
        "response": responses | strange,
        "error": strange,
    },
)


def parsed(*pieces: bytes) -> list[StreamEvent]:
    parser = ResponseParser()
    found = [event for piece in pieces for event in parser.feed(piece)]
    return [*found, *parser.close()]


@settings(max_examples=300, deadline=None)
@given(st.lists(events, max_size=8), st.integers(0, 400))
def test_any_stream_is_understood_or_failed_and_rendered(said: list[dict[str, Any]], split: int) -> None:
    body = b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in said)
    whole = parsed(body)
    assert parsed(body[:split], body[split:]) == whole
    assert isinstance(whole[-1], Ended | Failed)
    assert not any(isinstance(event, Ended | Failed) for event in whole[:-1])
    fold(whole)
    for stream in (False, True):
        DIALECT.open_renderer(ask(stream=stream), 1).render(whole)
        relay = DIALECT.open_relay(ask(stream=stream), TARGET)
        steps = [relay.feed(body[:split]), relay.feed(body[split:]), relay.close()]
        assert [step.ended for step in steps].count(True) == isinstance(whole[-1], Ended)
        assert [step.failure is not None for step in steps].count(True) == isinstance(whole[-1], Failed)
        relay.summary(0)


@settings(max_examples=300, deadline=None)
@given(st.lists(items, max_size=4))
def test_any_items_are_understood_or_refused_and_said_again(said: list[dict[str, Any]]) -> None:
    try:
        asked = ask(input=said)
    except InvalidRequest:
        return
    sent(asked, "prefixed_item_ids")
    kept_items(given_items(asked), "resp_1")
    assert with_input(asked, given_items(asked), {}).request.messages == asked.request.messages
