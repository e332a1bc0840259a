from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Message, OutputFormat, Request, Text, Tool, ToolCall, ToolChoice, ToolResult
from entrepot.dialects.openai_responses.quirks import QUIRKS
from entrepot.errors import InvalidRequest
from tests.dialects.openai_responses.asking import DIALECT, TARGET, ask, asked_for, sent

ASK = (Message("user", (Text("你好"),)),)
CLOSED: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
SEALED = "reasoning.encrypted_content"


def test_a_request_goes_to_responses_below_the_base_address() -> None:
    assert DIALECT.render_request(ask(), TARGET, None).url == "https://api.example/v1/responses"


def test_a_client_of_the_dialect_is_passed_on_field_by_field() -> None:
    fields: dict[str, Any] = {"metadata": {"k": "值"}, "truncation": "auto", "made_up": [1], "tools": [{"type": "mcp"}]}
    body = sent(ask(**fields, store=False))
    assert body == {"model": "upstream", "input": "hi", "store": False, **fields}


def test_nobody_keeps_what_nobody_asked_to_be_kept() -> None:
    assert sent(ask())["store"] is False
    assert sent(ask(store=True))["store"] is True
    refused = sent(ask(store=False, include=[SEALED]), "no_store")
    assert "store" not in refused
    assert "include" not in refused


def test_quirk_64_reasoning_of_a_stateless_request_is_asked_for_sealed() -> None:
    assert sent(ask(reasoning={"effort": "low"}, include=["x"]))["include"] == ["x", SEALED]
    assert "include" not in sent(ask(reasoning={"effort": "none"}))
    assert "include" not in sent(ask())


def test_quirk_64_what_another_provider_sealed_or_we_named_is_taken_out() -> None:
    said: list[dict[str, Any]] = [
        {"type": "reasoning", "id": "rs_entrepot_1_0", "summary": [], "encrypted_content": "entrepot:openai-chat:"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "entrepot-call:gemini-generate:sig"},
        {"type": "reasoning", "id": "rs_2", "summary": []},
        {"type": "reasoning", "id": "rs_3", "summary": [], "encrypted_content": "gAAA"},
        {"type": "message", "id": "msg_entrepot_1_1", "role": "assistant", "content": "a"},
        {"type": "message", "id": "msg_4", "role": "assistant", "content": "b"},
    ]
    body = sent(ask(input=said))
    assert body["input"] == [said[3], {"type": "message", "role": "assistant", "content": "a"}, said[5]]
    assert sent(ask(input=said[2:3], store=True))["input"] == said[2:3]


def test_quirk_64_ids_of_another_form_are_left_out_where_the_provider_is_strict() -> None:
    said = [{"type": "function_call", "id": "7f3a", "call_id": "c", "name": "f", "arguments": "{}"}]
    assert sent(ask(input=said))["input"] == said
    (item,) = sent(ask(input=said), "prefixed_item_ids")["input"]
    assert "id" not in item
    good = [{**said[0], "id": "fc_1"}]
    assert sent(ask(input=good), "prefixed_item_ids")["input"] == good


def test_the_limit_is_sent_where_the_client_named_none() -> None:
    assert sent(ask(), limit=9)["max_output_tokens"] == 9
    assert sent(ask(), "least_16_output_tokens", limit=9)["max_output_tokens"] == 16
    assert sent(ask(max_output_tokens=5), limit=9)["max_output_tokens"] == 5


def test_a_request_of_another_dialect_is_made_from_what_it_says() -> None:
    tool = Tool("f", "查词", {"type": "object"})
    request = Request(
        "m",
        (
            Message("system", (Text("简短"),)),
            *ASK,
            Message("assistant", (ToolCall("c", "f", "{}"),)),
            Message("tool", (ToolResult("c", (Text("1"),)),)),
        ),
        tools=(tool,),
        tool_choice=ToolChoice("named", "f"),
        parallel_tool_calls=False,
        temperature=0.5,
        user="u",
        stream=True,
    )
    assert sent(asked_for(request), limit=7) == {
        "model": "upstream",
        "instructions": "简短",
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "你好"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "1"},
        ],
        "tools": [
            {
                "type": "function",
                "name": "f",
                "description": "查词",
                "parameters": {"type": "object"},
                "strict": False,
            }
        ],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "max_output_tokens": 7,
        "temperature": 0.5,
        "user": "u",
        "stream": True,
        "store": False,
    }


def test_effort_is_sent_to_a_provider_that_takes_it_and_its_reasoning_is_wanted_back() -> None:
    request = Request("m", ASK, reasoning_budget_tokens=8000)
    body = sent(asked_for(request), "reasoning_effort")
    assert body["reasoning"] == {"effort": "medium"}
    assert body["include"] == [SEALED]
    assert "reasoning" not in sent(asked_for(request))


def test_log_probabilities_are_asked_for_as_the_dialect_does() -> None:
    body = sent(asked_for(Request("m", ASK, extra={"logprobs": True, "top_logprobs": 3})))
    assert body["include"] == ["message.output_text.logprobs"]
    assert body["top_logprobs"] == 3


def test_schemas_and_json_are_asked_for_as_the_provider_takes_them() -> None:
    schema = Request("m", ASK, output_format=OutputFormat("json_schema", CLOSED, None, True))
    assert sent(asked_for(schema))["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": CLOSED, "strict": True}
    }
    downgraded = sent(asked_for(schema), "no_json_schema")
    assert downgraded["text"] == {"format": {"type": "json_object"}}
    assert '{"type":"object",' in downgraded["instructions"]
    plain = sent(asked_for(Request("m", ASK, output_format=OutputFormat("json"))))
    assert "JSON" in plain["instructions"]


def test_the_quirks_of_a_provider_hold_back_what_it_refuses() -> None:
    request = Request(
        "m",
        ASK,
        tools=(Tool("f"),),
        tool_choice=ToolChoice("required"),
        parallel_tool_calls=True,
        temperature=1.0,
        top_p=0.5,
        max_output_tokens=3,
    )
    body = sent(asked_for(request), *QUIRKS)
    assert body["tool_choice"] == "auto"
    assert body["max_output_tokens"] == 16
    assert not {"parallel_tool_calls", "temperature", "top_p", "store", "include"} & body.keys()


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (Request("m", ASK, n=2), "n"),
        (Request("m", ASK, stop=("。",)), "stop"),
        (Request("m", ASK, tools=(Tool("bash", hosted={"type": "bash"}),)), "tools[0]"),
    ],
)
def test_what_the_dialect_has_no_words_for_is_refused(request_: Request, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        sent(asked_for(request_))
    assert caught.value.param == param
