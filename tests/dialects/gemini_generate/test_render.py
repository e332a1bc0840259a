from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Media, Part, Reasoning, Refusal, Text, ToolCall, ToolResult, Unknown
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.errors import Unavailable
from tests.canonical.strategies import responses
from tests.dialects.gemini_generate.asking import DIALECT, ask, chunk, events, response


def rendered(answer: Response) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(DIALECT.open_renderer(ask(), 0).render(unfold(answer)))
    return value


def answered(*parts: Part, reason: FinishReason = "stop", dialect: str = "openai-chat", **extra: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = rendered(Response("i", "m", 0, (Choice(0, parts, reason, extra),), None, {}, dialect))[
        "candidates"
    ][0]
    return candidate


@pytest.mark.parametrize(
    "answer",
    [
        chunk({"text": "晴"}, finishReason="STOP", index=0, avgLogprobs=-0.1, safetyRatings=[{"category": "c"}]),
        chunk(
            {"text": "想", "thought": True},
            {"text": "晴", "thoughtSignature": "c2ln"},
            finishReason="MAX_TOKENS",
            index=0,
        ),
        chunk({"functionCall": {"name": "f", "args": {}}, "thoughtSignature": "c2ln"}, finishReason="STOP", index=0),
        chunk({"functionCall": {"name": "f", "args": {"a": 1.5}, "id": "x"}}, finishReason="STOP", index=0),
        chunk(
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
            {"partMetadata": {}},
            finishReason="STOP",
            index=0,
        ),
        {"candidates": [{"finishReason": "SAFETY", "index": 0, "safetyRatings": []}], "modelVersion": "m"},
        {"candidates": [{"content": {"role": "model"}, "finishReason": "MALFORMED_FUNCTION_CALL", "index": 0}]},
        {"candidates": [{"finishReason": "RECITATION", "index": 0, "citationMetadata": {"citationSources": []}}]},
        {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4, "totalTokenCount": 4}},
        {**chunk({"text": "a"}, finishReason="BRAND_NEW", index=0), "modelStatus": {"modelStage": "STABLE"}},
    ],
)
def test_an_answer_of_this_dialect_comes_out_as_it_was(answer: dict[str, Any]) -> None:
    body = DIALECT.open_renderer(ask(), 0).render(events(answer))
    assert json.loads(body) == answer


@given(responses())
def test_every_answer_renders_and_is_understood_again(answer: Response) -> None:
    again = response(rendered(answer))
    assert [choice.index for choice in again.choices] == [choice.index for choice in answer.choices]
    if answer.usage is not None:
        assert again.usage is not None
        assert (again.usage.all_input, again.usage.all_output) == (answer.usage.all_input, answer.usage.all_output)


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "STOP"),
        ("tool_calls", "STOP"),
        ("length", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("refusal", "PROHIBITED_CONTENT"),
        ("pause", "CONTINUATION"),
        ("error", "MALFORMED_RESPONSE"),
        ("unknown", "OTHER"),
    ],
)
def test_canonical_reasons_have_their_words(reason: FinishReason, word: str) -> None:
    assert answered(Text("a"), reason=reason)["finishReason"] == word


@pytest.mark.parametrize(
    ("reason", "word"), [("stop", "PROHIBITED_CONTENT"), ("unknown", "PROHIBITED_CONTENT"), ("length", "MAX_TOKENS")]
)
def test_a_refusal_ends_as_one_where_nothing_else_is_said(reason: FinishReason, word: str) -> None:
    assert answered(Refusal("不"), reason=reason)["finishReason"] == word


def test_parts_of_another_dialect_are_said_in_this_ones_words() -> None:
    parts: tuple[Part, ...] = (
        Reasoning("想"),
        Text("晴", {"annotations": []}),
        Refusal("不"),
        ToolCall("call_1", "f", '{"城":"京"}', extra={"x": 1}),
        Media("image", data="AA=="),
        Unknown("openai-chat", {"type": "new"}),
        ToolResult("x", (Text("r"),)),
    )
    assert answered(*parts)["content"] == {
        "role": "model",
        "parts": [
            {"text": "想", "thought": True},
            {"text": "晴"},
            {"text": "不"},
            {"functionCall": {"name": "f", "args": {"城": "京"}, "id": "call_1"}},
            {"inlineData": {"mimeType": "image/png", "data": "AA=="}},
        ],
    }


def test_no_arguments_are_an_empty_object() -> None:
    assert answered(ToolCall("1", "f", ""))["content"]["parts"] == [
        {"functionCall": {"name": "f", "args": {}, "id": "1"}}
    ]


def test_a_call_that_is_no_json_object_ends_the_answer_as_gemini_does() -> None:
    candidate = answered(ToolCall("1", "f", "{城"), reason="tool_calls")
    assert candidate["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert "f({城)" in candidate["finishMessage"]


def test_another_providers_reasoning_comes_back_with_its_signature() -> None:
    thought = Reasoning("想", "sig", bound_to="anthropic-messages")
    hidden = Reasoning("", "opaque", True, "anthropic-messages")
    parts = answered(thought, hidden)["content"]["parts"]
    kept = ask({"contents": [{"role": "model", "parts": parts}]}).request.messages[0].parts
    assert kept == (thought, hidden)


def test_citations_and_likelihoods_of_another_dialect_are_said() -> None:
    logprobs = {"content": [{"token": "晴", "logprob": -0.5, "top_logprobs": [{"token": "雨", "logprob": -1}]}]}
    cited = {"url": "https://h", "title": "题", "start": 1, "end": 2}
    candidate = answered(Text("今"), Text("天晴", {"citations": [cited, {"title": "no address"}]}), logprobs=logprobs)
    assert candidate["groundingMetadata"] == {
        "groundingChunks": [{"web": {"uri": "https://h", "title": "题"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 6, "endIndex": 9, "text": "晴"}, "groundingChunkIndices": [0]}
        ],
    }
    assert candidate["logprobsResult"]["chosenCandidates"] == [{"token": "晴", "logProbability": -0.5}]


def test_usage_and_names_are_said() -> None:
    answer = rendered(
        Response("i", "m", 0, (Choice(0, (Text("a"),), "stop"),), Usage(1, 2, 0, 3, 4), {}, "openai-chat")
    )
    assert answer["usageMetadata"]["totalTokenCount"] == 10
    assert (answer["responseId"], answer["modelVersion"]) == ("i", "m")


def test_nothing_is_rendered_before_the_end_and_an_error_instead_is_the_dialects() -> None:
    renderer = DIALECT.open_renderer(ask(), 0)
    assert renderer.render(unfold(Response("i", "m", 0, ()))[:-1]) == b""
    assert json.loads(renderer.break_off(Unavailable("later")))["error"]["status"] == "UNAVAILABLE"
