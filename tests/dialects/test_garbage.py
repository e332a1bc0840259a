"""Parsers of answers and of requests against whatever may come: they raise nothing but InvalidRequest."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Request
from entrepot.canonical.stream import Ended, Failed
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS
from entrepot.errors import InvalidRequest

WORDS = """type id model content text role choices index delta message finish_reason tool_calls function name arguments usage
prompt_tokens completion_tokens input_tokens output_tokens message_start content_block_start content_block_delta
content_block_stop message_delta message_stop content_block partial_json input_json_delta text_delta tool_use thinking signature
stop_reason error messages system tools user assistant tool max_tokens source data tool_choice reasoning_details audio images
tool_result tool_use_id image document base64 url citations extra_content google cache_control response_format output
toolUse toolResult toolUseId reasoningContent reasoningText redactedContent citationsContent stopReason inputTokens bytes format
done done_reason thinking prompt_eval_count logprobs created_at""".split()
TARGET = Target("https://provider.example/v1", "m", max_output_tokens=9)
words = st.sampled_from(WORDS)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 10**20) | st.floats(allow_nan=False) | words | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=6),
    max_leaves=25,
)
objects = st.dictionaries(words, values, max_size=8)
names = pytest.mark.parametrize("name", sorted(CLIENT_DIALECTS.keys() & PROVIDER_DIALECTS.keys()))


@names
@given(st.lists(objects, max_size=5), st.booleans())
def test_any_answer_is_parsed_and_rendered_or_failed(name: str, said: list[dict[str, Any]], stream: bool) -> None:
    frames = [b"data: " + json.dumps(each).encode() + b"\n\n" for each in said]
    asked = Asked(Request("m", (), stream=stream), "another-dialect", {})
    parser = PROVIDER_DIALECTS[name].open_parser(asked, TARGET)
    body = b"".join(frames) if stream else json.dumps(said[:1]).encode()[1:-1]
    events = [*parser.feed(body), *parser.close()]
    assert isinstance(events[-1], Ended | Failed)
    assert not any(isinstance(event, Ended | Failed) for event in events[:-1])
    fold(events)
    for client in CLIENT_DIALECTS.values():
        client.open_renderer(asked, 1).render(events)


@names
@given(objects)
def test_any_request_is_understood_or_refused(name: str, body: dict[str, Any]) -> None:
    for changes in ({}, {"model": "m", "max_tokens": 5}, {"model": "m", "max_tokens": 5, "messages": [body]}):
        with contextlib.suppress(InvalidRequest):
            asked = CLIENT_DIALECTS[name].parse_request(
                json.dumps({**body, **changes}).encode(), Envelope("/v1beta/models/m:generateContent")
            )
            for provider in PROVIDER_DIALECTS.values():
                with contextlib.suppress(InvalidRequest):
                    provider.render_request(asked, TARGET, None)
