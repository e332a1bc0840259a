"""The stand-in that speaks Anthropic's messages, as Anthropic's own SDK reads it."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import msgspec
import pytest
from anthropic import AsyncAnthropic

from entrepot.simulator.provider import Simulator
from tests.simulator.sdk_world import CITY, KEY, NOTHING, PIXEL, stand_ins

pytestmark = pytest.mark.sockets

HELLO: Any = [{"role": "user", "content": "你好，港口"}]
WEATHER: Any = {"name": "get_weather", "description": "天气", "input_schema": CITY}
CLOCK: Any = {"name": "get_time", "input_schema": NOTHING}
BOTH = "call the tool get_weather and call the tool get_time"
THINKS: Any = {"type": "enabled", "budget_tokens": 1024}
EPHEMERAL: Any = {"type": "ephemeral"}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with stand_ins() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncAnthropic]:
    url = simulator.base_url("anthropic-messages").removesuffix("/v1")
    async with AsyncAnthropic(api_key=KEY, base_url=url, max_retries=0) as opened:
        yield opened


def asked(model: str = "echo", **more: Any) -> Any:
    return {"model": model, "max_tokens": 2000, "messages": HELLO, **more}


def tokens_of(usage: Any) -> tuple[int, int, int, int, int]:
    thought = usage.output_tokens_details.thinking_tokens
    read, written = usage.cache_read_input_tokens, usage.cache_creation_input_tokens
    return usage.input_tokens, read, usage.output_tokens - thought, thought, written


async def test_a_whole_answer_and_its_usage_are_what_the_books_say(
    client: AsyncAnthropic, simulator: Simulator
) -> None:
    answer = await client.messages.create(**asked(system="简短。"))
    assert answer.content[0].type == "text"
    assert "你好，港口" in answer.content[0].text
    assert (answer.stop_reason, answer.model) == ("end_turn", "echo")
    (row,) = simulator.books.rows
    assert (row.state, row.id) == ("completed", answer.id)
    assert tokens_of(answer.usage) == msgspec.structs.astuple(row.tokens)[:5]
    assert simulator.heard("anthropic-messages").system == "简短。"


@pytest.mark.parametrize("model", ["echo", "thinker"])
async def test_a_stream_comes_to_the_same_message(client: AsyncAnthropic, model: str) -> None:
    whole = await client.messages.create(**asked(model, thinking=THINKS))
    async with client.messages.stream(**asked(model, thinking=THINKS)) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_message()
    assert [block.model_dump() for block in final.content] == [block.model_dump() for block in whole.content]
    assert tokens_of(final.usage) == tokens_of(whole.usage)
    assert final.stop_reason == "end_turn"
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel_and_answered(
    client: AsyncAnthropic, simulator: Simulator, stream: bool
) -> None:
    messages: Any = [{"role": "user", "content": BOTH}]
    settings = asked("thinker", messages=messages, tools=[WEATHER, CLOCK], thinking=THINKS)
    if stream:
        async with client.messages.stream(**settings) as opened:
            first: Any = await opened.get_final_message()
    else:
        first = await client.messages.create(**settings)
    assert first.stop_reason == "tool_use"
    thought, weather, clock = first.content
    assert (thought.type, weather.name, clock.name) == ("thinking", "get_weather", "get_time")
    assert "city" in weather.input
    assert clock.input == {}
    results: Any = [
        {"type": "tool_result", "tool_use_id": use.id, "content": said}
        for use, said in ((weather, "晴"), (clock, "noon"))
    ]
    messages += [{"role": "assistant", "content": first.content}, {"role": "user", "content": results}]
    second = await client.messages.create(**settings | {"messages": messages})
    assert second.content[-1].type == "text"
    assert second.content[-1].text == "The tool returned: 晴; noon"
    assert simulator.heard("anthropic-messages").replayed == (thought.thinking,)


async def test_json_by_a_schema(client: AsyncAnthropic) -> None:
    schema = {**CITY, "additionalProperties": False}
    answer = await client.messages.create(**asked(output_config={"format": {"type": "json_schema", "schema": schema}}))
    assert answer.content[0].type == "text"
    assert msgspec.json.decode(answer.content[0].text) == {"city": "你好，港口"}


async def test_a_picture_is_seen(client: AsyncAnthropic, simulator: Simulator) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": PIXEL}
    content = [{"type": "image", "source": source}, {"type": "text", "text": "What is it?"}]
    await client.messages.create(**asked(messages=[{"role": "user", "content": content}]))
    assert simulator.heard("anthropic-messages").prompt.startswith("[image/png ")


async def test_stops_are_told_apart(client: AsyncAnthropic) -> None:
    stopped = await client.messages.create(**asked(stop_sequences=["wrote"]))
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "wrote")
    cut = await client.messages.create(**asked(max_tokens=2))
    assert (cut.stop_reason, cut.usage.output_tokens) == ("max_tokens", 2)
    refused = await client.messages.create(**asked(messages=[{"role": "user", "content": "拒绝回答"}]))
    assert refused.stop_reason == "refusal"


async def test_what_is_marked_is_written_to_the_cache_then_read(client: AsyncAnthropic, simulator: Simulator) -> None:
    system = [
        {"type": "text", "text": "港" * 1500, "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        {"type": "text", "text": "口" * 300, "cache_control": EPHEMERAL},
    ]
    first = await client.messages.create(**asked(system=system))
    assert first.usage.cache_creation is not None
    assert first.usage.cache_creation.ephemeral_1h_input_tokens == 1500
    assert first.usage.cache_creation.ephemeral_5m_input_tokens == 300
    again = await client.messages.create(**asked(system=system))
    assert (again.usage.cache_read_input_tokens, again.usage.cache_creation_input_tokens) == (1800, 0)
    assert again.usage.input_tokens == first.usage.input_tokens
    assert [row.tokens.cache_write_tokens for row in simulator.books.rows] == [1800, 0]
    unmarked = await client.messages.create(**asked(system="港" * 1500))
    assert unmarked.usage.cache_creation_input_tokens == 0


async def test_redacted_thinking_comes_back_as_it_was_or_not_at_all(client: AsyncAnthropic) -> None:
    asks = {"role": "user", "content": f"ANTHROPIC_MAGIC_STRING_TRIGGER_REDACTED_THINKING {BOTH}"}
    settings = asked("thinker", tools=[WEATHER], thinking=THINKS, messages=[asks])
    first: Any = await client.messages.create(**settings)
    redacted, use = first.content
    assert redacted.type == "redacted_thinking"
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": "晴"}]}
    for data, accepted in ((redacted.data, True), (base64.b64encode(b"x" * 64).decode(), False)):
        kept = [{"type": "redacted_thinking", "data": data}, use.model_dump(include={"type", "id", "name", "input"})]
        history = [asks, {"role": "assistant", "content": kept}, result]
        if accepted:
            assert (await client.messages.create(**settings | {"messages": history})).content
        else:
            with pytest.raises(anthropic.BadRequestError, match="Invalid `data`"):
                await client.messages.create(**settings | {"messages": history})


async def test_tokens_are_counted(client: AsyncAnthropic, simulator: Simulator) -> None:
    counted = await client.messages.count_tokens(model="echo", messages=HELLO, system="简短。")
    answer = await client.messages.create(**asked(system="简短。"))
    assert counted.input_tokens == answer.usage.input_tokens
    assert len(simulator.books.rows) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, anthropic.BadRequestError),
        (401, anthropic.AuthenticationError),
        (404, anthropic.NotFoundError),
        (429, anthropic.RateLimitError),
        (500, anthropic.InternalServerError),
        (529, anthropic.InternalServerError),
    ],
)
async def test_a_status_is_the_sdks_own_error(
    client: AsyncAnthropic, status: int, error: type[anthropic.APIStatusError]
) -> None:
    with pytest.raises(error) as caught:
        await client.messages.create(**asked(f"echo~status:{status}"))
    assert caught.value.status_code == status
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["type"] == "error"


async def test_an_error_in_the_middle_and_an_unknown_model_are_errors(client: AsyncAnthropic) -> None:
    with pytest.raises(anthropic.APIStatusError, match="error while processing"):
        async with client.messages.stream(**asked("echo~error-frame")) as stream:
            await stream.get_final_message()
    with pytest.raises(anthropic.NotFoundError):
        await client.messages.create(**asked("nobody"))
    assert {model.id async for model in client.models.list()} == {"echo", "thinker", "slow"}


@pytest.mark.parametrize("fault", ["pings", "one-byte-writes", "other-model:x", "early-hints", "slow-chunks:1"])
async def test_strange_manners_lose_nothing(client: AsyncAnthropic, fault: str) -> None:
    async with client.messages.stream(**asked(f"echo~{fault}")) as stream:
        final = await stream.get_final_message()
    assert final.stop_reason == "end_turn"
    assert final.model == ("x" if fault.startswith("other") else "echo")


async def test_a_wrong_key_is_refused(simulator: Simulator) -> None:
    url = simulator.base_url("anthropic-messages").removesuffix("/v1")
    async with AsyncAnthropic(api_key="wrong", base_url=url, max_retries=0) as stranger:
        with pytest.raises(anthropic.AuthenticationError):
            await stranger.messages.create(**asked())
