import asyncio
import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import msgspec
import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from entrepot.catalog.price import Price
from entrepot.simulator.grade import grade
from entrepot.simulator.plan import FaultMix, LocalServer, Plan, StandInModel, StandInProvider
from entrepot.simulator.provider import Simulator, run_simulator
from entrepot.simulator.tasks import generate_tasks
from tests.simulator.waiting import until

pytestmark = pytest.mark.sockets

PRICE = Price(
    input_per_mtok=Decimal("0.5"),
    output_per_mtok=Decimal(2),
    source="made up",
    as_of="2026-01-01",
    cache_read_per_mtok=Decimal("0.05"),
)
PLAN = Plan(
    providers=(
        StandInProvider(
            "harbour",
            (
                StandInModel("able", price=PRICE, skill=9.0, reasoning_tokens=12),
                StandInModel("echo", price=PRICE),
                StandInModel("slow", price=PRICE, chunk_ms=20.0, tokens_per_chunk=1),
                StandInModel("moody", faults=FaultMix(first=2, opening="status:503")),
            ),
            key="sk-harbour",
        ),
        StandInProvider("quay", (StandInModel("echo"),)),
    ),
    local=(LocalServer(StandInProvider("workshop", (StandInModel("qwen3:8b"),))),),
    seed=5,
    tasks=16,
)
TASKS = generate_tasks(5, 16)
HELLO: Any = [{"role": "user", "content": "你好，港口"}]
WEATHER: Any = {
    "type": "function",
    "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with run_simulator(PLAN) as running:
        yield running


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(api_key="sk-harbour", base_url=simulator.base_url("harbour"), max_retries=0) as opened:
        yield opened


async def fetch(url: str) -> Any:
    host, _, path = url.removeprefix("http://").partition("/")
    name, port = host.split(":")
    reader, writer = await asyncio.open_connection(name, int(port))
    writer.write(f"GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".encode())
    answer = await reader.read()
    writer.close()
    return msgspec.json.decode(answer.partition(b"\r\n\r\n")[2])


async def test_the_openai_sdk_gets_a_whole_answer(client: AsyncOpenAI, simulator: Simulator) -> None:
    answer = await client.chat.completions.create(model="echo", messages=HELLO)
    assert "你好，港口" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    (row,) = simulator.books.rows
    assert (row.tokens.input_tokens, row.tokens.output_tokens) == (
        answer.usage.prompt_tokens,
        answer.usage.completion_tokens,
    )
    assert row.cost == (row.tokens.input_tokens * Decimal("0.5") + row.tokens.output_tokens * 2) / 1_000_000
    assert (row.state, row.id, row.status) == ("completed", answer.id, 200)


async def test_the_openai_sdk_gets_a_stream_with_the_same_text_and_usage(client: AsyncOpenAI) -> None:
    whole = await client.chat.completions.create(model="echo", messages=HELLO)
    stream = await client.chat.completions.create(
        model="echo", messages=HELLO, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == whole.choices[0].message.content
    assert chunks[-1].choices == []
    assert chunks[-1].usage == whole.usage


async def test_the_openai_sdk_calls_a_tool_and_answers_its_result(client: AsyncOpenAI) -> None:
    messages: Any = [{"role": "user", "content": "call the tool get_weather"}]
    first = await client.chat.completions.create(model="echo", messages=messages, tools=[WEATHER])
    call = (first.choices[0].message.tool_calls or [])[0]
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert "city" in msgspec.json.decode(call.function.arguments)
    messages += [first.choices[0].message, {"role": "tool", "tool_call_id": call.id, "content": "晴"}]
    second = await client.chat.completions.create(model="echo", messages=messages, tools=[WEATHER])
    assert second.choices[0].message.content == "The tool returned: 晴"


async def test_a_streamed_tool_call_comes_together_again(client: AsyncOpenAI) -> None:
    stream = await client.chat.completions.create(
        model="echo", messages=HELLO, tools=[WEATHER], tool_choice="required", stream=True
    )
    calls = [call async for chunk in stream for call in chunk.choices[0].delta.tool_calls or ()]
    assert calls[0].id
    assert calls[0].function is not None
    assert calls[0].function.name == "get_weather"
    arguments = "".join((call.function.arguments or "") for call in calls if call.function)
    assert len(calls) > 2
    assert "city" in msgspec.json.decode(arguments)


async def test_the_synchronous_sdk_works_too(simulator: Simulator) -> None:
    def ask() -> tuple[list[str], str]:
        with OpenAI(api_key="sk-harbour", base_url=simulator.base_url("harbour"), max_retries=0) as client:
            names = [model.id for model in client.models.list()]
            with client.chat.completions.create(model="echo", messages=HELLO, stream=True) as stream:
                return names, "".join(chunk.choices[0].delta.content or "" for chunk in stream)

    names, text = await asyncio.to_thread(ask)
    assert names == ["able", "echo", "slow", "moody"]
    assert "你好，港口" in text


async def test_several_choices_and_json(client: AsyncOpenAI) -> None:
    answer = await client.chat.completions.create(
        model="echo",
        messages=[{"role": "system", "content": "JSON"}, *HELLO],
        n=2,
        response_format={"type": "json_object"},
    )
    assert [choice.index for choice in answer.choices] == [0, 1]
    assert msgspec.json.decode(answer.choices[0].message.content or "") == {"answer": "你好，港口"}


async def test_a_task_is_solved_from_its_text_alone(client: AsyncOpenAI) -> None:
    for task in TASKS:
        answer = await client.chat.completions.create(model="able", messages=[{"role": "user", "content": task.prompt}])
        assert grade(task, answer.choices[0].message.content or "")
        assert answer.usage is not None
        assert answer.usage.completion_tokens_details is not None
        assert 4 <= (answer.usage.completion_tokens_details.reasoning_tokens or 0) <= 30


async def test_a_repeated_long_prompt_is_billed_as_cache_reads(client: AsyncOpenAI, simulator: Simulator) -> None:
    long: Any = [{"role": "user", "content": "港" * 2000}]
    await client.chat.completions.create(model="echo", messages=long)
    again = await client.chat.completions.create(model="echo", messages=long)
    assert again.usage is not None
    assert again.usage.prompt_tokens_details is not None
    assert again.usage.prompt_tokens_details.cached_tokens == 1920
    assert again.usage.prompt_tokens == 2000
    assert [row.tokens.cache_read_tokens for row in simulator.books.rows] == [0, 1920]


@pytest.mark.parametrize("key", ["sk-wrong", ""])
async def test_a_wrong_key_is_a_401(simulator: Simulator, key: str) -> None:
    headers = {} if key else {"Authorization": ""}
    async with AsyncOpenAI(
        api_key=key or "x", base_url=simulator.base_url("harbour"), max_retries=0, default_headers=headers
    ) as client:
        with pytest.raises(openai.AuthenticationError):
            await client.models.list()


async def test_no_key_is_needed_where_none_is_expected(simulator: Simulator) -> None:
    async with AsyncOpenAI(api_key="anything", base_url=simulator.base_url("quay")) as client:
        assert (await client.chat.completions.create(model="echo", messages=HELLO)).choices


async def test_an_unknown_model_and_a_malformed_request_are_errors_in_openais_shape(client: AsyncOpenAI) -> None:
    with pytest.raises(openai.NotFoundError) as missing:
        await client.chat.completions.create(model="nobody", messages=HELLO)
    assert missing.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as malformed:
        await client.chat.completions.create(model="echo", messages=[])
    assert malformed.value.param == "messages"


async def test_a_fault_is_asked_for_by_header_or_model(client: AsyncOpenAI, simulator: Simulator) -> None:
    with pytest.raises(openai.RateLimitError) as limited:
        await client.chat.completions.create(
            model="echo", messages=HELLO, extra_headers={"x-simulate": "status:429:seconds=7"}
        )
    assert limited.value.response.headers["retry-after"] == "7"
    with pytest.raises(openai.InternalServerError):
        await client.chat.completions.create(model="echo~status:500", messages=HELLO)
    assert [(row.state, row.status, row.fault) for row in simulator.books.rows] == [
        ("refused", 429, "status:429:seconds=7"),
        ("refused", 500, "status:500"),
    ]
    assert all(row.cost_nano == 0 for row in simulator.books.rows)


async def test_faults_that_come_by_themselves_pass(client: AsyncOpenAI) -> None:
    for _ in range(2):
        with pytest.raises(openai.InternalServerError):
            await client.chat.completions.create(model="moody", messages=HELLO)
    assert (await client.chat.completions.create(model="moody", messages=HELLO)).choices


async def test_a_client_that_leaves_frees_its_connection_and_is_billed_what_it_got(
    client: AsyncOpenAI, simulator: Simulator
) -> None:
    stream = await client.chat.completions.create(model="slow", messages=HELLO, stream=True)
    got = 0
    async for chunk in stream:
        got += bool(chunk.choices[0].delta.content)
        if got == 3:
            break
    assert simulator.under_way == 1
    await stream.close()
    await until(lambda: simulator.books.rows)
    (row,) = simulator.books.rows
    assert row.state == "client_gone"
    assert 3 <= row.delivered_tokens <= 5
    assert row.tokens.output_tokens == row.delivered_tokens
    assert row.delivered_bytes > 300
    assert await fetch(f"{simulator.url}/_connections") == {"open": 0, "under_way": 0}


async def test_a_client_that_leaves_before_the_first_byte_is_billed_nothing(
    client: AsyncOpenAI, simulator: Simulator
) -> None:
    asking = asyncio.create_task(client.chat.completions.create(model="echo~hang", messages=HELLO))
    await until(lambda: simulator.under_way)
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    await until(lambda: simulator.books.rows)
    assert simulator.books.rows[0].state == "client_gone"
    assert simulator.books.rows[0].cost_nano == 0


async def test_the_books_are_read_over_http(client: AsyncOpenAI, simulator: Simulator) -> None:
    await client.chat.completions.create(model="echo", messages=HELLO)
    books = await fetch(f"{simulator.url}/harbour/_books")
    assert books["totals"]["requests"] == 1
    assert books["rows"][0]["model"] == "echo"
    assert (await fetch(f"{simulator.url}/quay/_books"))["rows"] == []
    assert len((await fetch(f"{simulator.url}/_books"))["rows"]) == 1


async def test_a_local_server_is_found_as_an_ollama_is(simulator: Simulator) -> None:
    url = simulator.local_urls["workshop"]
    tags = await fetch(f"{url}/api/tags")
    assert [model["name"] for model in tags["models"]] == ["qwen3:8b"]
    assert "version" in await fetch(f"{url}/api/version")
    assert (await fetch(f"{url}/v1/models"))["data"][0]["id"] == "qwen3:8b"
    async with AsyncOpenAI(api_key="none", base_url=simulator.base_url("workshop")) as client:
        assert (await client.chat.completions.create(model="qwen3:8b", messages=HELLO)).choices
    assert (await fetch(f"{url}/_books"))["totals"]["requests"] == 1


async def test_no_such_path_is_a_404(simulator: Simulator) -> None:
    for path in ("/", "/nowhere/v1/models", "/quay/v1/embeddings"):
        assert "error" in await fetch(simulator.url + path)


def test_an_unknown_provider_has_no_address() -> None:
    with pytest.raises(KeyError, match="nowhere"):
        Simulator(PLAN).base_url("nowhere")
