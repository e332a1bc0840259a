from typing import Any

import msgspec
import pytest

from entrepot.simulator.heard import WireError
from entrepot.simulator.signatures import seal
from entrepot.simulator.wire_responses_items import WIRE, Items
from tests.simulator.sdk_world import PIXEL

HI = {"role": "user", "content": "hi"}
OK = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": "ok"}]}
CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
OUTPUT = {"type": "function_call_output", "call_id": "c", "output": "r"}


def reasoning(id: str | None = "rs_1", sealed_id: str = "rs_1", **more: Any) -> dict[str, Any]:
    content = seal(WIRE, msgspec.json.encode([sealed_id, "hm"]).decode())
    item = {"type": "reasoning", "summary": [], "encrypted_content": content, **more}
    return item if id is None else {"id": id, **item}


def read(*items: Any) -> Items:
    read = Items()
    read.read_input(list(items))
    return read


@pytest.mark.parametrize(
    ("items", "says"),
    [
        ([], "empty array"),
        (["hi"], "expected an object"),
        ([{"role": "tool", "content": "x"}], "Invalid value: 'tool'"),
        ([{"role": "user"}], "input[0].content"),
        ([{"role": "user", "content": [{"type": "text", "text": "a"}]}], "Supported values are"),
        ([{"role": "user", "content": [{"type": "output_text", "text": "a"}]}], "Supported values are"),
        ([HI, {"role": "assistant", "content": [{"type": "input_text", "text": "a"}]}], "Supported values are"),
        ([{"role": "user", "content": [{"type": "input_text"}]}], "content[0].text"),
        ([{"role": "user", "content": [{"type": "input_image", "image_url": "data:,"}]}], "a valid image"),
        ([HI, {**OK, "id": "chatcmpl-1"}], "begins with 'msg'"),
        ([HI, {**CALL, "id": "call_1"}, OUTPUT], "begins with 'fc'"),
        ([HI, OK, OK], "Duplicate item found with id msg_1"),
        ([HI, CALL], "No tool output found for function call c"),
        ([HI, OUTPUT], "No tool call found for function call output with call_id c"),
        ([HI, CALL, OUTPUT, OUTPUT], "No tool call found"),
        ([HI, {**CALL, "call_id": "x" * 65}], "maximum length 64"),
        ([HI, {**CALL, "arguments": {}}], "input[1].arguments"),
        ([HI, CALL, {**OUTPUT, "output": None}], "input[2].output"),
        ([HI, reasoning()], "without its required following item"),
        ([HI, reasoning(), HI], "without its required following item"),
        ([HI, {**reasoning(), "summary": None}, OK], "input[1].summary"),
        ([HI, reasoning(sealed_id="rs_2"), OK], "item_id did not match"),
        ([HI, reasoning(encrypted_content="x"), OK], "could not be decrypted"),
        ([HI, reasoning(encrypted_content=None), OK], "Items are not persisted"),
        ([{"type": "item_reference", "id": "msg_9"}], "Item with id 'msg_9' not found"),
        ([{"type": "computer_call"}], "Invalid value: 'computer_call'"),
    ],
)
def test_what_the_api_refuses_is_refused(items: list[Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        read(*items)
    assert says in caught.value.message + str(caught.value.param)


def test_a_conversation_is_read() -> None:
    picture = {"type": "input_image", "image_url": f"data:image/png;base64,{PIXEL}"}
    items = read(
        {"role": "developer", "content": "简短"},
        {"role": "user", "content": [{"type": "input_text", "text": "看"}, picture]},
        reasoning(),
        CALL,
        {**CALL, "call_id": "d"},
        {**OUTPUT, "call_id": "d", "output": [{"type": "input_text", "text": "晴"}, {"type": "input_file"}]},
        OUTPUT,
    )
    assert items.prompt.startswith("看\n[image/png ")
    assert items.system == ["简短"]
    assert items.results == ("晴\n[input_file]", "r")
    assert items.replayed == ["hm"]


def test_reasoning_may_come_back_without_its_id_and_an_input_may_be_text() -> None:
    assert read(HI, reasoning(None), OK).replayed == ["hm"]
    items = Items()
    items.read_input("你好")
    assert items.prompt == "你好"
