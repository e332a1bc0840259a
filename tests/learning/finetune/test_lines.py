"""What a line looks like, held to the types of OpenAI's own SDK, and what makes none."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from pydantic import TypeAdapter

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.canonical.response import Choice, FinishReason, Response
from entrepot.learning.finetune.lines import Unfit, conversation_of, earlier_answers, line_of, taught_by
from entrepot.ledger.content.record import Said
from tests.learning.finetune.samples import said_of

MESSAGES: TypeAdapter[list[ChatCompletionMessageParam]] = TypeAdapter(list[ChatCompletionMessageParam])
TOOLS: TypeAdapter[list[ChatCompletionToolParam]] = TypeAdapter(list[ChatCompletionToolParam])
WEATHER = Tool("weather", "What it is like", {"type": "object", "properties": {"city": {"type": "string"}}})


def check(line: dict[str, Any]) -> None:
    """Held to the SDK's types; `weight`, which is of fine-tuning alone, is looked at here."""
    plain = [{name: value for name, value in message.items() if name != "weight"} for message in line["messages"]]
    for message in MESSAGES.validate_python(plain, strict=False):
        dict(message)
    TOOLS.validate_python(line.get("tools", []))
    assert all(isinstance(message["content"], str) for message in line["messages"])
    assert line["messages"][-1]["role"] == "assistant"
    assert "weight" not in line["messages"][-1]
    assert all(one.get("weight") == 0 for one in line["messages"][:-1] if one["role"] == "assistant")
    assert msgspec.json.decode(msgspec.json.encode(line)) == line


def test_a_question_and_its_answer() -> None:
    line = line_of(said_of("问题？", "回答。", Message("developer", (Text("Be"), Text("brief")))))
    check(line)
    assert line == {
        "messages": [
            {"role": "system", "content": "Be\nbrief"},
            {"role": "user", "content": "问题？"},
            {"role": "assistant", "content": "回答。"},
        ]
    }


def test_a_conversation_with_tools_teaches_its_last_answer_alone() -> None:
    request = Request(
        "auto",
        (
            Message("user", (Text("Weather in Köln?"),), name="anna"),
            Message("assistant", (Reasoning("hm"), ToolCall("c1", "weather", '{"city": "Köln"}'))),
            Message("tool", (ToolResult("c1", (Text("rain"),)),)),
            Message("assistant", (Text("Rain."),)),
            Message("user", (Text("And in Bonn?"),)),
        ),
        tools=(WEATHER,),
        parallel_tool_calls=False,
    )
    answer = Choice(0, (Reasoning("so"), ToolCall("c2", "weather", '{"city": "Bonn"}')), "tool_calls")
    line = line_of(Said(request, 200, True, Response("r", "m", 1, (answer,))))
    check(line)
    roles = [message["role"] for message in line["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "assistant"]
    assert line["messages"][-1] == {
        "role": "assistant",
        "content": "",
        "tool_calls": [
            {"id": "c2", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
        ],
    }
    assert line["tools"][0]["function"]["name"] == "weather"
    assert line["parallel_tool_calls"] is False
    assert earlier_answers(line) == 2
    assert "anna" not in msgspec.json.encode(line).decode()
    assert taught_by(line) == 'And in Bonn?\n\nweather({"city": "Bonn"})'
    assert conversation_of(line) == conversation_of(line_of(said_of("Weather in Köln?", "Dry.")))


@pytest.mark.parametrize(
    ("part", "why"),
    [
        (Media("image", "image/png", data="aGk="), "not text alone"),
        (Unknown("openai-chat", {"type": "video"}), "not text alone"),
        (ToolResult("c", (Media("image", url="https://x/y.png"),)), "not text alone"),
    ],
)
def test_what_is_not_text_makes_no_line(part: Part, why: str) -> None:
    earlier = Message("tool" if isinstance(part, ToolResult) else "user", (part,))
    with pytest.raises(Unfit, match=why):
        line_of(said_of("what is that?", "A cat.", earlier))


@pytest.mark.parametrize(
    ("parts", "reason", "why"),
    [
        ((Text("half an ans"),), "length", "did not end of itself"),
        ((Text("no"),), "content_filter", "did not end of itself"),
        ((Refusal("I cannot"),), "stop", "declined"),
        ((Text(""),), "stop", "an empty answer"),
        ((Reasoning("only thought"),), "stop", "an empty answer"),
    ],
)
def test_an_answer_that_is_none_makes_no_line(parts: tuple[Part, ...], reason: FinishReason, why: str) -> None:
    answer = Response("r", "m", 1, (Choice(0, parts, reason),))
    with pytest.raises(Unfit, match=why):
        line_of(Said(said_of("?").request, 200, True, answer))


def test_an_answer_that_broke_off_and_several_answers_make_no_line() -> None:
    with pytest.raises(Unfit, match="not completed"):
        line_of(said_of("?", complete=False))
    choice = Choice(0, (Text("one"),), "stop")
    two = Response("r", "m", 1, (choice, msgspec.structs.replace(choice, index=1)))
    with pytest.raises(Unfit, match="several answers"):
        line_of(Said(said_of("?").request, 200, True, two))


def test_a_tool_that_only_one_provider_has_makes_no_line() -> None:
    hosted = Tool("web_search", hosted={"type": "web_search"})
    said = said_of("?")
    with_tool = msgspec.structs.replace(said, request=msgspec.structs.replace(said.request, tools=(hosted,)))
    with pytest.raises(Unfit, match="only its own dialect"):
        line_of(with_tool)
