from typing import Any

import msgspec
import pytest

from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.wire_responses_request import parse_request

TOOL = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def parse(**given: Any) -> Heard:
    return parse_request(msgspec.json.encode({"model": "m", "input": "hi", **given}))


def formatted(**form: Any) -> dict[str, Any]:
    return {"text": {"format": form}}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"messages": []}, "Unknown parameter: 'messages'"),
        ({"stop": ["x"]}, "Unknown parameter: 'stop'"),
        ({"n": 2}, "Unknown parameter: 'n'"),
        ({"previous_response_id": "resp_1"}, "Previous response with id 'resp_1' not found"),
        ({"input": None}, "Missing required parameter: 'input'"),
        ({"max_output_tokens": 15}, "Expected a value >= 16"),
        ({"temperature": 3}, "between 0 and 2"),
        ({"reasoning": {"effort": "extreme"}}, "Invalid value: 'extreme'"),
        ({"tools": [{"function": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"tools": [{**TOOL, "strict": True}]}, "'additionalProperties' is required"),
        ({"tool_choice": "required"}, "need 'tools'"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "f"}}}, "Tool choice None"),
        (formatted(type="json_object"), "must contain the word 'json'"),
        (formatted(type="json_schema", schema={}), "text.format.name"),
        (formatted(type="json_schema", name="x", schema={"type": "object"}, strict=True), "'additionalProperties'"),
        (formatted(type="xml"), "Invalid value: 'xml'"),
    ],
)
def test_what_the_api_refuses_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        parse(**given)
    assert says in caught.value.message


def test_settings_are_read() -> None:
    heard = parse(
        instructions="简短",
        tools=[TOOL, {"type": "web_search"}],
        tool_choice={"type": "function", "name": "f"},
        parallel_tool_calls=False,
        reasoning={"effort": "low", "summary": "auto"},
        include=["reasoning.encrypted_content"],
        max_output_tokens=16,
        previous_response_id=None,
    )
    assert (heard.system, heard.tool_choice, heard.parallel_calls, len(heard.tools)) == ("简短", "f", False, 1)
    assert (heard.reasoning_effort, heard.shows_reasoning, heard.options["encrypts"]) == ("low", True, True)
    assert not parse().shows_reasoning
