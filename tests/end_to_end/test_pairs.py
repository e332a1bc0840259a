"""Every client dialect before every provider dialect: official SDKs, the running gateway, stand-ins as strict as the vendors.

What a client asked is looked up in what the stand-in understood; what the stand-in said, in what the client's SDK read.
"""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import msgspec
import openai
import pytest

from entrepot.dialects.registry import CLIENT_DIALECTS, PROVIDER_DIALECTS
from tests.end_to_end.clients import Ask, Client, Results, User
from tests.end_to_end.pairs import (
    BOTH,
    CLIENTS,
    HELLO,
    MARKS,
    PROVIDERS,
    SHAPES,
    TOOLS,
    agree,
    booked,
    model_at,
    said_to,
)
from tests.end_to_end.world import KEY, World
from tests.simulator.sdk_world import PIXEL

pytestmark = MARKS

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "description": "名字"},
        "kind": {"type": "string", "enum": ["harbour", "港口"]},
        "parent": {"anyOf": [{"$ref": "#/$defs/Land"}, {"type": "null"}]},
        "berths": {"type": "array", "items": {"type": "integer", "minimum": 1}},
    },
    "required": ["name", "kind", "parent", "berths"],
    "additionalProperties": False,
    "$defs": {
        "Land": {
            "type": "object",
            "properties": {"code": {"type": "string"}},
            "required": ["code"],
            "additionalProperties": False,
        }
    },
}
BUT_OLLAMA = pytest.mark.parametrize("provider", [each for each in PROVIDERS if each != "ollama-chat"])


@SHAPES
def test_the_legacy_completions_are_answered_too(provider: str, pairs: World, stream: bool) -> None:
    """They have text only, so none of what the other clients are put to."""
    with openai.OpenAI(base_url=pairs.base_url, api_key=KEY, max_retries=0) as client:
        answer: Any = client.completions.create(
            model=model_at(provider, "echo"), prompt=HELLO, max_tokens=4000, stream=stream
        )
        pieces = list(answer) if stream else [answer]
    assert "".join(choice.text for piece in pieces for choice in piece.choices) == said_to(HELLO)


def test_no_dialect_is_left_out() -> None:
    assert CLIENTS.keys() | {"openai-completions"} == CLIENT_DIALECTS.keys()
    assert set(PROVIDERS) == PROVIDER_DIALECTS.keys()


def test_an_answer_is_the_same_whole_and_streamed(client: Client, provider: str, pairs: World) -> None:
    for stream in (False, True):
        told = client.ask(
            Ask(model=model_at(provider, "echo"), turns=[User(HELLO)], system="简短回答。", stream=stream)
        )
        assert (told.text, told.calls, told.finish) == (said_to(HELLO), (), "stop")
        agree(told, booked(pairs, provider))
        heard = pairs.simulator.heard(provider)
        assert (heard.prompt, heard.system, heard.stream) == (HELLO, "简短回答。", stream)


@SHAPES
async def test_a_program_without_threads_is_answered_too(client: Client, provider: str, stream: bool) -> None:
    told = await client.ask_async(Ask(model=model_at(provider, "echo"), turns=[User(HELLO)], stream=stream))
    assert told.text == said_to(HELLO)


@SHAPES
def test_calls_are_made_side_by_side_and_answered(client: Client, provider: str, stream: bool) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User(BOTH)], tools=TOOLS, stream=stream)
    first = client.ask(ask)
    weather, clock = first.calls
    assert [(call.name, call.arguments) for call in first.calls] == [("get_weather", {"city": BOTH}), ("get_time", {})]
    assert first.finish == "tool_calls"
    results = Results(((weather, "晴 25°"), (clock, "noon")))
    second = client.ask(msgspec.structs.replace(ask, turns=[User(BOTH), first.back, results]))
    assert (second.text, second.finish) == ("The tool returned: 晴 25°; noon", "stop")
    third = client.ask(msgspec.structs.replace(ask, turns=[User(BOTH), first.back, results, second.back, User("谢谢")]))
    assert third.text == said_to("谢谢")


def test_two_calls_of_one_function_are_told_apart(client: Client, provider: str) -> None:
    prompt = "call the tool get_time, then call the tool get_time"
    ask = Ask(model=model_at(provider, "echo"), turns=[User(prompt)], tools=TOOLS)
    first = client.ask(ask)
    one, other = first.calls
    results = Results(((one, "noon"), (other, "one o'clock")))
    second = client.ask(msgspec.structs.replace(ask, turns=[User(prompt), first.back, results]))
    assert second.text == "The tool returned: noon; one o'clock"


@BUT_OLLAMA  # has no way to demand one
def test_a_call_can_be_demanded(client: Client, provider: str, pairs: World) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User(HELLO)], tools=TOOLS, tool_choice="get_weather")
    assert [(call.name, call.arguments) for call in client.ask(ask).calls] == [("get_weather", {"city": HELLO})]
    assert pairs.simulator.heard(provider).tool_choice == "get_weather"


@SHAPES
def test_json_comes_by_a_schema(client: Client, provider: str, pairs: World, stream: bool) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User("上海")], schema=PLACE, stream=stream)
    told = client.ask(ask)
    answer = msgspec.json.decode(told.text)
    assert answer == {"name": "上海", "kind": "harbour", "parent": {"code": "上海"}, "berths": [1]}
    assert pairs.simulator.heard(provider).format == "json_schema"


@pytest.mark.parametrize("client", [each for each in CLIENTS if each != "openai-chat"], indirect=True)
def test_a_picture_that_a_function_returned_arrives_too(client: Client, provider: str, pairs: World) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User("call the tool get_time")], tools=TOOLS)
    first = client.ask(ask)
    results = Results(((first.calls[0], "看"),), image=PIXEL)
    client.ask(msgspec.structs.replace(ask, turns=[*ask.turns, first.back, results]))
    assert hashlib.sha256(base64.b64decode(PIXEL)).hexdigest()[:12] in pairs.simulator.heard(provider).read


def test_a_picture_arrives_as_it_was(client: Client, provider: str, pairs: World) -> None:
    client.ask(Ask(model=model_at(provider, "echo"), turns=[User("这是什么？", image=PIXEL)]))
    digest = hashlib.sha256(base64.b64decode(PIXEL)).hexdigest()[:12]
    prompt = pairs.simulator.heard(provider).prompt
    assert "这是什么？" in prompt
    assert digest in prompt


@SHAPES
def test_a_limit_ends_an_answer(client: Client, provider: str, stream: bool) -> None:
    ask = Ask(model=model_at(provider, "echo"), turns=[User("word " * 60)], limit=20, stream=stream)
    told = client.ask(ask)
    assert told.finish == "length"
    assert told.counted.written == 20


@SHAPES
@BUT_OLLAMA  # does not tell a refusal from an answer
def test_a_refusal_is_one(client: Client, provider: str, stream: bool) -> None:
    told = client.ask(Ask(model=model_at(provider, "echo"), turns=[User("请拒绝回答")], stream=stream))
    assert told.finish == "refusal"


@pytest.mark.parametrize("fault", ["pings", "one-byte-writes", "other-model:x"])
def test_strange_manners_lose_nothing(client: Client, provider: str, pairs: World, fault: str) -> None:
    ask = Ask(model=model_at(provider, f"echo~{fault}"), turns=[User(HELLO)], stream=True)
    told = client.ask(ask)
    assert told.text == said_to(HELLO)
    agree(told, booked(pairs, provider))
