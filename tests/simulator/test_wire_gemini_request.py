from typing import Any

import msgspec
import pytest

from entrepot.simulator.heard import Heard, WireError
from entrepot.simulator.http1 import HttpRequest
from entrepot.simulator.wire_gemini_request import check_key, generation_of, parse_request

HI = [{"role": "user", "parts": [{"text": "hi"}]}]
TOOL = {"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}


def parse(path: str = "/v1beta/models/m:generateContent", query: str = "", **given: Any) -> Heard:
    body = msgspec.json.encode({"contents": HI, **given})
    heard = parse_request(HttpRequest("POST", path, {}, body, query), path)
    assert heard is not None
    return heard


def generation(**settings: Any) -> dict[str, Any]:
    return {"generationConfig": settings}


def thinking(**config: Any) -> dict[str, Any]:
    return generation(thinkingConfig=config)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"model": "m"}, 'Unknown name "model"'),
        ({"cachedContent": "cachedContents/x"}, "CachedContent not found"),
        (generation(max_tokens=5), "Unknown name \"max_tokens\" at 'generation_config'"),
        (generation(maxOutputTokens=0), "must be positive"),
        (generation(maxOutputTokens="many"), "TYPE_INT32"),
        (generation(temperature=3), "temperature must be in the range"),
        (generation(stopSequences=["a", "b", "c", "d", "e", "f"]), "at most 5"),
        (generation(stopSequences=[""]), "must not be empty"),
        (generation(responseMimeType="text/html"), "allowed mimetypes"),
        (generation(responseSchema={"type": "STRING"}), "only supported with response mime type"),
        (
            generation(responseMimeType="application/json", responseSchema={"type": "STRING"}, responseJsonSchema={}),
            "must not both be set",
        ),
        (thinking(thinkingBudget=5, thinkingLevel="LOW"), "only one of thinking budget and thinking level"),
        (thinking(thinkingBudget=0, includeThoughts=True), "include_thoughts is only enabled"),
        (thinking(thinkingBudget=99_999), "The thinking budget 99999 is invalid"),
        (thinking(thinkingLevel="DEEP"), "thinking_level"),
        (thinking(includeThoughts=1), "TYPE_BOOL"),
        ({"tools": [{"functionDeclarations": [{"name": "1st"}]}]}, "Invalid function name"),
        ({"tools": [{"functionDeclarations": [{"name": "f" * 65}]}]}, "Invalid function name"),
        ({"tools": [TOOL, TOOL]}, "Duplicate function declaration"),
        ({"tools": [{"functionDeclarations": [{"name": "f", "strict": True}]}]}, 'Unknown name "strict"'),
        ({"tools": {"functionDeclarations": []}}, "expected an array"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "REQUIRED"}}}, "function_calling_config.mode"),
        ({"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}}, "without function_declarations"),
        (
            {"tools": [TOOL], "toolConfig": {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["f"]}}},
            "should only be set when function calling mode is ANY",
        ),
        (
            {"tools": [TOOL], "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["g"]}}},
            "g is not among",
        ),
    ],
)
def test_what_the_api_refuses_is_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(WireError) as caught:
        parse(**given)
    assert says in caught.value.message


def test_an_earlier_generation_takes_budgets_only_and_no_json_beside_functions() -> None:
    older = "/v1/models/gemini-2.5-pro:generateContent"
    assert parse(older, **thinking(thinkingBudget=-1)).max_reasoning_tokens is None
    with pytest.raises(WireError, match="not supported for this model"):
        parse(older, **thinking(thinkingLevel="LOW"))
    with pytest.raises(WireError, match="Function calling with a response mime type"):
        parse(older, tools=[TOOL], **generation(responseMimeType="application/json"))
    assert (generation_of("gemini-2.5-pro"), generation_of("gemini-3-pro"), generation_of("m")) == (2, 3, 99)


def test_names_may_be_written_in_either_case_and_numbers_as_text() -> None:
    heard = parse(
        system_instruction={"parts": [{"text": "简短"}]},
        generation_config={"max_output_tokens": "7", "thinking_config": {"thinking_budget": "9"}},
        tool_config={"function_calling_config": {"mode": "any", "allowed_function_names": ["f"]}},
        tools=[{"function_declarations": [{"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}]}],
    )
    assert (heard.system, heard.max_tokens, heard.max_reasoning_tokens, heard.tool_choice) == ("简短", 7, 9, "f")
    assert heard.tools[0].parameters["type"] == "object"


def test_the_path_says_the_model_and_what_is_done_with_it() -> None:
    streamed = parse("/v1beta/models/qwen3%3A8b~status:500:streamGenerateContent", "alt=sse")
    assert (streamed.model, streamed.stream, streamed.options["array"]) == ("qwen3:8b~status:500", True, False)
    assert parse("/v1/models/m:streamGenerateContent").options["array"]
    assert parse("/v1beta/models/m:countTokens").operation == "count_tokens"
    inner = {"model": "models/m", "contents": HI, "systemInstruction": {"parts": [{"text": "s"}]}}
    body = msgspec.json.encode({"generateContentRequest": inner})
    counted = parse_request(HttpRequest("POST", "/", {}, body), "/v1beta/models/m:countTokens")
    assert counted is not None
    assert counted.read == "s\nhi"
    for path in ("/v1beta/models/m:tune", "/v1beta/models/:generateContent", "/v2/models/m:generateContent"):
        assert parse_request(HttpRequest("POST", path, {}, b"{}"), path) is None


def test_the_key_may_come_in_three_places_and_a_wrong_one_is_a_400() -> None:
    for headers, query in (({"x-goog-api-key": "k"}, ""), ({}, "key=k"), ({"authorization": "Bearer k"}, "")):
        check_key(HttpRequest("POST", "/", headers, b"", query), "k")
    for query, status in (("", 403), ("key=other", 400)):
        with pytest.raises(WireError) as caught:
            check_key(HttpRequest("POST", "/", {}, b"", query), "k")
        assert caught.value.status == status
