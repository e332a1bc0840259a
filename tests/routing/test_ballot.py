from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Message, OutputFormat, Part, Refusal, Request, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason, Response
from entrepot.routing.ballot import PATTERN_CHARACTERS, Ballot, By, Compare, cast, expected_kind

QUESTION = Request("auto", (Message("user", (Text("How many?"),)),))
OPTIONS = "Which?\nA. Paris\nB. London\n(C) Rome\nD、北京"
CHOOSE = Request("auto", (Message("user", (Text(OPTIONS),)),))
WANTS_JSON = Request("auto", QUESTION.messages, output_format=OutputFormat("json"))


def answer(*parts: Part | str, reason: FinishReason = "stop") -> Response:
    told = tuple(Text(part) if isinstance(part, str) else part for part in parts)
    return Response("id", "m", 0, (Choice(0, told, reason),))


def key(text: str, request: Request = QUESTION, compare: Compare | None = None) -> str | None:
    return cast(answer(text), request, compare or Compare()).key


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("42", "The answer is 42."),
        ("42", "17 + 25 makes **42**.\n\n**Final Answer: 42**"),
        ("42", "So we get \\boxed{42}."),
        ("0.5", "...\n#### .5"),
        ("\\boxed{\\frac{1}{2}}", "Answer: $\\frac{1}{2}$"),
        ("1,234 dollars", "Answer: $1,234"),
        ("北京", "我想了想。\n答案：北京。"),
        ("答案是 ４２", "最终答案：42"),
        ("'abc'", 'The answer is "abc"'),
        ("[1, 2]", "Answer: `[1,2]`"),
        ("-5", "答案：−5"),
    ],
)
def test_the_same_answer_in_other_words_is_the_same(one: str, other: str) -> None:
    assert key(one) == key(other)
    assert key(one) is not None


@pytest.mark.parametrize(
    ("one", "other"), [("42", "41"), ("Answer: 42", "Answer: 24"), ("5", "−5"), ("北京", "上海"), ("a", "b")]
)
def test_another_answer_is_another(one: str, other: str) -> None:
    assert key(one) != key(other)


def test_a_letter_to_a_customer_cannot_be_compared() -> None:
    assert cast(answer("Dear customer, " * 20), QUESTION, Compare()) == Ballot("text", None, "incomparable")
    assert cast(answer("尊敬的客户，您好。" * 20), QUESTION, Compare()).key is None
    assert key("Dear customer, " * 20, compare=Compare("text")) is not None  # unless the route says so


def test_a_number_is_known_for_one_and_what_is_not_stays_text() -> None:
    assert cast(answer("Answer: 42"), QUESTION, Compare()).kind == "number"
    assert cast(answer("Answer: Paris"), QUESTION, Compare()).kind == "text"


@pytest.mark.parametrize(
    "text",
    [
        "B",
        "(B)",
        "B. London",
        "**B**",
        "I think so. Answer: B",
        "答案：B",
        "The answer is (B) London.",
        "综上，故选B。",
        "I'd go with option B",
    ],
)
def test_where_options_are_listed_the_letter_counts(text: str) -> None:
    assert cast(answer(text), CHOOSE, Compare()) == Ballot("choice", "B", None, 4)


@pytest.mark.parametrize("text", ["E", "London or Paris?", "Because of A and B it is hard to say."])
def test_what_chooses_nothing_is_no_vote(text: str) -> None:
    assert cast(answer(text), CHOOSE, Compare()).key is None


def test_options_may_be_words() -> None:
    compare = Compare("choice", options=("退款", "物流", "物流 查询", "Other"))
    assert key("分类：退款", compare=compare) == "退款"
    assert key("这是 物流 查询 类", compare=compare) == "物流 查询"
    assert key("OTHER", compare=compare) == "Other"
    assert key("退款还是物流", compare=compare) is None
    assert expected_kind(QUESTION, compare) == ("choice", 4)


def test_json_is_compared_by_value() -> None:
    one = key('{"b": 1.0, "a": "x y"}', WANTS_JSON)
    assert one == key('```json\n{"a": "xy", "b": 1}\n```', WANTS_JSON)
    assert one != key('{"a": "xy", "b": 2}', WANTS_JSON)
    assert key("no JSON", WANTS_JSON) is None


def test_json_may_be_compared_in_part() -> None:
    compare = Compare("json", field="/lines/0/总~1额")
    assert key('{"lines": [{"总/额": 3}], "note": "a"}', compare=compare) == "3"
    for other in ('{"lines": []}', "[1]", '{"lines": 3}', '{"lines": {"0": 3}}', '{"lines": [{"x": 3}]}'):
        assert key(other, compare=compare) is None


def test_numbers_and_patterns_where_the_route_says_so() -> None:
    assert key("From 3 to 1,400 in all", compare=Compare("number")) == key("1400.0", compare=Compare("number"))
    assert key("none", compare=Compare("number")) is None
    assert key("total: 7, total: 8", compare=Compare("regex", pattern=r"total: (\d+)")) == "8.0"
    assert key("Ja", compare=Compare("regex", pattern="[Jj]a")) == "Ja"
    assert key("nothing", compare=Compare("regex", pattern="[Jj]a")) is None


def call(name: str, arguments: str) -> ToolCall:
    return ToolCall("id", name, arguments)


def test_calls_are_compared_by_name_and_arguments_in_any_order() -> None:
    one = cast(answer(call("a", '{"x": 1, "y": "东 京"}'), call("b", "{}")), QUESTION, Compare())
    other = cast(answer("I look.", call("b", "{}"), call("a", '{"y":"东京","x":1.0}')), QUESTION, Compare())
    assert one.kind == "tool_call"
    assert one.key == other.key
    assert (
        cast(answer(call("a", "{}")), QUESTION, Compare()).key != cast(answer(call("b", "{}")), QUESTION, Compare()).key
    )
    assert cast(answer(call("a", "not JSON")), QUESTION, Compare()).key == "anot JSON"
    assert cast(answer(call("a", "{}")), QUESTION, Compare("number")).key is None
    assert key("42", compare=Compare("tool_call")) is None


@pytest.mark.parametrize(
    ("response", "why"),
    [
        (answer("42", reason="length"), "truncated"),
        (answer("42", reason="content_filter"), "filtered"),
        (answer("42", reason="refusal"), "refused"),
        (answer(Refusal("No.")), "refused"),
        (answer("42", reason="pause"), "truncated"),
        (Response("id", "m", 0, ()), "incomparable"),
        (answer(), "incomparable"),
    ],
)
def test_what_is_no_full_answer_casts_no_vote(response: Response, why: Any) -> None:
    ballot = cast(response, QUESTION, Compare())
    assert (ballot.key, ballot.abstained) == (None, why)


@pytest.mark.parametrize(
    ("by", "request_", "expected"),
    [
        ("auto", QUESTION, ("text", None)),
        ("auto", WANTS_JSON, ("json", None)),
        ("auto", CHOOSE, ("choice", 4)),
        ("number", CHOOSE, ("number", None)),
        ("regex", QUESTION, ("text", None)),
        ("choice", QUESTION, ("choice", None)),
    ],
)
def test_the_kind_is_expected_from_what_is_asked(by: By, request_: Request, expected: tuple[str, int | None]) -> None:
    assert expected_kind(request_, Compare(by)) == expected


def test_a_pattern_is_looked_for_at_the_end() -> None:
    compare = Compare("regex", pattern=r"total: (\d+)")
    assert key("total: 7" + "." * PATTERN_CHARACTERS, compare=compare) is None
    assert key("." * PATTERN_CHARACTERS + "total: 7", compare=compare) == "7.0"


@pytest.mark.parametrize(
    "text",
    [
        "I don’t know.",
        "I cannot help with that. 我不能回答。",
        "抱歉，我无法回答。",
        "我不知道",
        "Sorry, no.",
        "I'm not sure: 42?",
    ],
)
def test_two_who_do_not_know_agree_on_nothing(text: str) -> None:
    ballot = cast(answer(text), QUESTION, Compare())
    assert (ballot.key, ballot.abstained) == (None, "refused")
    assert cast(answer(text), QUESTION, Compare("text")).key is not None  # unless the route says what to compare
