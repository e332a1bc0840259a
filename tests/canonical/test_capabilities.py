from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.capabilities import (
    estimate_input_tokens,
    estimate_tokens,
    estimate_tokens_of,
    gist_of,
    required_capabilities,
)
from entrepot.canonical.request import Media, Message, OutputFormat, Request, Text, Tool, ToolResult
from tests.canonical.strategies import extras, parts


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("", 0, 0),
        ("hello", 1, 2),
        ("The quick brown fox jumps over the lazy dog. " * 10, 90, 120),
        ("敏捷的棕色狐狸跳过了懒狗。" * 10, 80, 140),
        ("Съешь ещё этих мягких французских булок. " * 10, 100, 210),
    ],
)
def test_tokens_are_estimated_within_reason_in_any_script(text: str, low: int, high: int) -> None:
    assert low <= estimate_tokens(text) <= high


@given(st.text(), st.text())
def test_a_longer_text_is_never_fewer_tokens(first: str, second: str) -> None:
    assert estimate_tokens(first + second) >= estimate_tokens(first)


@given(st.text(min_size=1))
def test_counting_by_sizes_is_counting_the_text(text: str) -> None:
    assert estimate_tokens_of(len(text), len(text.encode("utf-8", "surrogatepass"))) == estimate_tokens(text) >= 1


def test_needs_are_seen_wherever_they_stand() -> None:
    image = Media("image", url="u")
    plain = Request("m", (Message("user", (Text("x"),)),))
    assert required_capabilities(plain) == frozenset()
    rich = Request(
        "m",
        (Message("user", (Text("x"), Media("audio", data="d"))), Message("tool", (ToolResult("c", (image,)),))),
        tools=(Tool("t"),),
        output_format=OutputFormat("json_schema"),
        n=2,
        extra={"logprobs": True},
    )
    assert required_capabilities(rich) == {"audio", "images", "tools", "json_schema", "multiple_choices", "logprobs"}


def test_tools_and_images_count_as_input() -> None:
    plain = Request("m", (Message("user", (Text("x"),)),))
    more = Request("m", (Message("user", (Text("x"), Media("image", url="u"))),), tools=(Tool("t", "d", {"a": 1}),))
    assert estimate_input_tokens(more) > estimate_input_tokens(plain) + 800


requests = st.builds(
    Request,
    st.just("m"),
    st.lists(
        st.builds(
            Message,
            st.sampled_from(["system", "user", "assistant", "tool"]),
            st.lists(st.builds(Text, st.text(max_size=9)) | parts, max_size=3).map(tuple),
            extra=st.just({}) | extras,
        ),
        max_size=3,
    ).map(tuple),
    tools=st.just(()) | st.just((Tool("f", "does"),)),
    output_format=st.sampled_from([OutputFormat(), OutputFormat("json"), OutputFormat("json_schema")]),
    n=st.sampled_from([1, 1, 2]),
    extra=st.just({}) | st.just({"logprobs": True}),
    operation=st.sampled_from(["generate", "generate", "embed"]),
)


@given(requests)
def test_the_gist_is_what_two_looks_say(request: Request) -> None:
    gist = gist_of(request)
    assert gist.input_tokens == estimate_input_tokens(request)
    assert gist.needs == required_capabilities(request)
    if gist.only_text:
        assert not gist.needs
        assert all(isinstance(part, Text) and not part.extra for part in request.parts())
        assert not any(message.extra for message in request.messages)


def test_texts_are_only_text() -> None:
    assert gist_of(Request("m", (Message("user", (Text("x"),)),))).only_text
    assert not gist_of(Request("m", (Message("user", (Media("image", url="x"),)),))).only_text
