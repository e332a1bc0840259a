"""Pydantic AI with its OpenAI, Anthropic and Google models, told only where the gateway is; every provider dialect answers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models import Model
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.google import GoogleModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.google import GoogleProvider
from pydantic_ai.providers.openai import OpenAIProvider

from tests.programs.conftest import Stage
from tests.programs.installation import KEY
from tests.programs.scripted import Call, Heard, Reply, call_then_tell

HELLO = "你好，世界！ A text in several pieces 🚀."
BUILD: dict[str, Callable[[Stage, str], Model]] = {
    "OpenAIChatModel": lambda stage, dialect: OpenAIChatModel(
        dialect, provider=OpenAIProvider(base_url=f"{stage.address}/v1", api_key=KEY)
    ),
    "AnthropicModel": lambda stage, dialect: AnthropicModel(
        dialect, provider=AnthropicProvider(base_url=stage.address, api_key=KEY)
    ),
    "GoogleModel": lambda stage, dialect: GoogleModel(
        dialect, provider=GoogleProvider(base_url=stage.address, api_key=KEY)
    ),
}

pytestmark = [
    pytest.mark.end_to_end,
    pytest.mark.parametrize("kind", BUILD),
    pytest.mark.parametrize("dialect", ["openai-chat", "anthropic-messages", "gemini-generate"]),
]


class City(BaseModel):
    """A city."""

    name: str
    people: int


async def test_a_whole_answer_with_its_usage(stage: Stage, kind: str, dialect: str) -> None:
    async with Agent(BUILD[kind](stage, dialect), instructions="简短回答。") as agent:
        answer = await agent.run("你好")
    assert answer.output == HELLO
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (11, 5)
    assert "简短回答" in str(stage.provider.requests[0].body)


async def test_a_streamed_answer_is_the_whole_one_in_pieces(stage: Stage, kind: str, dialect: str) -> None:
    async with Agent(BUILD[kind](stage, dialect)) as agent, agent.run_stream("你好") as streamed:
        pieces = [piece async for piece in streamed.stream_text(delta=True, debounce_by=None)]
    assert "".join(pieces) == HELLO


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_one_after_another_and_answered(
    stage: Stage, kind: str, dialect: str, stream: bool
) -> None:
    stage.play(call_then_tell(Call("weather", {"city": "杭州"}), Call("weather", {"city": "Köln"})))
    agent = Agent(BUILD[kind](stage, dialect))

    @agent.tool_plain
    def weather(city: str) -> str:
        """The weather in a city. 天气。"""
        return f"{city}：晴"

    async with agent:
        if stream:
            async with agent.run_stream("天气？") as streamed:
                told = await streamed.get_output()
        else:
            told = (await agent.run("天气？")).output
    assert "Köln：晴" in told
    assert [len(heard.results) for heard in stage.provider.requests] == [0, 1, 2]
    assert "杭州：晴" in stage.provider.requests[-1].results[0]


@pytest.mark.parametrize("by_tool", [False, True])
async def test_an_answer_by_a_schema(stage: Stage, kind: str, dialect: str, by_tool: bool) -> None:
    def script(heard: Heard) -> Reply:
        if heard.tools:
            return Reply(calls=(Call(heard.tools[0], {"name": "杭州", "people": 12}),))
        return Reply('{"name": "杭州", "people": 12}')

    stage.play(script)
    model = BUILD[kind](stage, dialect)
    # What this program believes of a model it goes by the name of, and it knows none of these.
    model.profile["supports_json_schema_output"] = True
    output = ToolOutput(City) if by_tool else NativeOutput(City)
    async with Agent(model, output_type=output) as agent:
        answer = await agent.run("a city")
    assert answer.output == City(name="杭州", people=12)
