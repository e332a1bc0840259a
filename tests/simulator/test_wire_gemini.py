"""The stand-in that speaks Gemini's generateContent, as Google's own SDK reads it."""

import asyncio
import base64
from collections.abc import AsyncIterator
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest
from google import genai
from google.genai import errors, types

from entrepot.simulator.provider import Simulator
from tests.simulator.sdk_world import CITY, KEY, NOTHING, PIXEL, stand_ins

pytestmark = [
    pytest.mark.sockets,
    # The SDK makes a subclass of aiohttp's session, which aiohttp advises against.
    pytest.mark.filterwarnings("ignore:Inheritance class AiohttpClientSession:DeprecationWarning"),
]

DIALECT = "gemini-generate"
HELLO = "你好，港口"
TOOLS: Any = [
    {
        "function_declarations": [
            {"name": "get_weather", "description": "天气", "parameters_json_schema": CITY},
            {"name": "get_time", "parameters_json_schema": NOTHING},
        ]
    }
]
BOTH = "call the tool get_weather and call the tool get_time"
THINKS: Any = {"thinking_config": {"include_thoughts": True, "thinking_budget": 1024}}


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    async with stand_ins() as running:
        yield running


def client_of(simulator: Simulator, key: str = KEY) -> genai.Client:
    url = simulator.base_url(DIALECT).removesuffix("/v1beta")
    return genai.Client(api_key=key, http_options=types.HttpOptions(base_url=url))


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[Any]:
    made = client_of(simulator)
    yield made.aio.models
    await made.aio.aclose()
    made.close()


def tokens_of(answer: types.GenerateContentResponse) -> tuple[int, int, int, int]:
    usage = answer.usage_metadata
    assert usage is not None
    cached = usage.cached_content_token_count or 0
    read = (usage.prompt_token_count or 0) - cached
    return read, cached, usage.candidates_token_count or 0, usage.thoughts_token_count or 0


def parts_of(answer: types.GenerateContentResponse) -> list[types.Part]:
    assert answer.candidates is not None
    assert answer.candidates[0].content is not None
    return answer.candidates[0].content.parts or []


async def test_a_whole_answer_and_its_usage_are_what_the_books_say(client: Any, simulator: Simulator) -> None:
    answer = await client.generate_content(model="echo", contents=HELLO, config={"system_instruction": "简短。"})
    assert HELLO in answer.text
    assert answer.candidates[0].finish_reason == types.FinishReason.STOP
    assert answer.model_version == "echo"
    (row,) = simulator.books.rows
    assert tokens_of(answer) == msgspec.structs.astuple(row.tokens)[:4]
    assert simulator.heard(DIALECT).system == "简短。"


@pytest.mark.parametrize("model", ["echo", "thinker"])
async def test_a_stream_comes_to_the_same_text_and_usage(client: Any, model: str) -> None:
    whole = await client.generate_content(model=model, contents=HELLO, config=THINKS)
    stream = await client.generate_content_stream(model=model, contents=HELLO, config=THINKS)
    chunks = [chunk async for chunk in stream]
    parts = [part for chunk in chunks for part in parts_of(chunk)]
    for thought in (True, None):
        said = "".join(part.text or "" for part in parts if part.thought is thought)
        assert said == "".join(part.text or "" for part in parts_of(whole) if part.thought is thought)
    assert bool([part for part in parts if part.thought_signature]) == (model == "thinker")
    assert tokens_of(chunks[-1]) == tokens_of(whole)
    assert [chunk.candidates[0].finish_reason is not None for chunk in chunks].count(True) == 1


async def test_a_stream_that_is_no_stream_of_events_is_a_json_array(simulator: Simulator) -> None:
    def read() -> bytes:
        url = f"{simulator.base_url(DIALECT)}/models/echo:streamGenerateContent?key={KEY}"
        body = msgspec.json.encode({"contents": [{"parts": [{"text": HELLO}]}]})
        with urlopen(Request(url, body, {"content-type": "application/json"})) as answer:
            return bytes(answer.read())

    pieces = msgspec.json.decode(await asyncio.to_thread(read))
    text = "".join(piece["candidates"][0]["content"]["parts"][0]["text"] for piece in pieces)
    assert HELLO in text


@pytest.mark.parametrize("stream", [False, True])
async def test_tools_are_called_in_parallel_and_answered(client: Any, simulator: Simulator, stream: bool) -> None:
    config = {**THINKS, "tools": TOOLS, "automatic_function_calling": {"disable": True}}
    asked: list[Any] = [types.Content(role="user", parts=[types.Part(text=BOTH)])]
    if stream:
        opened = await client.generate_content_stream(model="thinker", contents=asked, config=config)
        chunks = [chunk async for chunk in opened]
        parts = [part for chunk in chunks for part in parts_of(chunk) if part.function_call]
    else:
        parts = [
            part
            for part in parts_of(await client.generate_content(model="thinker", contents=asked, config=config))
            if part.function_call
        ]
    weather, clock = (part.function_call for part in parts)
    assert weather is not None
    assert clock is not None
    assert (weather.name, clock.name, clock.args) == ("get_weather", "get_time", {})
    assert "city" in (weather.args or {})
    assert parts[0].thought_signature
    assert parts[1].thought_signature is None
    responses = [
        types.Part(function_response=types.FunctionResponse(id=call.id, name=call.name, response={"output": said}))
        for call, said in ((weather, "晴"), (clock, "noon"))
    ]
    history = [*asked, types.Content(role="model", parts=parts), types.Content(role="user", parts=responses)]
    second = await client.generate_content(model="thinker", contents=history, config=config)
    assert second.text == "The tool returned: 晴; noon"
    assert len(simulator.heard(DIALECT).replayed) == 1


async def test_a_signature_that_is_missing_altered_or_elsewhere_is_refused(client: Any) -> None:
    config = {"tools": TOOLS, "automatic_function_calling": {"disable": True}}
    asked: Any = types.Content(role="user", parts=[types.Part(text=BOTH)])
    parts = parts_of(await client.generate_content(model="gemini-3-echo", contents=[asked], config=config))
    responses = types.Content(
        role="user",
        parts=[
            types.Part(function_response=types.FunctionResponse(name=name, response={"output": "x"}))
            for name in ("get_weather", "get_time")
        ],
    )

    async def send(*sent: types.Part) -> Any:
        history = [asked, types.Content(role="model", parts=list(sent)), responses]
        return await client.generate_content(model="gemini-3-echo", contents=history, config=config)

    first, second = parts
    assert (await send(first, second)).text
    bare = first.model_copy(update={"thought_signature": None})
    with pytest.raises(errors.ClientError, match="missing a thought_signature"):
        await send(bare, second)
    for wrong in (base64.b64encode(b"x" * 40), (first.thought_signature or b"")[:-1]):
        with pytest.raises(errors.ClientError, match="Corrupted thought signature"):
            await send(first.model_copy(update={"thought_signature": wrong}), second)
    with pytest.raises(errors.ClientError, match="Corrupted thought signature"):
        await send(second.model_copy(update={"thought_signature": first.thought_signature}), bare)


async def test_an_earlier_generation_gives_calls_neither_ids_nor_signatures(client: Any) -> None:
    config = {"tools": TOOLS, "automatic_function_calling": {"disable": True}}
    parts = parts_of(await client.generate_content(model="gemini-2.5-echo", contents=BOTH, config=config))
    assert [part.function_call.id for part in parts if part.function_call] == [None, None]
    assert [part.thought_signature for part in parts] == [None, None]


@pytest.mark.parametrize(
    "schema",
    [
        {"response_json_schema": {**CITY, "additionalProperties": False}},
        {"response_schema": {"type": "OBJECT", "properties": {"city": {"type": "STRING"}}}},
    ],
)
async def test_json_by_a_schema(client: Any, schema: Any) -> None:
    config = {"response_mime_type": "application/json", **schema}
    answer = await client.generate_content(model="echo", contents=HELLO, config=config)
    assert msgspec.json.decode(answer.text) == {"city": HELLO}


async def test_a_picture_is_seen(client: Any, simulator: Simulator) -> None:
    picture = types.Part.from_bytes(data=base64.b64decode(PIXEL), mime_type="image/png")
    await client.generate_content(model="echo", contents=[picture, "What is it?"])
    assert simulator.heard(DIALECT).prompt.startswith("[image/png ")


async def test_stops_and_several_candidates_are_told_apart(client: Any) -> None:
    async def reason_of(text: str = HELLO, **config: Any) -> Any:
        answer = await client.generate_content(model="echo", contents=text, config=config)
        return [candidate.finish_reason for candidate in answer.candidates]

    assert await reason_of(stop_sequences=["wrote"]) == [types.FinishReason.STOP]
    assert await reason_of(max_output_tokens=2) == [types.FinishReason.MAX_TOKENS]
    assert await reason_of("拒绝回答") == [types.FinishReason.SAFETY]
    assert await reason_of(candidate_count=2) == [types.FinishReason.STOP] * 2


async def test_a_repeated_long_prompt_is_read_from_the_cache(client: Any, simulator: Simulator) -> None:
    for _ in range(2):
        answer = await client.generate_content(model="echo", contents="港" * 2000)
    assert tokens_of(answer)[:2] == (80, 1920)
    assert [row.tokens.cache_read_tokens for row in simulator.books.rows] == [0, 1920]


async def test_tokens_are_counted(client: Any) -> None:
    assert (await client.count_tokens(model="echo", contents=HELLO)).total_tokens == 5


@pytest.mark.parametrize(
    ("status", "error", "word"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (503, errors.ServerError, "UNAVAILABLE"),
    ],
)
async def test_a_status_is_the_sdks_own_error(
    client: Any, status: int, error: type[errors.APIError], word: str
) -> None:
    with pytest.raises(error) as caught:
        await client.generate_content(model=f"echo~status:{status}", contents=HELLO)
    assert (caught.value.code, caught.value.status) == (status, word)


async def test_when_to_come_back_stands_in_the_body(client: Any) -> None:
    with pytest.raises(errors.ClientError) as caught:
        await client.generate_content(model="echo~status:429:seconds=7", contents=HELLO)
    assert caught.value.details["error"]["details"][0]["retryDelay"] == "7s"
    assert "retry-after" not in caught.value.response.headers


async def test_an_error_in_the_middle_a_wrong_key_and_an_unknown_model_are_errors(
    client: Any, simulator: Simulator
) -> None:
    with pytest.raises(errors.ServerError):
        async for _ in await client.generate_content_stream(model="echo~error-frame", contents=HELLO):
            pass
    with pytest.raises(errors.ClientError) as missing:
        await client.generate_content(model="nobody", contents=HELLO)
    assert missing.value.code == 404
    stranger = client_of(simulator, "wrong")
    with pytest.raises(errors.ClientError, match="API key not valid") as refused:
        await stranger.aio.models.generate_content(model="echo", contents=HELLO)
    assert refused.value.code == 400
    await stranger.aio.aclose()
    stranger.close()


async def test_models_are_listed(client: Any) -> None:
    assert [model.name async for model in await client.list()] == [
        f"models/{name}" for name in ("echo", "thinker", "slow", "gemini-2.5-echo", "gemini-3-echo")
    ]


@pytest.mark.parametrize("fault", ["pings", "one-byte-writes", "other-model:x", "early-hints"])
async def test_strange_manners_lose_nothing(client: Any, fault: str) -> None:
    stream = await client.generate_content_stream(model=f"echo~{fault}", contents=HELLO)
    chunks = [chunk async for chunk in stream]
    assert HELLO in "".join(chunk.text or "" for chunk in chunks)
    assert chunks[-1].model_version == ("x" if fault.startswith("other") else "echo")
