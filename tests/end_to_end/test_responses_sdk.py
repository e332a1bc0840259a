"""The official OpenAI SDK's Responses against a running gateway whose providers speak OpenAI chat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from openai.types.responses import Response
from pydantic import BaseModel

from entrepot.policy.rules import Rule, When
from entrepot.settings.schema import GatewaySettings, ResponsesSettings
from entrepot.simulator.plan import Plan, StandInModel, StandInProvider
from tests.end_to_end.world import (
    CHEAP,
    KEY,
    OTHER_KEY,
    PLAN,
    PROVIDER_SECRET,
    World,
    deployment,
    settings_for,
    simulator_in_thread,
    world,
    world_of,
)

pytestmark = pytest.mark.end_to_end

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city. 天气。",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "strict": False,
}
HI = "你好，世界"


class City(BaseModel):
    name: str
    population: int


@pytest.fixture
def client(entrepot: World) -> Iterator[OpenAI]:
    with OpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as made:
        yield made


@pytest.fixture(scope="module")
def keeping(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An installation of two gateway processes that keeps responses."""
    gateway = GatewaySettings(port=0, processes=2, body_timeout_s=2.0, max_body_bytes=2_000_000, grace_s=5)
    kept = ResponsesSettings(store=True, keep_days=3)
    with world(tmp_path_factory.mktemp("keeping"), responses=kept, gateway=gateway) as installation:
        yield installation


def as_key(installation: World, key: str = KEY) -> OpenAI:
    return OpenAI(base_url=installation.base_url, api_key=key, max_retries=0)


def test_a_whole_answer(client: OpenAI) -> None:
    answer = client.responses.create(model="auto", input=HI, instructions="简短回答。", max_output_tokens=200)
    assert answer.output_text
    assert answer.status == "completed"
    assert answer.store is False  # type: ignore[attr-defined]  # on the wire, not in the SDK's type
    assert answer.instructions == "简短回答。"
    assert answer.usage is not None
    assert answer.usage.total_tokens == answer.usage.input_tokens + answer.usage.output_tokens > 0


def test_a_streamed_answer_is_the_whole_one_in_pieces(client: OpenAI) -> None:
    whole = client.responses.create(model="cheap/small", input=HI)
    with client.responses.stream(model="cheap/small", input=HI) as stream:
        events = list(stream)
        final = stream.get_final_response()
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == final.output_text == whole.output_text
    assert final.usage == whole.usage
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize("stream", [False, True])
def test_tools_are_called_and_answered(client: OpenAI, stream: bool) -> None:
    said: Any = [{"role": "user", "content": "call the tool get_weather"}]
    asked: Any = {"model": "cheap/small", "tools": [WEATHER]}
    forced: Any = {"type": "function", "name": "get_weather"}
    if stream:
        with client.responses.stream(input=said, tool_choice=forced, **asked) as opened:
            first: Any = opened.get_final_response()
    else:
        first = client.responses.create(input=said, tool_choice=forced, **asked)
    (call,) = [item for item in first.output if item.type == "function_call"]
    assert call.name == "get_weather"
    assert isinstance(json.loads(call.arguments), dict)
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "晴，25℃"}
    second = client.responses.create(input=[*said, *first.output, result], **asked)
    assert second.output_text


def test_a_custom_tool_is_called_with_free_text(client: OpenAI) -> None:
    tool: Any = {"type": "custom", "name": "apply_patch", "description": "Applies a patch."}
    asked: Any = {"model": "cheap/small", "input": "call the tool apply_patch", "tools": [tool]}
    choice: Any = {"type": "custom", "name": "apply_patch"}
    whole = client.responses.create(tool_choice=choice, **asked)
    (call,) = [item for item in whole.output if item.type == "custom_tool_call"]
    assert call.name == "apply_patch"
    with client.responses.stream(tool_choice=choice, **asked) as stream:
        (again,) = [item for item in stream.get_final_response().output if item.type == "custom_tool_call"]
    assert again.input == call.input


def test_an_answer_is_parsed_to_the_type_that_was_asked_for(client: OpenAI) -> None:
    answer = client.responses.parse(model="cheap/small", input="Name a city.", text_format=City)
    assert isinstance(answer.output_parsed, City)
    with client.responses.stream(model="cheap/small", input="Name a city.", text_format=City) as stream:
        assert stream.get_final_response().output_parsed == answer.output_parsed


def test_the_asynchronous_client(entrepot: World) -> None:
    async def ask() -> tuple[Response, str]:
        async with AsyncOpenAI(base_url=entrepot.base_url, api_key=KEY, max_retries=0) as client:
            whole = await client.responses.create(model="cheap/small", input=HI)
            said = ""
            async with client.responses.stream(model="cheap/small", input=HI) as stream:
                async for event in stream:
                    said += event.delta if event.type == "response.output_text.delta" else ""
            return whole, said

    whole, said = asyncio.run(ask())
    assert said == whole.output_text


def test_errors_are_the_sdks_own(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="no-such-model", input=HI)
    with pytest.raises(openai.BadRequestError, match="web_search"):
        client.responses.create(model="auto", input=HI, tools=[{"type": "web_search"}])
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="auto", input=HI, background=True)
    assert caught.value.param == "background"


def test_what_needs_a_store_names_the_setting_where_there_is_none(client: OpenAI) -> None:
    reference: Any = [{"type": "item_reference", "id": "msg_1"}]
    attempts: list[Any] = [
        {"input": HI, "previous_response_id": "resp_1"},
        {"input": HI, "store": True},
        {"input": reference},
        {"input": HI, "conversation": "conv_1"},
    ]
    for asked in attempts:
        with pytest.raises(openai.BadRequestError, match=r"\[responses\] store = true"):
            client.responses.create(model="auto", **asked)
    with pytest.raises(openai.BadRequestError, match=r"\[responses\] store = true"):
        client.responses.retrieve("resp_1")


@pytest.mark.parametrize("fault", ["close-midway", "error-frame"])
def test_an_answer_that_breaks_off_ends_in_the_dialects_error(client: OpenAI, fault: str) -> None:
    seen: list[str] = []
    with (
        pytest.raises(openai.APIError, match="broke off"),
        client.responses.create(model=f"faulty/{fault}", input=HI, stream=True) as stream,
    ):
        seen.extend(event.type for event in stream)
    assert seen[-1:] == ["response.failed"]


def test_a_kept_response_is_continued_read_and_forgotten(keeping: World) -> None:
    with as_key(keeping) as client:
        first = client.responses.create(model="cheap/small", input="call the tool get_weather", tools=[WEATHER])
        assert first.id.startswith("resp_")
        (call,) = [item for item in first.output if item.type == "function_call"]
        result: Any = [{"type": "function_call_output", "call_id": call.call_id, "output": "晴"}]
        with client.responses.stream(
            model="cheap/small", input=result, previous_response_id=first.id, tools=[WEATHER]
        ) as stream:
            second = stream.get_final_response()
        assert second.previous_response_id == first.id
        assert second.output_text
        read = client.responses.retrieve(second.id)
        assert read.to_dict() == client.responses.retrieve(second.id).to_dict()
        assert (read.id, read.output_text, read.store) == (second.id, second.output_text, True)  # type: ignore[attr-defined]  # on the wire
        items = list(client.responses.input_items.list(second.id, order="asc", limit=2))
        assert [item.type for item in items] == ["message", "function_call", "function_call_output"]
        client.responses.delete(second.id)
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(second.id)


def test_an_item_is_sent_again_by_its_id(keeping: World) -> None:
    with as_key(keeping) as client:
        first = client.responses.create(model="cheap/small", input=HI)
        reference: Any = {"type": "item_reference", "id": first.output[0].id}
        again = client.responses.create(model="cheap/small", input=[reference, {"role": "user", "content": "and?"}])
        items = list(client.responses.input_items.list(again.id, order="asc"))
        assert items[0].to_dict() == first.output[0].to_dict()
        with pytest.raises(openai.BadRequestError, match="msg_unknown"):
            client.responses.create(model="cheap/small", input=[{"type": "item_reference", "id": "msg_unknown"}])


def test_nobody_reaches_what_another_key_was_answered(keeping: World) -> None:
    with as_key(keeping) as alice, as_key(keeping, OTHER_KEY) as bob:
        kept = alice.responses.create(model="cheap/small", input=HI)
        with pytest.raises(openai.NotFoundError):
            bob.responses.retrieve(kept.id)
        with pytest.raises(openai.NotFoundError):
            bob.responses.delete(kept.id)
        with pytest.raises(openai.NotFoundError):
            bob.responses.input_items.list(kept.id)
        with pytest.raises(openai.BadRequestError, match="not kept"):
            bob.responses.create(model="cheap/small", input=HI, previous_response_id=kept.id)
        reference: Any = [{"type": "item_reference", "id": kept.output[0].id}]
        with pytest.raises(openai.BadRequestError, match="not kept"):
            bob.responses.create(model="cheap/small", input=reference)
        assert alice.responses.retrieve(kept.id).id == kept.id


def test_what_is_not_to_be_kept_is_not(keeping: World) -> None:
    with as_key(keeping) as client:
        asked: Any = {"model": "cheap/small", "input": HI}
        unkept = [
            client.responses.create(**asked, store=False),
            client.responses.create(**asked, extra_headers={"x-entrepot-no-store": "true"}),
        ]
        for answer in unkept:
            assert answer.store is False
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(answer.id)
    file = keeping.directory / "responses.db"
    assert file.stat().st_mode & 0o077 == 0


def test_a_response_bears_the_exchanges_id(keeping: World) -> None:
    status, headers, body = keeping.request("/responses", msgspec.json.encode({"model": "cheap/small", "input": HI}))
    assert status == 200
    assert json.loads(body)["id"] == "resp_" + headers["x-entrepot-exchange"].replace("-", "")


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_of_the_same_dialect_is_kept_under_the_gateways_own_id(tmp_path: Path, stream: bool) -> None:
    native = StandInProvider("native", (StandInModel("small", CHEAP),), PROVIDER_SECRET, "openai-responses")
    with simulator_in_thread(Plan((*PLAN.providers, native))) as simulator:
        settings = settings_for(simulator, tmp_path, responses=ResponsesSettings(store=True))
        added = deployment(simulator, "native", "small", CHEAP, dialect="openai-responses")
        settings = msgspec.structs.replace(settings, deployments=(*settings.deployments, added))
        with world_of(simulator, settings) as installation, as_key(installation) as client:
            first = client.responses.create(model="native/small", input=HI)
            if stream:
                with client.responses.stream(model="native/small", input="?", previous_response_id=first.id) as opened:
                    second: Any = opened.get_final_response()
            else:
                second = client.responses.create(model="native/small", input="?", previous_response_id=first.id)
            assert second.previous_response_id == first.id
            assert client.responses.retrieve(second.id).output_text == second.output_text
            items = list(client.responses.input_items.list(second.id, order="asc"))
    assert [item.type for item in items] == ["message", "message", "message"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_rule_that_has_nothing_kept_holds_for_responses_too(tmp_path: Path, stream: bool) -> None:
    rules = (Rule("bob's words are not kept", When(keys=("bob",)), no_store=True),)
    with (
        world(tmp_path, responses=ResponsesSettings(store=True), rules=rules) as installation,
        as_key(installation) as alice,
        as_key(installation, OTHER_KEY) as bob,
    ):
        for client in (alice, bob):
            if stream:
                with client.responses.stream(model="cheap/small", input="a zebra") as opened:
                    answer: Any = opened.get_final_response()
            else:
                answer = client.responses.create(model="cheap/small", input="a zebra")
            assert answer.output_text
            assert answer.store is (client is alice)
            if client is bob:
                with pytest.raises(openai.NotFoundError):
                    client.responses.retrieve(answer.id)
            else:
                assert client.responses.retrieve(answer.id).output_text == answer.output_text
