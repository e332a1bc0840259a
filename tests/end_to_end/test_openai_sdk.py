"""The official OpenAI SDK against a running gateway: only its base URL is changed."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end

WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather in a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
NAMED: Any = {"type": "function", "function": {"name": "get_weather"}}


@pytest.fixture
def client(entrepot: World) -> Any:
    with OpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as made:
        yield made


def test_a_whole_answer(client: OpenAI) -> None:
    answer = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": "你好，世界"}])
    assert answer.choices[0].message.content
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "tell me something"}]
    whole = client.chat.completions.create(model="cheap/small", messages=messages)
    chunks = list(client.chat.completions.create(model="cheap/small", messages=messages, stream=True))
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == whole.choices[0].message.content
    assert all(chunk.usage is None for chunk in chunks)


def test_a_stream_reports_usage_when_asked(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model="cheap/small",
            messages=[{"role": "user", "content": "x"}],
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens > 0


def test_tools_are_called_and_answered(client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "call the tool get_weather"}]
    first = client.chat.completions.create(model="auto", messages=messages, tools=[WEATHER], tool_choice=NAMED)
    assert first.choices[0].finish_reason == "tool_calls"
    calls = first.choices[0].message.tool_calls
    assert calls
    call: Any = calls[0]
    assert call.function.name == "get_weather"
    assert isinstance(json.loads(call.function.arguments), dict)
    messages = [
        *messages,
        first.choices[0].message.model_dump(exclude_none=True),
        {"role": "tool", "tool_call_id": call.id, "content": "sunny"},
    ]
    second = client.chat.completions.create(model="auto", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content


def test_streamed_tool_arguments_join_to_json(client: OpenAI) -> None:
    chunks = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "call the tool get_weather"}],
        tools=[WEATHER],
        tool_choice=NAMED,
        stream=True,
    )
    arguments, names, finish = "", [], None
    for chunk in chunks:
        finish = chunk.choices[0].finish_reason or finish
        for call in chunk.choices[0].delta.tool_calls or ():
            assert call.function is not None
            arguments += call.function.arguments or ""
            names.append(call.function.name)
    assert [name for name in names if name] == ["get_weather"]
    assert isinstance(json.loads(arguments), dict)
    assert finish == "tool_calls"


def test_json_mode_goes_through(client: OpenAI) -> None:
    answer = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "answer in json"}],
        response_format={"type": "json_object"},
    )
    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_models_lists_routes_models_and_deployments(client: OpenAI) -> None:
    listed = [model.id for model in client.models.list()]
    assert listed[0].startswith("a")
    assert {"auto", "small", "cheap/small", "dear/large"} <= set(listed)


def test_errors_are_the_sdks_own(entrepot: World, client: OpenAI) -> None:
    messages: Any = [{"role": "user", "content": "x"}]
    with pytest.raises(openai.NotFoundError, match="no route, model or deployment"):
        client.chat.completions.create(model="nope", messages=messages)
    with pytest.raises(openai.BadRequestError, match="messages"):
        client.chat.completions.create(model="auto", messages=[])
    with (
        OpenAI(base_url=entrepot.base_url, api_key="wrong", max_retries=0) as stranger,
        pytest.raises(openai.AuthenticationError),
    ):
        stranger.chat.completions.create(model="auto", messages=messages)
    with pytest.raises(openai.InternalServerError, match="no candidate answered"):
        client.chat.completions.create(model="faulty/status:500", messages=messages)
    with pytest.raises(openai.RateLimitError):
        client.chat.completions.create(model="faulty/status:429:seconds=7", messages=messages)


def test_a_stream_that_breaks_raises_in_the_sdk(client: OpenAI) -> None:
    with pytest.raises(openai.APIError, match="broke off"):
        list(
            client.chat.completions.create(
                model="faulty/error-frame", messages=[{"role": "user", "content": "a longer text"}], stream=True
            )
        )


async def test_the_async_client_whole_and_streamed(entrepot: World) -> None:
    async with AsyncOpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as client:
        messages: Any = [{"role": "user", "content": "hello"}]
        whole = await client.chat.completions.create(model="auto", messages=messages)
        stream = await client.chat.completions.create(model="auto", messages=messages, stream=True)
        pieces = [chunk.choices[0].delta.content or "" async for chunk in stream]
        assert whole.choices[0].message.content
        assert "".join(pieces)


def test_the_raw_response_names_what_answered(client: OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="auto", messages=[{"role": "user", "content": "x"}])
    assert raw.headers["x-entrepot-route"] == "auto"
    assert raw.headers["x-entrepot-deployment"] in ("cheap/small", "dear/large")
    assert raw.headers["x-entrepot-model"] in ("small", "large")
    assert len(raw.headers["x-entrepot-exchange"]) == 36
    assert float(raw.headers["x-entrepot-cost-usd"]) > 0
    assert float(raw.headers["x-entrepot-baseline-usd"]) > 0
