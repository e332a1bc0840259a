from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.request import Message, Text, ToolCall, ToolResult
from entrepot.routing.signs import LONGEST_REPHRASED, Sign, sign_of

ANSWER = Message("assistant", (Text("Turn it off and on again."),))


def user(text: str) -> Message:
    return Message("user", (Text(text),))


def results(*failed: bool) -> tuple[Message, ...]:
    calls = tuple(ToolCall(f"c{number}", "look_up", "{}") for number in range(len(failed)))
    answers = tuple(
        ToolResult(f"c{number}", (Text("no such table"),), is_error=each) for number, each in enumerate(failed)
    )
    return (user("How many orders were there?"), Message("assistant", calls), Message("user", answers))


@pytest.mark.parametrize(
    ("before", "again"),
    [
        ("How do I reset the password of my router?", "how do I reset the password of the router?"),
        ("How do I reset the password of my router?", "I asked how do I reset the password of my router!"),
        ("请问怎样才能重置我家路由器的密码？", "请问怎样才能重置我家里路由器的密码？谢谢"),
        ("How do I reset the password of my router?", "How do I reset the password of my router?"),
    ],
)
def test_the_same_question_in_other_words_is_a_sign(before: str, again: str) -> None:
    assert sign_of([user(before), ANSWER, user(again)]) == "rephrased"


@pytest.mark.parametrize(
    "following",
    [
        "And how do I change the name of the network?",
        "Which routers can be reset without a password at all?",
        "continue",
        "Thank you, that was all that I wanted to know.",
        "那怎样修改无线网络的名称呢，需要重启吗？",
    ],
)
def test_the_next_question_is_none(following: str) -> None:
    assert sign_of([user("How do I reset the password of my router?"), ANSWER, user(following)]) is None
    assert sign_of([user("请问怎样才能重置我家路由器的密码？"), ANSWER, user(following)]) is None


def test_a_programs_template_is_none() -> None:
    template = "Translate the following sentence into French, keep its tone, and answer with nothing else. " * 5
    assert len(template) > LONGEST_REPHRASED
    assert sign_of([user(template + "Good morning"), ANSWER, user(template + "Good evening")]) is None


@pytest.mark.parametrize(
    ("failed", "sign"), [((True,), "tool_error"), ((True, True), "tool_error"), ((True, False), None), ((False,), None)]
)
def test_an_answer_whose_tools_all_fail_did_not_do(failed: tuple[bool, ...], sign: Sign | None) -> None:
    assert sign_of(results(*failed)) == sign


def test_what_a_client_finds_invalid_is_rejected() -> None:
    complaint = "Validation error: field `total` is missing. Please correct the function call."
    assert sign_of([user("Extract the invoice."), ANSWER, user(complaint)]) == "rejected"


def test_a_question_after_tools_is_set_against_no_result() -> None:
    assert sign_of([*results(True), ANSWER, user("no such table is what your tool said to me")]) is None


@pytest.mark.parametrize("messages", [[], [user("hi")], [ANSWER], [user("hi"), ANSWER], [ANSWER, user("hi there")]])
def test_what_follows_no_answer_or_goes_on_with_one_shows_nothing(messages: list[Message]) -> None:
    assert sign_of(messages) is None


@given(st.text(max_size=500), st.text(max_size=500))
def test_two_texts_are_alike_both_ways(first: str, second: str) -> None:
    assert sign_of([user(first), ANSWER, user(second)]) == sign_of([user(second), ANSWER, user(first)]) or any(
        "validation" in each.lower() for each in (first, second)
    )
