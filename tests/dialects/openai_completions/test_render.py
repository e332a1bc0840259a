from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import Completion

from entrepot.canonical.fold import unfold
from entrepot.canonical.request import Reasoning, Refusal, Text
from entrepot.canonical.response import Choice, FinishReason, Response, Usage
from entrepot.canonical.stream import Finished, Noted, Started, TextDelta
from entrepot.dialects.openai_completions import OpenAICompletions
from entrepot.dialects.openai_completions.request import parse_request
from entrepot.dialects.sse import FrameSplitter
from entrepot.errors import ProviderError

LOGPROBS = {
    "content": [
        {"token": "你", "logprob": -0.5, "bytes": None, "top_logprobs": [{"token": "您", "logprob": -1.5}]},
        {"token": "好", "logprob": -0.25, "top_logprobs": []},
    ]
}
LEGACY = {
    "tokens": ["你", "好"],
    "token_logprobs": [-0.5, -0.25],
    "top_logprobs": [{"您": -1.5}, {}],
    "text_offset": [0, 1],
}


def an_answer(*parts: Any, reason: FinishReason = "stop", **extra: Any) -> Response:
    return Response("id-1", "claimed", 7, (Choice(0, parts, reason, extra),), Usage(3, output_tokens=2))


def rendered(answer: Response, **asked: Any) -> bytes:
    request = parse_request(json.dumps({"model": "m", "prompt": "问：", **asked}).encode())
    return OpenAICompletions.open_renderer(request, 9).render(unfold(answer))


def chunks(answer: Response, **asked: Any) -> list[Completion]:
    frames = FrameSplitter().feed(rendered(answer, stream=True, **asked))
    data = [frame.data for frame in frames if frame.data is not None]
    assert data[-1] == b"[DONE]"
    # As the SDK reads a stream: its types say that a chunk has a reason to finish, which OpenAI's own have not.
    return [Completion.construct(**json.loads(each)) for each in data[:-1]]


def test_a_whole_answer_is_what_the_sdk_reads() -> None:
    read = Completion.model_validate_json(rendered(an_answer(Reasoning("hm"), Text("你好"))))
    assert (read.id, read.object, read.created, read.model) == ("id-1", "text_completion", 7, "claimed")
    assert (read.choices[0].text, read.choices[0].finish_reason, read.choices[0].logprobs) == ("你好", "stop", None)
    assert read.usage is not None
    assert (read.usage.prompt_tokens, read.usage.completion_tokens) == (3, 2)


@pytest.mark.parametrize(
    ("reason", "word"),
    [("length", "length"), ("content_filter", "content_filter"), ("tool_calls", "stop"), ("unknown", "stop")],
)
def test_every_reason_is_one_of_the_dialects_three(reason: FinishReason, word: str) -> None:
    assert json.loads(rendered(an_answer(Text("x"), reason=reason)))["choices"][0]["finish_reason"] == word


def test_an_echo_comes_before_the_answer_whole_or_streamed() -> None:
    whole = json.loads(rendered(an_answer(Text("答。")), echo=True))["choices"][0]["text"]
    assert whole == "问：答。"
    assert "".join(chunk.choices[0].text for chunk in chunks(an_answer(Text("答。")), echo=True)) == whole


def test_a_refusal_is_text() -> None:
    assert json.loads(rendered(an_answer(Refusal("不行"))))["choices"][0]["text"] == "不行"
    assert chunks(an_answer(Refusal("不行")))[0].choices[0].text == "不行"


def test_log_probabilities_become_lists_side_by_side() -> None:
    answer = an_answer(Text("你好"), logprobs=LOGPROBS)
    assert json.loads(rendered(answer, logprobs=1))["choices"][0]["logprobs"] == LEGACY
    streamed = [chunk.choices[0].logprobs for chunk in chunks(answer, logprobs=1)]
    assert [each.model_dump() for each in streamed if each is not None] == [LEGACY]


def test_offsets_go_on_from_one_chunk_to_the_next() -> None:
    request = parse_request(b'{"model": "m", "prompt": "x", "stream": true, "logprobs": 0}')
    renderer = OpenAICompletions.open_renderer(request, 9)
    events = [Started("i", "m")]
    said = [
        event
        for word in ("你", "好")
        for event in (TextDelta(word), Noted({"logprobs": {"content": [{"token": word, "logprob": -1}]}}, 0))
    ]
    data = [frame.data for frame in FrameSplitter().feed(renderer.render([*events, *said, Finished("stop")]))]
    offsets = [json.loads(each or b"")["choices"][0]["logprobs"] for each in data]
    assert [each["text_offset"] for each in offsets if each] == [[0], [1]]


@pytest.mark.parametrize("wrong", [1, {"content": 1}, {"content": [1]}, {"content": [{"top_logprobs": [1]}]}])
def test_log_probabilities_of_another_shape_harm_nothing(wrong: Any) -> None:
    answer = an_answer(Text("x"), logprobs=wrong)
    assert json.loads(rendered(answer))["choices"][0]["text"] == "x"
    assert chunks(answer)[0].choices[0].text == "x"


def test_usage_is_streamed_where_it_is_asked_for() -> None:
    assert all(chunk.usage is None for chunk in chunks(an_answer(Text("x"))))
    last = chunks(an_answer(Text("x")), stream_options={"include_usage": True})[-1]
    assert last.choices == []
    assert last.usage is not None
    assert last.usage.total_tokens == 5


def test_a_stream_that_breaks_off_says_so_without_done() -> None:
    request = parse_request(b'{"model": "m", "prompt": "x", "stream": true}')
    said = OpenAICompletions.open_renderer(request, 9).break_off(ProviderError("it broke off"))
    assert b"it broke off" in said
    assert b"[DONE]" not in said
