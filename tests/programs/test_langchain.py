"""LangChain's ChatOpenAI, told only where the gateway is; the provider behind it speaks another dialect."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel, SecretStr

from tests.programs.conftest import Stage
from tests.programs.installation import KEY
from tests.programs.scripted import Call, Heard, Reply, call_then_tell

pytestmark = [pytest.mark.end_to_end, pytest.mark.parametrize("dialect", ["anthropic-messages", "gemini-generate"])]

HELLO = "你好，世界！ A text in several pieces 🚀."


def chat(stage: Stage, dialect: str, **more: Any) -> ChatOpenAI:
    return ChatOpenAI(model=dialect, base_url=f"{stage.address}/v1", api_key=SecretStr(KEY), max_retries=0, **more)


@tool
def weather(city: str) -> str:
    """The weather in a city. 天气。"""
    return f"{city}：晴"


class City(BaseModel):
    """A city."""

    name: str
    people: int


def test_a_whole_answer_with_its_usage(stage: Stage, dialect: str) -> None:
    answer = chat(stage, dialect).invoke("你好")
    assert answer.content == HELLO
    assert answer.usage_metadata is not None
    assert (answer.usage_metadata["input_tokens"], answer.usage_metadata["output_tokens"]) == (11, 5)


async def test_a_streamed_answer_whole_and_with_its_usage(stage: Stage, dialect: str) -> None:
    whole = None
    async with httpx.AsyncClient() as client:  # its own would outlive this test's loop
        async for chunk in chat(stage, dialect, stream_usage=True, http_async_client=client).astream("你好"):
            whole = chunk if whole is None else whole + chunk
    assert whole is not None
    assert whole.content == HELLO
    assert whole.usage_metadata is not None
    assert whole.usage_metadata["output_tokens"] == 5


@pytest.mark.parametrize("stream", [False, True])
def test_a_bound_tool_is_called_and_answered(stage: Stage, dialect: str, stream: bool) -> None:
    stage.play(call_then_tell(Call("weather", {"city": "杭州"})))
    model = chat(stage, dialect, streaming=stream).bind_tools([weather])
    asked: list[Any] = [HumanMessage("杭州天气？")]
    first = model.invoke(asked)
    assert [(call["name"], call["args"]) for call in first.tool_calls] == [("weather", {"city": "杭州"})]
    result = weather.invoke(first.tool_calls[0])
    assert isinstance(result, ToolMessage)
    assert "杭州：晴" in str(model.invoke([*asked, first, result]).content)


@pytest.mark.parametrize("method", ["function_calling", "json_schema"])
def test_an_answer_by_a_schema(stage: Stage, dialect: str, method: Any) -> None:
    def script(heard: Heard) -> Reply:
        if "City" in heard.tools:
            return Reply(calls=(Call("City", {"name": "杭州", "people": 12}),))
        return Reply('{"name": "杭州", "people": 12}')

    stage.play(script)
    answer = chat(stage, dialect).with_structured_output(City, method=method).invoke("a city")
    assert answer == City(name="杭州", people=12)
    assert ("City" in stage.provider.requests[0].tools) == (method == "function_calling")
    assert "people" in str(stage.provider.requests[0].body)
