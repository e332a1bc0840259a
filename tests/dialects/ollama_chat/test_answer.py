from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.fold import fold
from entrepot.canonical.request import Media, Reasoning, Request, Text, ToolCall
from entrepot.canonical.response import FinishReason, Response, Usage
from entrepot.canonical.stream import Ended, Failed, Failure, Started, StreamEvent, TextDelta
from entrepot.dialects.checks import check_garbage
from entrepot.dialects.ollama_chat.answer import ChatParser, usage_of
from tests.dialects.ollama_chat.asking import CALL, DIALECT, HI, RESULT

HEAD = {"model": "qwen3:8b", "created_at": "2025-08-20T09:45:30.391699123Z"}
COUNTS: dict[str, Any] = {"total_duration": 1, "prompt_eval_count": 19, "eval_count": 7}


def line(content: str = "", *, done: bool = False, **more: Any) -> bytes:
    message = {"role": "assistant", "content": content}
    message |= {name: more.pop(name) for name in ("thinking", "tool_calls", "images") if name in more}
    return json.dumps({**HEAD, "message": message, "done": done, **more}, ensure_ascii=False).encode() + b"\n"


def called(name: str, arguments: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"function": {"name": name, "arguments": arguments}, **more}]


DONE = line(done=True, done_reason="stop", **COUNTS)
STREAM = b"".join(
    (
        line(thinking="想"),
        line(thinking="想"),
        line("你"),
        line("好 🙂"),
        line(tool_calls=called("look_up", {"q": "北京"})),
        DONE,
    )
)


def events_of(*pieces: bytes, stream: bool = True, request: Request | None = None) -> list[StreamEvent]:
    asked = request or Request("m", (HI,), stream=stream)
    parser = ChatParser(asked)
    return [*(each for piece in pieces for each in parser.feed(piece)), *parser.close()]


def answer(*pieces: bytes, stream: bool = True) -> Response:
    events = events_of(*pieces, stream=stream)
    assert isinstance(events[-1], Ended), events[-1]
    return fold(events)


def failure_of(*pieces: bytes, stream: bool = True) -> Failure:
    events = events_of(*pieces, stream=stream)
    assert isinstance(events[-1], Failed)
    return events[-1].failure


def test_a_stream_says_thinking_text_and_calls() -> None:
    response = answer(STREAM)
    assert response.model == "qwen3:8b"
    assert response.created == 1755683130
    assert response.choices[0].parts == (
        Reasoning("想想", bound_to="ollama-chat"),
        Text("你好 🙂"),
        ToolCall("ollama_call_0", "look_up", '{"q":"北京"}'),
    )
    assert response.choices[0].finish_reason == "tool_calls"
    assert response.usage == Usage(input_tokens=19, output_tokens=7)


def test_a_whole_answer_says_the_same() -> None:
    message = {"thinking": "想想", "tool_calls": called("look_up", {"q": "北京"})}
    whole = line("你好 🙂", done=True, done_reason="stop", **message, **COUNTS)
    assert answer(whole, stream=False) == answer(STREAM)


@given(st.lists(st.integers(0, len(STREAM)), max_size=12), st.booleans())
def test_any_split_gives_the_same_events(cuts: list[int], stream: bool) -> None:
    places = sorted(cuts)
    pieces = [STREAM[at:to] for at, to in zip([0, *places], [*places, len(STREAM)], strict=True)]
    assert events_of(*pieces, stream=stream) == events_of(STREAM)


def test_a_server_that_answers_otherwise_than_asked_is_understood() -> None:
    # Quirk 7.
    assert answer(STREAM, stream=False) == answer(STREAM)
    assert answer(line("x", done=True)[:-1], stream=True).choices[0].parts == (Text("x"),)


def test_calls_without_ids_are_numbered_through_the_conversation() -> None:
    # Quirk 11.
    two = [*called("a", {}), *called("b", {"x": 1})]
    history = Request("m", (HI, CALL, RESULT), stream=True)
    parts = fold(events_of(line(tool_calls=two), DONE, request=history)).choices[0].parts
    assert parts == (ToolCall("ollama_call_1", "a", "{}"), ToolCall("ollama_call_2", "b", '{"x":1}'))


def test_ids_of_newer_servers_and_of_clients_are_respected() -> None:
    own = [*called("a", None, id="call_x"), *called("b", '{"x": 1}')]
    parts = answer(line(tool_calls=own), DONE).choices[0].parts
    assert parts == (ToolCall("call_x", "a", "{}"), ToolCall("ollama_call_0", "b", '{"x": 1}'))
    taken = ToolCall("ollama_call_1", "a", "{}")
    request = Request("m", (HI, msg(taken)), stream=True)
    assert fold(events_of(line(tool_calls=called("a", {})), DONE, request=request)).choices[0].parts == (
        ToolCall("ollama_call_2", "a", "{}"),
    )


def msg(call: ToolCall) -> Any:
    return type(CALL)("assistant", (call,))


def tagged(*contents: str, quirks: tuple[str, ...] = (), **more: Any) -> tuple[object, ...]:
    parser = ChatParser(Request("m", (HI,), stream=True), frozenset(quirks))
    body = b"".join(line(content) for content in contents) + line(done=True, done_reason="stop", **more)
    return fold([*parser.feed(body), *parser.close()]).choices[0].parts


def test_reasoning_that_a_template_leaves_in_the_text_is_told_apart() -> None:
    # Quirk 52.
    thought = Reasoning("想", bound_to="ollama-chat")
    assert tagged("<th", "ink>\n想\n</thi", "nk>\n\n你好") == (thought, Text("你好"))
    assert tagged("想</think>你好", quirks=("think_unopened",)) == (thought, Text("你好"))
    assert tagged("<think>想</think>你好", quirks=("think_tags",)) == (thought, Text("你好"))
    assert tagged("a <think> b") == (Text("a <think> b"),)
    call = ToolCall("ollama_call_0", "f", "{}")
    assert tagged("<think>\n想</think>", tool_calls=called("f", {})) == (thought, call)
    whole = line("<think>\n想</think>你好", done=True, done_reason="stop")
    assert answer(whole, stream=False).choices[0].parts == (thought, Text("你好"))


REASONS: list[tuple[dict[str, Any], FinishReason]] = [
    ({"done_reason": "stop"}, "stop"),
    ({"done_reason": "length"}, "length"),
    ({"done_reason": "load"}, "error"),
    ({"done_reason": "unload"}, "error"),
    ({"done_reason": "of_a_later_version"}, "unknown"),
    ({"done_reason": None}, "stop"),
    ({}, "stop"),
]


@pytest.mark.parametrize(("said", "reason"), REASONS)
def test_every_reason_has_its_meaning(said: dict[str, Any], reason: FinishReason) -> None:
    assert answer(line("x"), line(done=True, **said)).choices[0].finish_reason == reason


@pytest.mark.parametrize("stream", [True, False])
def test_an_answer_without_its_last_line_was_cut_off(stream: bool) -> None:
    # Quirk 8.
    assert failure_of(line("半"), stream=stream).kind == "cut_off"
    assert failure_of(b"", stream=True).kind != "rate_limit"


def test_an_error_in_the_middle_of_a_stream_is_a_failure_after_what_was_said() -> None:
    # Quirk 6.
    events = events_of(line("半"), b'{"error": "an error was encountered while running the model"}\n', DONE)
    assert TextDelta("半") in events
    assert isinstance(events[-1], Failed)
    assert (events[-1].failure.kind, "running the model" in events[-1].failure.message) == ("server_error", True)


def test_an_error_in_an_answers_place_is_classified_by_its_words() -> None:
    text = '{"error":{"code":400,"message":"request (8889 tokens) exceeds","type":"exceed_context_size_error"}}'
    assert failure_of(json.dumps({"error": text}).encode(), stream=False).kind == "context_length"


@pytest.mark.parametrize(
    ("status", "text", "kind"),
    [
        (404, "model 'nope' not found", "model_gone"),
        (400, "registry.ollama.ai/library/gemma3:1b does not support tools", "bad_request"),
        (400, "the input length exceeds the context length", "context_length"),
        (503, "server busy, please try again.  maximum pending requests exceeded", "overloaded"),
        (500, "model requires more system memory (9.0 GiB) than is available (4.1 GiB)", "server_error"),
        (401, "unauthorized", "auth"),
    ],
)
def test_error_answers_are_classified(status: int, text: str, kind: str) -> None:
    # Quirk 69: the native shape is {"error": "text"}.
    failure = DIALECT.parse_failure(status, {}, json.dumps({"error": text}).encode())
    assert (failure.kind, failure.message, failure.status) == (kind, text, status)


@pytest.mark.parametrize("bad", [b"{\n", b"[1]\n", b'"x"\n', b'{"done": true}\n', b'{"message": 3, "done": true}\n'])
def test_a_line_that_is_no_answer_is_a_failure(bad: bytes) -> None:
    assert failure_of(line("x") + bad + DONE).kind == "protocol"


def test_log_probabilities_are_read_in_openais_words() -> None:
    given_one = {"token": "你", "logprob": -0.1, "top_logprobs": [{"token": "您", "logprob": -2.5, "bytes": [1]}]}
    response = answer(line("你", logprobs=[given_one]), line("好", logprobs=[{"token": "好", "logprob": None}]), DONE)
    assert response.choices[0].extra == {
        "logprobs": {
            "content": [
                {
                    "token": "你",
                    "logprob": -0.1,
                    "bytes": list("你".encode()),
                    "top_logprobs": [{"token": "您", "logprob": -2.5, "bytes": [1]}],
                },
                {"token": "好", "logprob": -9999.0, "bytes": list("好".encode()), "top_logprobs": []},
            ]
        }
    }


def test_an_image_that_a_model_makes_is_a_part() -> None:
    assert answer(line(images=["QUJD", 3]), DONE).choices[0].parts == (Media("image", data="QUJD"),)


def test_a_prompt_that_was_not_counted_is_not_counted_as_none_at_all() -> None:
    assert usage_of({"eval_count": 3}) == Usage(output_tokens=3)
    assert usage_of({"prompt_eval_count": "x", "eval_count": -1}) is None
    assert answer(line("x", done=True)).usage is None


def test_a_time_that_cannot_be_read_is_none() -> None:
    for created in ("soon", 5, None, "0001-01-01T00:00:00", "9999-12-31T23:59:59+99:00"):
        events = events_of(json.dumps({"created_at": created, "message": {"content": "x"}, "done": True}).encode())
        assert isinstance(events[0], Started)
        assert events[0].created == 0


@given(st.binary(max_size=200), st.booleans())
def test_whatever_comes_the_parser_raises_nothing_and_ends(body: bytes, stream: bool) -> None:
    for piece in (body, line("x") + body):
        assert isinstance(events_of(piece, stream=stream)[-1], Ended | Failed)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                "message content thinking tool_calls function name arguments id images done done_reason logprobs token logprob"
                " top_logprobs bytes error prompt_eval_count eval_count created_at model".split()
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=15,
)


@given(st.lists(values, max_size=4), st.booleans())
def test_lines_of_any_shape_are_read_or_refused(given_lines: list[Any], stream: bool) -> None:
    events = events_of(b"\n".join(json.dumps(each).encode() for each in given_lines), stream=stream)
    assert isinstance(events[-1], Ended | Failed)
    fold(events)


def test_garbage_is_a_failure() -> None:
    check_garbage(DIALECT)
