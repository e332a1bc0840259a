from __future__ import annotations

import json

import pytest

from entrepot.dialects.openai_responses.keeping import FinalResponse, given_items, kept_items, references, with_input
from tests.dialects.openai_responses.asking import ask, frames
from tests.dialects.openai_responses.test_answer import COMPLETED, CREATED, delta, whole

STREAM = frames(CREATED, delta('say "response.completed"'), COMPLETED)


@pytest.mark.parametrize("split", range(0, len(STREAM), 41))
def test_the_response_that_ends_a_stream_is_found_whatever_its_split(split: int) -> None:
    watch = FinalResponse(streams=True)
    found = [watch.feed(STREAM[:split], end=False), watch.feed(STREAM[split:], end=True)]
    assert [json.loads(each) for each in found if each is not None] == [whole()]


def test_a_whole_answer_is_its_own() -> None:
    watch = FinalResponse(streams=False)
    assert watch.feed(b'{"id"', end=False) is None
    assert watch.feed(b": 1}", end=True) == b'{"id": 1}'


def test_a_request_is_said_again_with_all_of_its_input() -> None:
    asked = ask(previous_response_id="resp_0", store=True, input="二", metadata={"k": "v"})
    assert given_items(asked) == [{"type": "message", "role": "user", "content": "二"}]
    complete = with_input(asked, [{"role": "user", "content": "一"}, *given_items(asked)], {"id": "resp_1"})
    assert [message.text() for message in complete.request.messages] == ["一", "二"]
    assert complete.echo == {"id": "resp_1"}
    assert complete.fields.keys() == {"model", "input", "metadata"}


def test_references_are_found_by_their_place() -> None:
    items = [{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_1"}, {"type": "item_reference"}]
    assert references(items) == {1: "msg_1"}


def test_kept_items_have_ids_and_their_long_form() -> None:
    call = {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c", "output": "1"}
    said = {"role": "assistant", "content": "好"}
    kept = kept_items([{"role": "user", "content": "一"}, call, output, said], "resp_9")
    assert kept[0] == {
        "id": "msg_entrepot_9_i0",
        "type": "message",
        "role": "user",
        "status": "completed",
        "content": [{"type": "input_text", "text": "一"}],
    }
    assert kept[1] == call
    assert kept[2] == {**output, "id": "function_call_output_entrepot_9_i2"}
    assert kept[3]["content"][0]["type"] == "output_text"
