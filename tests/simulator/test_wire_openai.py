from typing import Any

import msgspec
import pytest

from entrepot.simulator.books import Tokens
from entrepot.simulator.heard import WireError
from entrepot.simulator.said import Call, Frame, Reply, Said
from entrepot.simulator.tokens import count_tokens
from entrepot.simulator.wire_openai import (
    render_error,
    render_models,
    render_stream,
    render_usage,
    render_whole,
)
from entrepot.simulator.wire_openai_logprobs import read_logprobs

TALK = Reply("chatcmpl-1", "m", 1700000000, (Said("转口港 is a port."),), Tokens(10, 4, 8, 5))
CALLS = Reply(
    "chatcmpl-2",
    "m",
    1,
    (Said(calls=(Call("call_1", "find", '{"city":"Lyon"}'),), finish_reason="tool_calls"),),
    Tokens(1),
)


def chunks(frames: list[Frame]) -> list[dict[str, Any]]:
    assert all(frame.data.startswith(b"data: ") and frame.data.endswith(b"\n\n") for frame in frames)
    assert frames[-1].data == b"data: [DONE]\n\n"
    return [msgspec.json.decode(frame.data[6:]) for frame in frames[:-1]]


def test_usage_counts_cached_tokens_as_prompt_and_reasoning_as_completion() -> None:
    usage = render_usage(TALK.tokens)
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (14, 13, 27)
    assert usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 5


def test_a_stream_is_role_deltas_finish_and_done() -> None:
    told = chunks(render_stream(TALK, include_usage=False, tokens_per_chunk=2))
    assert told[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in told) == "转口港 is a port."
    assert [chunk["choices"][0]["finish_reason"] for chunk in told] == [None] * (len(told) - 1) + ["stop"]
    assert all("usage" not in chunk for chunk in told)


def test_usage_is_the_last_chunk_has_no_choices_and_comes_only_if_asked_for() -> None:
    told = chunks(render_stream(TALK, include_usage=True, tokens_per_chunk=2))
    assert told[-1]["choices"] == []
    assert told[-1]["usage"] == render_usage(TALK.tokens)
    assert all(chunk["usage"] is None for chunk in told[:-1])


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_frames_tokens_add_up_to_the_answer(size: int) -> None:
    assert sum(frame.tokens for frame in render_stream(TALK, True, size)) == count_tokens("转口港 is a port.")


def test_a_tool_calls_arguments_are_streamed_in_pieces() -> None:
    told = chunks(render_stream(CALLS, include_usage=False, tokens_per_chunk=1))
    calls = [call for chunk in told for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert calls[0]["id"] == "call_1"
    assert calls[0]["function"] == {"name": "find", "arguments": ""}
    pieces = [call["function"]["arguments"] for call in calls[1:]]
    assert len(pieces) > 2
    assert "".join(pieces) == '{"city":"Lyon"}'


def test_choices_take_turns_and_each_finishes_once() -> None:
    reply = msgspec.structs.replace(TALK, choices=(Said("a b"), Said("c d e")))
    told = chunks(render_stream(reply, include_usage=False, tokens_per_chunk=1))
    order = [chunk["choices"][0]["index"] for chunk in told]
    assert order == [0, 1, 0, 1, 0, 1, 0, 1, 1]
    assert sum(chunk["choices"][0]["finish_reason"] is not None for chunk in told) == 2


def test_reasoning_is_shown_before_the_answer() -> None:
    reply = msgspec.structs.replace(TALK, choices=(Said("yes", reasoning="hm hm"),))
    told = chunks(render_stream(reply, include_usage=False, tokens_per_chunk=9))
    deltas = [chunk["choices"][0]["delta"] for chunk in told]
    assert deltas[1:] == [{"reasoning_content": "hm hm"}, {"content": "yes"}, {}]


def test_a_whole_answer_has_the_same_text_and_usage() -> None:
    whole = msgspec.json.decode(render_whole(TALK))
    assert whole["choices"][0]["message"]["content"] == "转口港 is a port."
    assert whole["usage"] == render_usage(TALK.tokens)
    assert whole["object"] == "chat.completion"


def test_a_whole_tool_call_has_no_content() -> None:
    message = msgspec.json.decode(render_whole(CALLS))["choices"][0]["message"]
    assert message["content"] is None
    assert message["tool_calls"][0]["function"] == {"name": "find", "arguments": '{"city":"Lyon"}'}


def test_an_error_and_a_list_of_models_have_openais_shape() -> None:
    error = WireError(404, "no such model", code="model_not_found", param="model")
    assert msgspec.json.decode(render_error(error)) == {
        "error": {
            "message": "no such model",
            "type": "invalid_request_error",
            "param": "model",
            "code": "model_not_found",
        }
    }
    assert msgspec.json.decode(render_models(["a", "b"], "x", 3))["data"][1] == {
        "id": "b",
        "object": "model",
        "created": 3,
        "owned_by": "x",
    }


def test_log_probabilities_come_only_if_asked_for_whole_and_streamed_alike() -> None:
    sure = msgspec.structs.replace(TALK, choices=(Said("转口港 is a port.", mean_logprob=-0.3),))
    assert msgspec.json.decode(render_whole(sure))["choices"][0]["logprobs"] is None
    asked = {"logprobs": True, "top_logprobs": 2}
    whole = msgspec.json.decode(render_whole(sure, asked))["choices"][0]["logprobs"]["content"]
    assert "".join(token["token"] for token in whole) == "转口港 is a port."
    assert b"".join(bytes(token["bytes"]) for token in whole).decode() == "转口港 is a port."
    assert sum(token["logprob"] for token in whole) / len(whole) == pytest.approx(-0.3, abs=1e-5)
    assert all(token["logprob"] < 0 and len(token["top_logprobs"]) == 1 for token in whole)
    told = chunks(render_stream(sure, False, 2, asked))
    streamed = [choice["logprobs"] for chunk in told for choice in chunk["choices"] if choice["logprobs"]]
    assert [token for each in streamed for token in each["content"]] == whole


def test_most_likely_tokens_without_log_probabilities_are_refused() -> None:
    with pytest.raises(WireError, match="logprobs to true"):
        read_logprobs({"top_logprobs": 2})
    with pytest.raises(WireError, match="less than or equal to 20"):
        read_logprobs({"logprobs": True, "top_logprobs": 21})
    assert read_logprobs({"logprobs": False}) == {}
