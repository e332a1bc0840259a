"""Legacy completions with the official OpenAI SDK against a running gateway."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from tests.end_to_end.world import KEY, World

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def client(entrepot: World) -> Any:
    with OpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as made:
        yield made


def test_a_whole_completion(client: OpenAI) -> None:
    answer = client.completions.create(model="auto", prompt="你好，世界")
    assert answer.object == "text_completion"
    assert answer.choices[0].text
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def test_a_streamed_completion_is_the_whole_one_in_pieces(client: OpenAI) -> None:
    whole = client.completions.create(model="slow", prompt="tell me something", echo=True)
    chunks = list(
        client.completions.create(
            model="slow", prompt="tell me something", echo=True, stream=True, stream_options={"include_usage": True}
        )
    )
    assert whole.choices[0].text.startswith("tell me something")
    assert "".join(chunk.choices[0].text for chunk in chunks[:-1]) == whole.choices[0].text
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage
    assert {chunk.object for chunk in chunks} == {"text_completion"}


async def test_the_async_client_streams_too(entrepot: World) -> None:
    async with AsyncOpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as client:
        stream = await client.completions.create(model="cheap/small", prompt=["one prompt"], stream=True)
        assert "".join([chunk.choices[0].text async for chunk in stream])


def test_several_prompts_are_refused_with_the_reason(client: OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="each would be a call of its own") as caught:
        client.completions.create(model="auto", prompt=["one", "two"])
    assert caught.value.param == "prompt"


def test_an_exchange_is_written_down(entrepot: World) -> None:
    status, headers, _ = entrepot.request("/completions", json.dumps({"model": "auto", "prompt": "x"}).encode())
    assert status == 200
    assert entrepot.decision(headers["x-entrepot-exchange"])["state"] == "completed"
