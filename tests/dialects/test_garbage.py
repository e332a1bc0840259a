"""Parsers of answers and of requests against whatever may come: they raise nothing but InvalidRequest."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Message, Request, Text
from entrepot.canonical.stream import Ended, Failed
from entrepot.dialects.base import Asked, Envelope, Target
from entrepot.dialects.registry import (
    CLIENT_DIALECTS,
    EMBEDDING_CLIENTS,
    EMBEDDING_DIALECTS,
    PROVIDER_DIALECTS,
    open_relay,
)
from entrepot.errors import InvalidRequest

WORDS = """type id model content text role choices index delta message finish_reason tool_calls function name arguments usage
prompt_tokens completion_tokens input_tokens output_tokens message_start content_block_start content_block_delta
content_block_stop message_delta message_stop content_block partial_json input_json_delta text_delta tool_use thinking signature
stop_reason error messages system tools user assistant tool max_tokens source data tool_choice reasoning_details audio images
tool_result tool_use_id image document base64 url citations extra_content google cache_control response_format
response output item output_index content_index summary_index output_text refusal function_call call_id custom_tool_call input
encrypted_content response.created response.output_item.added response.output_item.done response.output_text.delta
response.function_call_arguments.delta response.completed incomplete status instructions namespace
additional_tools custom toolUse toolResult toolUseId reasoningContent reasoningText redactedContent citationsContent stopReason
inputTokens bytes format done done_reason thinking prompt_eval_count logprobs created_at""".split()
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
    said = {"messages": [body], "input": [body]}
    for changes in ({}, {"model": "m", "max_tokens": 5}, {"model": "m", "max_tokens": 5, **said}):
        with contextlib.suppress(InvalidRequest):
            asked = CLIENT_DIALECTS[name].parse_request(
                json.dumps({**body, **changes}).encode(), Envelope("/v1beta/models/m:generateContent")
            )
            for provider in PROVIDER_DIALECTS.values():
                with contextlib.suppress(InvalidRequest):
                    provider.render_request(asked, TARGET, None)


EMBEDDING_WORDS = """data embedding embeddings index usage prompt_tokens total_tokens model error values predictions statistics
token_count usageMetadata promptTokenCount prompt_eval_count input content parts text requests dimensions taskType title
outputDimensionality encoding_format prompt_tokens_details cached_tokens embedContentConfig inlineData mimeType""".split()
embedding_words = st.sampled_from(EMBEDDING_WORDS)
embedding_objects = st.dictionaries(
    embedding_words,
    st.recursive(
        st.none() | st.booleans() | st.integers(-2, 10**20) | st.floats(allow_nan=False) | st.text(max_size=4),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(embedding_words, inner, max_size=4),
        max_leaves=20,
    ),
    max_size=6,
)


@pytest.mark.parametrize("name", sorted(EMBEDDING_DIALECTS))
@given(embedding_objects, st.sampled_from(["float", "base64"]))
def test_any_answer_with_embeddings_is_given_or_failed(name: str, said: dict[str, Any], encoding: str) -> None:
    request = Request("m", (Message("user", (Text("x"),)),), operation="embed", extra={"encoding_format": encoding})
    asked = Asked(request, "another-dialect", {})
    for client in EMBEDDING_CLIENTS.values():
        relay = open_relay(client, EMBEDDING_DIALECTS[name], asked, TARGET)
        relay.feed(json.dumps(said).encode())
        closed = relay.close()
        assert closed.ended != (closed.failure is not None)
        relay.summary(1)


@pytest.mark.parametrize("name", sorted(EMBEDDING_CLIENTS))
@given(embedding_objects, st.sampled_from(["embedContent", "batchEmbedContents"]))
def test_any_request_for_embeddings_is_understood_or_refused(name: str, body: dict[str, Any], action: str) -> None:
    for changes in ({}, {"model": "m", "input": ["x"], "content": {"parts": [{"text": "x"}]}, "requests": [body]}):
        with contextlib.suppress(InvalidRequest):
            asked = EMBEDDING_CLIENTS[name].parse_request(
                json.dumps({**body, **changes}).encode(), Envelope(f"/v1beta/models/m:{action}")
            )
            for provider in EMBEDDING_DIALECTS.values():
                with contextlib.suppress(InvalidRequest):
                    provider.render_request(asked, TARGET, None)
