from typing import Any

import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.wire_openai_messages import read_messages
from tests.simulator.sdk_world import PIXEL

HI = {"role": "user", "content": "hi"}


def call(id: str = "c", name: str = "f", arguments: Any = "{}") -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def assistant(*calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": list(calls), **more}


def result(id: str = "c") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": id, "content": "r"}


@pytest.mark.parametrize(
    ("messages", "says"),
    [
        ([HI, result()], "must be a response to a preceeding message with 'tool_calls'"),
        ([HI, assistant(call()), HI], "did not have response messages: c"),
        ([HI, assistant(call(), call("d")), result()], "did not have response messages: d"),
        ([HI, assistant(call()), result(), result()], "must be a response to a preceeding message"),
        ([HI, assistant(call()), {"role": "tool", "content": "r"}], "tool_call_id"),
        ([HI, assistant()], "empty array"),
        ([HI, assistant(call("x" * 41))], "maximum length 40"),
        ([HI, assistant(call(name="a b"))], "does not match pattern"),
        ([HI, assistant(call(arguments={}))], "function.arguments"),
        ([{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,"}}]}], "a valid image"),
        ([{"role": "assistant", "content": [{"type": "image_url"}]}], "Only messages of the user"),
        ([{"role": "user", "content": [{"type": "input_text", "text": "a"}]}], "Invalid value: 'input_text'"),
    ],
)
def test_what_the_api_refuses_is_refused(messages: list[Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        read_messages({"messages": messages})
    assert says in caught.value.message


def test_a_conversation_is_read() -> None:
    picture = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PIXEL}"}}
    sound = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "看"}, picture, sound]},
        assistant(call(), call("d"), reasoning_content="hm"),
        result("d"),
        result(),
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "不"}]},
    ]
    read = read_messages({"messages": messages})
    assert [(each.role, each.reasoning) for each in read][1] == ("assistant", "hm")
    assert read[0].text.startswith("看\n[image/png ")
    assert read[1].text == "f {} f {}"
    assert read[-1].text == "不"
