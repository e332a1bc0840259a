"""Fingerprints: the next turn of any conversation is found, whatever clients rewrite; failures are seen, and nothing else."""

from __future__ import annotations

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import (
    Media,
    Message,
    Part,
    Reasoning,
    Refusal,
    Request,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Unknown,
)
from entrepot.routing.conversation import Conversation, read_conversation

words = st.text("ab 好的\n", min_size=1).filter(lambda text: bool(text.strip()))
calls = st.builds(
    ToolCall,
    st.uuids().map(str),
    st.sampled_from(["look", "查"]),
    st.sampled_from(["{}", '{"a":1,"b":"好"}', "{broken"]),
)
answers: st.SearchStrategy[tuple[Part, ...]] = st.one_of(
    st.builds(Text, words).map(lambda part: (part,)),
    st.tuples(st.builds(Reasoning, words, st.just("seal"), st.just(False), st.just("anthropic-messages")), calls),
    st.builds(Refusal, words).map(lambda part: (part,)),
)


def user(*texts: str) -> Message:
    return Message("user", tuple(Text(text) for text in texts))


def said(*parts: Part) -> Message:
    return Message("assistant", parts)


def result(text: str, *, is_error: bool = False, call: str = "1") -> Message:
    return Message("tool", (ToolResult(call, (Text(text),), is_error),))


CALL = said(ToolCall("1", "look", "{}"))


def read(*messages: Message, **more: object) -> Conversation:
    return read_conversation(msgspec.structs.replace(Request("auto", messages), **more))


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Message, ...]:
    """Turns that end with somebody's asking: words, or results of the tools that were called."""
    messages = [Message("system", (Text(draw(words)),))] if draw(st.booleans()) else []
    messages.append(user(draw(words)))
    for _ in range(draw(st.integers(0, 4))):
        answer = draw(answers)
        messages.append(Message("assistant", answer))
        made = [part for part in answer if isinstance(part, ToolCall)]
        messages.extend(Message("tool", (ToolResult(call.id, (Text(draw(words)),)),)) for call in made)
        if not made or draw(st.booleans()):
            messages.append(user(draw(words)))
    return tuple(messages)


@given(conversations(), answers, words)
def test_the_next_turn_of_any_conversation_is_found(
    messages: tuple[Message, ...], answer: tuple[Part, ...], next_: str
) -> None:
    before = read(*messages)
    after = read(*messages, Message("assistant", answer), user(next_))
    assert after.parents[0] == before.whole
    assert after.whole != before.whole


@given(conversations())
def test_a_turn_is_found_by_those_that_follow_the_one_after_it(messages: tuple[Message, ...]) -> None:
    first = read(*messages)
    later = read(*messages, said(Text("a")), user("b"), said(Text("c")), user("d"))
    assert later.parents[1] == first.whole


def rewritten(message: Message) -> Message:
    """The same message as another client keeps it."""
    parts: list[Part] = []
    for part in message.parts:
        if isinstance(part, Text):
            parts.append(Text(f"  {part.text}\n", {"cache_control": {"type": "ephemeral"}}))
        elif isinstance(part, ToolCall):
            arguments = part.arguments
            if arguments != "{broken":
                arguments = json.dumps(dict(reversed(json.loads(arguments).items())), indent=1, ensure_ascii=True)
            parts.append(ToolCall("another-id", part.name, arguments))
        elif isinstance(part, ToolResult):
            parts.append(ToolResult("another-id", part.parts))
        elif not isinstance(part, Reasoning):
            parts.append(part)
    return Message(message.role, tuple(parts), name="n", extra={"x": 1})


@given(conversations())
def test_what_clients_rewrite_harmlessly_does_not_count(messages: tuple[Message, ...]) -> None:
    assert read(*map(rewritten, messages)).whole == read(*messages).whole


def test_how_text_is_cut_into_messages_does_not_count() -> None:
    one = Message("user", (Text("a"), Text("b")))
    assert read(one).whole == read(user("a"), user("b")).whole
    inside = Message("user", (ToolResult("1", (Text("r"),)), Text("b")))
    assert read(user("q"), CALL, inside).whole == read(user("q"), CALL, result("r"), user("b")).whole


@given(conversations(), st.integers(0, 20))
def test_another_word_anywhere_makes_another_conversation(messages: tuple[Message, ...], at: int) -> None:
    number = at % len(messages)
    longer = msgspec.structs.replace(messages[number], parts=(*messages[number].parts, Text("word")))
    assert (
        read(*messages[:number], longer, *messages[number + 1 :], user("q")).whole != read(*messages, user("q")).whole
    )


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (user("a"), Message("system", (Text("a"),))),
        (user("ab"), user("a", "b")),
        (Message("user", (Media("image", url="u"),)), Message("user", (Media("image", url="v"),))),
        (Message("user", (Media("image", url="u"),)), Message("user", (Media("audio", url="u"),))),
        (Message("user", (Unknown("d", {"a": 1}),)), Message("user", (Unknown("d", {"a": 2}),))),
        (user("x" * 100_000), user("x" * 100_001)),
        (user("a" + "x" * 100_000), user("b" + "x" * 100_000)),
        (user("x" * 100_000 + "a"), user("x" * 100_000 + "b")),
    ],
)
def test_what_is_said_counts(one: Message, other: Message) -> None:
    assert read(one).whole != read(other).whole


def test_the_same_request_with_other_settings_is_another_request() -> None:
    plain = read(user("q"))
    assert read(user("q")).asked == plain.asked
    for more in ({"seed": 1}, {"temperature": 0.5}, {"n": 2}, {"max_output_tokens": 5}, {"tools": (Tool("look"),)}):
        changed = read(user("q"), **more)
        assert (changed.whole, changed.asked == plain.asked) == (plain.whole, False)


def test_half_characters_and_broken_arguments_are_read() -> None:
    odd = said(ToolCall("1", "look", '{"a": "\ud83d"}'))
    before = read(user("\ud83d"))
    assert read(user("\ud83d"), odd, result("\ud83d")).parents == (before.whole,)


def test_an_answer_is_under_way_inside_a_tool_loop_and_after_words_of_the_models_own() -> None:
    assert not read(user("q")).open
    assert not read(user("q"), said(Text("a")), user("r")).open
    assert read(user("q"), CALL, result("r")).open
    assert read(user("q"), CALL, result("r"), user("and quickly")).open
    assert read(user("q"), said(Text("a half"))).open
    assert not read(user("q"), CALL, result("r"), said(Text("done")), user("thanks")).open


def test_what_an_answer_began_with_is_found_where_it_goes_on() -> None:
    begun = read(user("q"))
    going_on = read(user("q"), said(Text("a half")))
    assert going_on.whole == begun.whole
    assert going_on.asked != begun.asked


def test_reasoning_is_needed_as_long_as_its_answer_is_under_way() -> None:
    sealed = said(Reasoning("hm", "s", bound_to="gemini-generate"), ToolCall("1", "look", "{}"))
    signed = said(ToolCall("2", "look", "{}", "s", {}, "anthropic-messages"))
    open_text = said(Reasoning("hm", None, bound_to="openai-chat"), ToolCall("1", "look", "{}"))
    assert read(user("q"), sealed, result("r")).bound_to == {"gemini-generate"}
    assert read(user("q"), sealed, result("r"), signed, result("r")).bound_to == {
        "gemini-generate",
        "anthropic-messages",
    }
    assert read(user("q"), sealed, result("r"), said(Text("a")), user("r")).bound_to == frozenset()
    assert read(user("q"), sealed, result("r"), said(Text("a")), user("r"), CALL, result("r")).bound_to == frozenset()
    assert read(user("q"), open_text, result("r")).bound_to == frozenset()


def test_marks_for_the_cache_are_seen_wherever_they_are() -> None:
    mark = {"cache_control": {"type": "ephemeral"}}
    assert not read(user("q")).marked
    assert read(Message("user", (Text("q", mark),))).marked
    assert read(Message("user", (Text("q"),), extra=mark)).marked
    assert read(user("q"), tools=(Tool("look", extra=mark),)).marked


BAD = result("no such file", is_error=True)
GOOD = result("42")
ANSWER = said(Text("a"))
INVALID = user("Validation feedback:\n1 validation error for Answer")
QUESTION = "Which clause of the contract says so?"


@pytest.mark.parametrize(
    ("messages", "failures"),
    [
        ((user("q"),), 0),
        ((user("q"), CALL, BAD), 1),
        ((user("q"), CALL, BAD, CALL, BAD), 2),
        ((user("q"), CALL, BAD, CALL, GOOD), 0),
        ((user("q"), CALL, GOOD, CALL, BAD), 1),
        ((user("q"), CALL, BAD, CALL, BAD, ANSWER, user("and now?")), 2),
        ((user("q"), CALL, BAD, CALL, GOOD, ANSWER, user("and now?")), 0),
        ((user("q"), CALL, BAD, CALL, BAD, ANSWER, user("and now?"), ANSWER, user("good")), 0),
        ((user("q"), CALL, result("Error: not found")), 1),
        ((user("q"), CALL, result('{"error": "not found"}')), 1),
        ((user("q"), CALL, result('{"error": null, "rows": 3}')), 0),
        ((user("q"), CALL, result("错误：文件不存在")), 1),
        ((user("q"), CALL, result("Traceback (most recent call last):\n")), 1),
        ((user("q"), CALL, result("Errors are rare in this file.")), 0),
        ((user("q"), CALL, BAD, GOOD), 0),
        ((user("q"), ANSWER, INVALID), 1),
        ((user("q"), ANSWER, INVALID, ANSWER, INVALID), 2),
        ((user("q"), ANSWER, INVALID, ANSWER, user("thanks")), 0),
        ((user(QUESTION), ANSWER, user(QUESTION.upper())), 1),
        ((user(QUESTION), ANSWER, user(QUESTION), ANSWER, user(QUESTION)), 2),
        ((user("合同中哪一条规定了违约金？"), ANSWER, user("合同中哪一条规定了违约金？ ")), 1),
        ((user("继续"), ANSWER, user("继续"), ANSWER, user("继续")), 0),
        ((user("continue"), ANSWER, user("continue")), 0),
        ((ANSWER, user("q")), 0),
    ],
)
def test_failures_in_a_row_are_counted(messages: tuple[Message, ...], failures: int) -> None:
    assert read(*messages).failures == failures


@given(conversations())
def test_reading_says_of_every_conversation_how_many_answers_it_had(messages: tuple[Message, ...]) -> None:
    blocks = sum(
        message.role == "assistant" and messages[number - 1].role != "assistant"
        for number, message in enumerate(messages)
    )
    found = read(*messages)
    assert found.turns == blocks
    assert len(found.parents) == min(blocks, 4)
