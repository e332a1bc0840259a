"""The official Anthropic SDK against a running gateway whose providers speak OpenAI chat: only its base URL is changed."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end

WEATHER: Any = {
    "name": "get_weather",
    "description": "The weather in a city. 天气。",
    "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
}
HI: Any = [{"role": "user", "content": "你好，世界"}]


@pytest.fixture
def client(entrepot: World) -> Any:
    with Anthropic(base_url=entrepot.base_url.removesuffix("/v1"), api_key=KEY, max_retries=0) as made:
        yield made


def test_a_whole_answer(client: Anthropic) -> None:
    answer = client.messages.create(model="auto", max_tokens=200, messages=HI, system="简短回答。")
    assert answer.content[0].type == "text"
    assert answer.content[0].text
    assert answer.stop_reason == "end_turn"
    assert answer.usage.input_tokens > 0
    assert answer.usage.output_tokens > 0


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: Anthropic) -> None:
    whole = client.messages.create(model="cheap/small", max_tokens=200, messages=HI)
    with client.messages.stream(model="cheap/small", max_tokens=200, messages=HI) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert whole.content[0].type == "text"
    assert text == whole.content[0].text
    assert final.stop_reason == "end_turn"
    assert (final.usage.input_tokens, final.usage.output_tokens) == (
        whole.usage.input_tokens,
        whole.usage.output_tokens,
    )


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_answered(client: Anthropic, stream: bool) -> None:
    messages: Any = [{"role": "user", "content": "call the tool get_weather"}]
    asked: Any = {"model": "cheap/small", "max_tokens": 200, "tools": [WEATHER]}
    forced: Any = {"type": "tool", "name": "get_weather"}
    if stream:
        with client.messages.stream(messages=messages, tool_choice=forced, **asked) as opened:
            first: Any = opened.get_final_message()
    else:
        first = client.messages.create(messages=messages, tool_choice=forced, **asked)
    assert first.stop_reason == "tool_use"
    use = next(block for block in first.content if block.type == "tool_use")
    assert use.name == "get_weather"
    assert isinstance(use.input, dict)
    result = {"type": "tool_result", "tool_use_id": use.id, "content": [{"type": "text", "text": "晴"}]}
    answered = [
        *messages,
        {"role": "assistant", "content": first.model_dump()["content"]},
        {"role": "user", "content": [result]},
    ]
    second = client.messages.create(messages=answered, **asked)
    assert any(block.type == "text" and block.text for block in second.content)


def test_errors_are_the_sdks_own(client: Anthropic, entrepot: World) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.messages.create(model="no-such-model", max_tokens=9, messages=HI)
    with pytest.raises(anthropic.BadRequestError) as caught:
        client.messages.create(
            model="auto", max_tokens=9, messages=HI, tools=[{"type": "bash_20250124", "name": "bash"}]
        )
    assert "bash" in str(caught.value)
    url = entrepot.base_url.removesuffix("/v1")
    with (
        Anthropic(base_url=url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(anthropic.AuthenticationError),
    ):
        stranger.messages.create(model="auto", max_tokens=9, messages=HI)


def test_an_answer_that_breaks_off_ends_in_the_dialects_error(client: Anthropic) -> None:
    with (
        pytest.raises(anthropic.APIStatusError) as caught,
        client.messages.stream(model="faulty/close-midway", max_tokens=200, messages=HI) as stream,
    ):
        stream.get_final_message()
    assert "broke off" in str(caught.value)


def test_the_key_is_taken_from_x_api_key_and_the_exchange_is_written_down(entrepot: World) -> None:
    body = json.dumps({"model": "auto", "max_tokens": 50, "messages": HI}).encode()
    status, headers, _ = entrepot.request("/messages", body, key=None, x_api_key=KEY, anthropic_version="2026-10-21")
    assert status == 200
    decision = entrepot.decision(headers["x-entrepot-exchange"])
    assert decision["status"] == 200


def test_tokens_are_counted_before_anyone_is_asked(client: Anthropic) -> None:
    short = client.messages.count_tokens(model="auto", messages=HI).input_tokens
    long = client.messages.count_tokens(
        model="auto", messages=HI, system="简短回答。" * 50, tools=[WEATHER]
    ).input_tokens
    assert 0 < short < long
    with pytest.raises(anthropic.BadRequestError):
        client.messages.count_tokens(model="auto", messages=[])
