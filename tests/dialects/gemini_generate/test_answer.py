from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Media, Message, Reasoning, Text, ToolCall, Unknown
from entrepot.canonical.stream import Ended, Failed, Finished, Noted, Pinged, Started, StreamEvent
from tests.dialects.gemini_generate.asking import DIALECT, GEMINI_3, ask, chunk, events, foreign, frames, response

CALL = {"functionCall": {"name": "f", "args": {"城": "京"}}}
STREAM = frames(
    chunk({"text": "想一", "thought": True}),
    chunk({"text": "想", "thought": True}),
    chunk({"text": "今"}),
    chunk({"text": "天"}),
    chunk({**CALL, "thoughtSignature": "c2ln"}, CALL),
    {**chunk({"text": ""}, finishReason="STOP"), "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2}},
)


def test_a_stream_folds_to_the_answer() -> None:
    answer = response(STREAM)
    assert answer.choices[0].parts == (
        Reasoning("想一想", bound_to="gemini-generate"),
        Text("今天"),
        ToolCall("gemini_call_0", "f", '{"城":"京"}', "c2ln", bound_to="gemini-generate"),
        ToolCall("gemini_call_1", "f", '{"城":"京"}'),
    )
    assert (answer.id, answer.dialect) == ("r", "gemini-generate")


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_any_split_gives_the_same_events(cuts: list[int]) -> None:
    parser = DIALECT.open_parser(ask(), GEMINI_3)
    places = [0, *sorted(cuts), len(STREAM)]
    said: list[StreamEvent] = []
    for start, end in itertools.pairwise(places):
        said.extend(parser.feed(STREAM[start:end]))
    assert said + parser.close() == events(STREAM)


def test_stop_in_a_chunk_after_the_call_is_still_a_tool_call() -> None:
    said = events(frames(chunk(CALL), chunk({"text": ""}, finishReason="STOP")))
    assert [event for event in said if isinstance(event, Finished)] == [Finished("tool_calls")]
    before = events(frames(chunk({"text": "a"}, finishReason="STOP"), chunk(CALL, finishReason="STOP")))
    assert Finished("tool_calls") in before


def test_ids_that_the_wire_lacks_go_on_from_the_conversations_calls() -> None:
    history = foreign(Message("assistant", (ToolCall("x", "f", "{}"), ToolCall("y", "f", "{}"))))
    parts = (
        response(chunk(CALL, {"functionCall": {"id": "own", "name": "g"}}, finishReason="STOP"), history)
        .choices[0]
        .parts
    )
    assert [part.id for part in parts if isinstance(part, ToolCall)] == ["gemini_call_2", "own"]
    assert [part.arguments for part in parts if isinstance(part, ToolCall)] == ['{"城":"京"}', "{}"]


def test_a_signature_on_any_part_is_kept_with_it() -> None:
    parts: list[dict[str, Any]] = [
        {"text": "a"},
        {"text": "b", "thoughtSignature": "czE="},
        {"text": "c"},
        {"inlineData": {"mimeType": "image/png", "data": "AA=="}, "thoughtSignature": "czI="},
        {"text": "", "thoughtSignature": "czM="},
        {"thoughtSignature": "czQ="},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": "czU="},
    ]
    expected = (
        Text("a"),
        Text("b", {"thoughtSignature": "czE="}),
        Text("c"),
        Media("image", "image/png", data="AA==", extra={"thoughtSignature": "czI="}),
        Reasoning("", "czM=", True, "gemini-generate"),
        Reasoning("", "czQ=", True, "gemini-generate", {"shape": {}}),
        Unknown("gemini-generate", parts[6]),
    )
    assert response(chunk(*parts, finishReason="STOP")).choices[0].parts == expected
    streamed = frames(*(chunk(part) for part in parts), chunk(finishReason="STOP"))
    assert response(streamed).choices[0].parts == expected


@pytest.mark.parametrize("word", ["SAFETY", "PROHIBITED_CONTENT"])
@pytest.mark.parametrize("streams", [True, False])
def test_a_safety_stop_without_content_is_a_finished_answer(word: str, streams: bool) -> None:
    stop = {"candidates": [{"finishReason": word, "safetyRatings": [{"category": "c", "blocked": True}]}]}
    answer = response(frames(stop) if streams else stop)
    assert answer.choices[0].finish_reason == "content_filter"
    assert answer.choices[0].parts == ()
    assert answer.choices[0].extra["safetyRatings"] == [{"category": "c", "blocked": True}]


@pytest.mark.parametrize("streams", [True, False])
def test_a_refused_prompt_has_no_candidates_and_is_a_finished_answer(streams: bool) -> None:
    refused = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    said = events(frames(refused) if streams else refused)
    assert said[-2:] == [Finished("content_filter"), Ended()]
    assert isinstance(said[0], Started)
    assert Noted({"promptFeedback": {"blockReason": "SAFETY"}}) in said


def test_a_stream_without_a_finish_reason_was_cut_off() -> None:
    for body in (frames(chunk({"text": "a"})), b"", frames({"usageMetadata": {"promptTokenCount": 4}})):
        last = events(body)[-1]
        assert isinstance(last, Failed)
        assert last.failure.kind in ("cut_off", "protocol")


def test_usage_is_cumulative_and_a_later_count_replaces_an_earlier_one() -> None:
    first = {**chunk({"text": "a"}), "usageMetadata": {"promptTokenCount": 10, "cachedContentTokenCount": 4}}
    last = {
        **chunk({"text": "b"}, finishReason="STOP"),
        "usageMetadata": {"promptTokenCount": 10, "candidatesTokenCount": 2, "thoughtsTokenCount": 5},
    }
    usage = response(frames(first, first, last)).usage
    assert usage is not None
    assert (usage.input_tokens, usage.cache_read_tokens) == (6, 4)
    assert (usage.output_tokens, usage.reasoning_tokens) == (2, 5)


def test_an_error_in_the_middle_of_a_stream_is_classified() -> None:
    error = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}
    last = events(frames(chunk({"text": "a"}), error, chunk({"text": "never"})))[-1]
    assert isinstance(last, Failed)
    assert (last.failure.kind, last.failure.code) == ("overloaded", "UNAVAILABLE")


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"{",
        b"[]",
        b"[1]",
        b"null",
        b'data: {"candidates":7}\n\n',
        b'{"candidates":[{"content":{"parts":[{"text":1}]}}]}',
    ],
)
def test_what_is_not_an_answer_fails_without_raising(body: bytes) -> None:
    assert isinstance(events(body)[-1], Failed)


def test_a_json_array_says_the_same_as_server_sent_events() -> None:
    chunks: list[Any] = [chunk({"text": "今"}), chunk({"text": "天"}, finishReason="STOP")]
    array = str(chunks).replace("'", '"').encode()
    assert response(array) == response(frames(*chunks))


def test_comments_are_signs_of_life() -> None:
    assert events(b": ping\n\n" + STREAM)[0] == Pinged()


def test_choices_are_told_apart_by_index() -> None:
    second = {"candidates": [{"index": 1, "content": {"parts": [{"text": "二"}]}, "finishReason": "MAX_TOKENS"}]}
    answer = response(frames(chunk({"text": "一"}, index=0), second, chunk(finishReason="STOP", index=0)))
    assert [(choice.parts, choice.finish_reason) for choice in answer.choices] == [
        ((Text("一"),), "stop"),
        ((Text("二"),), "length"),
    ]


def test_grounding_is_kept_and_said_as_citations_in_characters() -> None:
    grounding: dict[str, Any] = {
        "groundingChunks": [{"web": {"uri": "https://h", "title": "题"}}],
        "groundingSupports": [
            {"segment": {"startIndex": 3, "endIndex": 9, "text": "天晴"}, "groundingChunkIndices": [0]}
        ],
    }
    answer = response(
        frames(chunk({"text": "今天"}), chunk({"text": "晴。"}, finishReason="STOP", groundingMetadata=grounding))
    )
    (text,) = answer.choices[0].parts
    assert isinstance(text, Text)
    citation = {"url": "https://h", "title": "题", "cited_text": "天晴", "start": 1, "end": 3}
    assert text.extra["citations"] == [{**citation, "raw": grounding["groundingChunks"][0]}]
    assert answer.choices[0].extra["groundingMetadata"] == grounding


def test_likelihoods_are_said_as_openai_chat_says_them() -> None:
    result = {
        "chosenCandidates": [{"token": "晴", "logProbability": -0.5}],
        "topCandidates": [{"candidates": [{"token": "雨", "logProbability": -1.5}]}],
    }
    extra = response(chunk({"text": "晴"}, finishReason="STOP", logprobsResult=result)).choices[0].extra
    assert extra["logprobsResult"] == result
    assert extra["logprobs"]["content"] == [
        {
            "token": "晴",
            "logprob": -0.5,
            "bytes": list("晴".encode()),
            "top_logprobs": [{"token": "雨", "logprob": -1.5, "bytes": list("雨".encode())}],
        }
    ]


def test_the_time_is_unix_seconds_and_a_wrong_one_is_none() -> None:
    timed = {**chunk({"text": "a"}, finishReason="STOP"), "createTime": "2026-01-01T00:00:00.123456Z"}
    assert response(timed).created == 1767225600
    assert response({**timed, "createTime": "soon"}).created == 0


def test_nothing_follows_the_end() -> None:
    parser = DIALECT.open_parser(ask(), GEMINI_3)
    first = parser.feed(STREAM) + parser.close()
    assert parser.feed(STREAM) + parser.close() == []
    assert fold(first) == response(STREAM)
