"""The stand-in that speaks OpenAI's responses, as OpenAI's own SDK reads it."""

from collections.abc import AsyncIterator
from typing import Any

import msgspec
import openai
import pytest
from openai import AsyncOpenAI

from entrepot.simulator.provider import Simulator
from tests.simulator.sdk_world import CITY, KEY, NOTHING, PIXEL, stand_ins

pytestmark = pytest.mark.sockets

DIALECT = "openai-responses"
HELLO = "你好，港口"
TOOLS: Any = [
    {"type": "function", "name": "get_weather", "parameters": CITY, "strict": False},
    {"type": "function", "name": "get_time", "parameters": NOTHING, "strict": None},
]
BOTH = "call the tool get_weather and call the tool get_time"
THINKS: Any = {
    "reasoning": {"effort": "medium", "summary": "auto"},
    "include": ["reasoning.encrypted_content"],
    "store": False,
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with stand_ins() as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key=KEY, base_url=simulator.base_url(DIALECT), max_retries=0) as opened:
        yield opened


def tokens_of(usage: Any) -> tuple[int, int, int, int]:
    cached, thought = usage.input_tokens_details.cached_tokens, usage.output_tokens_details.reasoning_tokens
    return usage.input_tokens - cached, cached, usage.output_tokens - thought, thought


async def test_a_whole_answer_and_its_usage_are_what_the_books_say(client: AsyncOpenAI, simulator: Simulator) -> None:
    answer = await client.responses.create(model="echo", input=HELLO, instructions="简短。")
    assert HELLO in answer.output_text
    assert (answer.status, answer.model) == ("completed", "echo")
    (row,) = simulator.books.rows
    assert (row.state, row.id) == ("completed", answer.id)
    assert tokens_of(answer.usage) == msgspec.structs.astuple(row.tokens)[:4]
    assert simulator.heard(DIALECT).system == "简短。"


@pytest.mark.parametrize(("model", "text"), [("echo", HELLO), ("thinker", HELLO), ("thinker", "拒绝回答")])
async def test_a_stream_comes_to_the_same_response(client: AsyncOpenAI, model: str, text: str) -> None:
    whole = await client.responses.create(model=model, input=text, **THINKS)
    async with client.responses.stream(model=model, input=text, **THINKS) as stream:
        events = [event async for event in stream]
        final = await stream.get_final_response()
    kinds = ["reasoning", "message"] if model == "thinker" else ["message"]
    assert [item.type for item in final.output] == [item.type for item in whole.output] == kinds
    assert final.output_text == whole.output_text
    assert tokens_of(final.usage) == tokens_of(whole.usage)
    assert events[-1].type == "response.completed"


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel_and_answered(
    client: AsyncOpenAI, simulator: Simulator, stream: bool
) -> None:
    settings: Any = {"model": "thinker", "tools": TOOLS, **THINKS}
    if stream:
        async with client.responses.stream(input=BOTH, **settings) as opened:
            first: Any = await opened.get_final_response()
    else:
        first = await client.responses.create(input=BOTH, **settings)
    thought, weather, clock = first.output
    assert (thought.type, weather.name, clock.name, clock.arguments) == ("reasoning", "get_weather", "get_time", "{}")
    assert "city" in msgspec.json.decode(weather.arguments)
    outputs = [
        {"type": "function_call_output", "call_id": call.call_id, "output": said}
        for call, said in ((weather, "晴"), (clock, "noon"))
    ]
    kept = [item.model_dump(exclude_none=True, exclude={"parsed_arguments"}) for item in first.output]
    history: Any = [{"role": "user", "content": BOTH}, *kept, *outputs]
    second = await client.responses.create(input=history, **settings)
    assert second.output_text == "The tool returned: 晴; noon"
    assert simulator.heard(DIALECT).replayed == (thought.summary[0].text,)


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        ({"encrypted_content": "Z0FBQUFB"}, openai.BadRequestError, "could not be verified"),
        ({"id": "rs_another"}, openai.BadRequestError, "item_id did not match"),
        ({"id": "x1"}, openai.BadRequestError, "begins with 'rs'"),
        ({"encrypted_content": None}, openai.NotFoundError, "not found"),
    ],
)
async def test_reasoning_that_is_not_its_own_is_refused(
    client: AsyncOpenAI, change: Any, error: type[openai.APIStatusError], says: str
) -> None:
    first = await client.responses.create(model="thinker", input=HELLO, **THINKS)
    thought, message = (item.model_dump(exclude_none=True) for item in first.output)
    for kept in ({**thought}, {name: value for name, value in thought.items() if name != "id"}):
        history: Any = [{"role": "user", "content": HELLO}, kept, message, {"role": "user", "content": "go on"}]
        assert (await client.responses.create(model="thinker", input=history, **THINKS)).output_text
    history = [{"role": "user", "content": HELLO}, thought | change, message, {"role": "user", "content": "go on"}]
    with pytest.raises(error, match=says):
        await client.responses.create(model="thinker", input=history, **THINKS)


async def test_json_by_a_schema(client: AsyncOpenAI) -> None:
    schema = {**CITY, "additionalProperties": False}
    form: Any = {"type": "json_schema", "name": "place", "schema": schema, "strict": True}
    answer = await client.responses.create(model="echo", input=HELLO, text={"format": form})
    assert msgspec.json.decode(answer.output_text) == {"city": HELLO}
    with pytest.raises(openai.BadRequestError, match="additionalProperties"):
        await client.responses.create(model="echo", input=HELLO, text={"format": form | {"schema": CITY}})


async def test_a_picture_is_seen(client: AsyncOpenAI, simulator: Simulator) -> None:
    content: Any = [
        {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}", "detail": "auto"},
        {"type": "input_text", "text": "What is it?"},
    ]
    await client.responses.create(model="echo", input=[{"role": "user", "content": content}])
    assert simulator.heard(DIALECT).prompt.startswith("[image/png ")


async def test_an_answer_that_was_cut_is_incomplete(client: AsyncOpenAI) -> None:
    cut = await client.responses.create(model="echo", input="word " * 60, max_output_tokens=16)
    assert cut.status == "incomplete"
    assert cut.incomplete_details is not None
    assert cut.incomplete_details.reason == "max_output_tokens"


async def test_a_repeated_long_prompt_is_read_from_the_cache(client: AsyncOpenAI) -> None:
    for _ in range(2):
        answer = await client.responses.create(model="echo", input="港" * 2000)
    assert tokens_of(answer.usage)[:2] == (80, 1920)


async def test_errors_are_the_sdks_own(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.RateLimitError):
        await client.responses.create(model="echo~status:429", input=HELLO)
    with pytest.raises(openai.NotFoundError):
        await client.responses.create(model="nobody", input=HELLO)
    with pytest.raises(openai.BadRequestError, match="Unknown parameter: 'stop'"):
        await client.responses.create(model="echo", input=HELLO, extra_body={"stop": ["x"]})
    with pytest.raises(openai.BadRequestError, match="not found"):
        await client.responses.create(model="echo", input=HELLO, previous_response_id="resp_1")
    stream = await client.responses.create(model="echo~error-frame", input=HELLO, stream=True)
    last = [event async for event in stream][-1]
    assert last.type == "error"
    assert "error while processing" in last.message


@pytest.mark.parametrize("fault", ["pings", "one-byte-writes", "other-model:x", "early-hints", "no-usage"])
async def test_strange_manners_lose_nothing(client: AsyncOpenAI, fault: str) -> None:
    async with client.responses.stream(model=f"echo~{fault}", input=HELLO) as stream:
        final = await stream.get_final_response()
    assert HELLO in final.output_text
    assert final.model == ("x" if fault.startswith("other") else "echo")
