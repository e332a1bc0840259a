"""Reasoning in the content is told apart, whatever its pieces, and whoever asks about the tag gets the tag."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Request, Text, ToolResult
from entrepot.dialects.openai_chat.think import ThinkSplitter, mentions_tag

TAGS = frozenset({"think_tags"})
UNOPENED = frozenset({"think_unopened"})
NONE: frozenset[str] = frozenset()


def split(
    *pieces: str, quirks: frozenset[str] = TAGS, mentioned: bool = False, stopped: bool = True
) -> list[tuple[str, str]]:
    """What is thought and what is said, neighbours of a kind joined."""
    splitter = ThinkSplitter(quirks, mentioned=mentioned)
    joined: list[tuple[str, str]] = []
    for piece in [*(piece for text in pieces for piece in splitter.feed(text)), *splitter.close(stopped=stopped)]:
        kind = "thought" if piece.reasoning else "said"
        if joined and joined[-1][0] == kind:
            joined[-1] = (kind, joined[-1][1] + piece.text)
        else:
            joined.append((kind, piece.text))
    return [each for each in joined if each[1]]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\n先想想。\n</think>\n\n你好", [("thought", "先想想。"), ("said", "你好")]),
        ("\n<think>a b</think>c", [("thought", "a b"), ("said", "c")]),
        ("<think></think>c", [("said", "c")]),
        ("no tag", [("said", "no tag")]),
        ("<think>cut", [("thought", "cut")]),
        ("<think>a</think>", [("thought", "a")]),
        ("<think>a</think>b\n<think>c</think>d", [("thought", "a"), ("said", "b"), ("thought", "c"), ("said", "d")]),
        ("<think>a</think>\n\n<think>c</think>d", [("thought", "a"), ("thought", "c"), ("said", "d")]),
        ("<think>a < b, x</thin y</think>d", [("thought", "a < b, x</thin y"), ("said", "d")]),
        ("<think>a</think>write ```\n<think>\n``` so", [("thought", "a"), ("said", "write ```\n<think>\n``` so")]),
        ("<think>a</think>the tag <think> opens", [("thought", "a"), ("said", "the tag <think> opens")]),
        ("<thinking>b", [("said", "<thinking>b")]),
        ("", []),
    ],
)
def test_a_provider_that_declares_it_is_taken_apart(text: str, parts: list[tuple[str, str]]) -> None:
    merged = [parts[0], *parts[1:]] if parts else []
    expected: list[tuple[str, str]] = []
    for kind, words in merged:
        if expected and expected[-1][0] == kind:
            expected[-1] = (kind, expected[-1][1] + words)
        else:
            expected.append((kind, words))
    assert split(text) == expected
    assert split(*text) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("想一想\n</think>\n答", [("thought", "想一想"), ("said", "答")]),
        ("<think>想</think>答", [("thought", "想"), ("said", "答")]),
    ],
)
def test_the_first_tag_may_be_missing(text: str, parts: list[tuple[str, str]]) -> None:
    assert split(text, quirks=UNOPENED) == parts
    assert split(*text, quirks=UNOPENED) == parts


def test_what_was_no_reasoning_after_all_is_said_and_what_was_cut_short_is_not() -> None:
    assert split("just an answer", quirks=UNOPENED) == [("thought", "just an answer"), ("said", "just an answer")]
    assert split("half a tho", quirks=UNOPENED, stopped=False) == [("thought", "half a tho")]


def test_of_a_whole_content_it_is_known_that_there_was_no_reasoning() -> None:
    pieces = ThinkSplitter(UNOPENED, mentioned=False).whole("just an answer")
    assert [(piece.reasoning, piece.text) for piece in pieces] == [(False, "just an answer")]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("<think>\nhm\n</think>\nyes", [("thought", "hm"), ("said", "yes")]),
        ("<think> is a tag", [("said", "<think> is a tag")]),
        ("<think>x</think>y", [("said", "<think>x</think>y")]),
        ("`<think>`\n is a tag", [("said", "`<think>`\n is a tag")]),
        ("the tag\n<think>\n opens", [("said", "the tag\n<think>\n opens")]),
        ("<think>\na</think>\nb\n<think>\nc", [("thought", "a"), ("said", "b\n<think>\nc")]),
        ("<thi", [("said", "<thi")]),
        ("  ", [("said", "  ")]),
    ],
)
def test_undeclared_only_one_shape_is_reasoning(text: str, parts: list[tuple[str, str]]) -> None:
    assert split(text, quirks=NONE) == parts
    assert split(*text, quirks=NONE) == parts


def test_who_asks_about_the_tag_gets_the_tag() -> None:
    text = "<think>\nThat is how it begins.</think> ends it."
    assert split(text, quirks=NONE, mentioned=True) == [("said", text)]
    told = "<think>they ask about tags</think>Write:\n<think>\nx\n</think>"
    assert split(told, mentioned=True) == [
        ("thought", "they ask about tags"),
        ("said", "Write:\n<think>\nx\n</think>"),
    ]


def test_a_provider_with_a_field_for_reasoning_has_none_in_its_content() -> None:
    splitter = ThinkSplitter(NONE, mentioned=False)
    splitter.rest()
    assert [tuple(piece) for piece in splitter.feed("<think>\nx")] == [(False, "<think>\nx", "")]


texts = st.lists(
    st.sampled_from(["<think>", "</think>", "<thi", "nk>", "\n", " ", "a", "想", "```", "</", ">"]), max_size=12
)


@given(texts, st.sampled_from([TAGS, UNOPENED, NONE]))
def test_any_split_tells_the_same_apart_and_undeclared_no_character_is_lost(
    pieces: list[str], quirks: frozenset[str]
) -> None:
    text = "".join(pieces)
    assert split(*text, quirks=quirks) == split(text, quirks=quirks) == split(*pieces, quirks=quirks)
    splitter = ThinkSplitter(NONE, mentioned=False)
    kept = [*splitter.feed(text), *splitter.close()]
    assert "".join(piece.lead + piece.text for piece in kept) == text


@pytest.mark.parametrize(
    ("message", "mentioned"),
    [
        (Message("user", (Text("what is <think>?"),)), True),
        (Message("system", (Text("End with </think>"),)), True),
        (Message("tool", (ToolResult("c", (Text("<think>"),)),)), True),
        (Message("assistant", (Text("<think>\nx</think>"),)), False),
        (Message("user", (Text("think > act"),)), False),
    ],
)
def test_the_model_alone_does_not_mention_the_tag(message: Message, mentioned: bool) -> None:
    assert mentions_tag(Request("m", (message,))) is mentioned
