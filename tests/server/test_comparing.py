from __future__ import annotations

import pytest

from entrepot.canonical.request import Part, Refusal, Text, ToolCall
from entrepot.canonical.response import Choice, FinishReason
from entrepot.exchange.outcome import Outcome
from entrepot.exchange.outcome_plan import SampledCheck
from entrepot.routing.validator import Validator, Verdict
from entrepot.server.comparing import Answered, Pair, compare
from entrepot.server.judging import Case
from tests.exchange.transcript import candidate, plan_for

PLAN = plan_for(candidate("a/sent"))
DIGITS = SampledCheck("digits", Validator(regex="[0-9]"))
Said = list[tuple[str, str, float | None, str | None]]


def answered(deployment: str, *parts: Part, reason: FinishReason = "stop") -> Answered:
    return Answered(deployment, Choice(0, parts, reason))


async def said(sent: Answered, beside: Answered, *checks: SampledCheck) -> tuple[Said, list[Case]]:
    """What comes out of a pair, where the judge prefers whoever is longer; and what the judge was shown."""
    cases: list[Case] = []

    async def judge(case: Case) -> list[Outcome]:
        cases.append(case)
        score = float(len(case.answer) > len(case.other or ""))
        return [Outcome("j", case.about or case.plan.id, 1, "judge", "m", score, "pair")]

    async def check(validator: Validator, text: str) -> Verdict:
        if text == "?":
            return Verdict(False, "nobody knows", conclusive=False)
        return Verdict(any(letter.isdigit() for letter in text), "")

    pair = Pair(PLAN, sent, "the-shadow", beside, "checks" if checks else "judges", checks)
    found = await compare(pair, judge, check)
    assert {one.exchange for one in found} <= {"the-shadow"}
    return [(one.source, one.who, one.score, one.label) for one in found], cases


@pytest.mark.parametrize(
    ("sent", "beside", "score"), [("no", "42", 1.0), ("42", "no", 0.0), ("41", "42", 0.5), ("no", "nor I", 0.5)]
)
async def test_by_a_check_the_one_that_passes_alone_is_the_better(sent: str, beside: str, score: float) -> None:
    found, _ = await said(answered("a/sent", Text(sent)), answered("b/new", Text(beside)), DIGITS)
    assert found == [("check", "digits", score, "pair")]


async def test_what_is_cut_short_or_refused_passes_no_check() -> None:
    whole = answered("a/sent", Text("42"))
    short = answered("b/new", Text("421"), reason="length")
    refused = answered("b/new", Refusal("not 42"))
    for beside in (short, refused):
        assert (await said(whole, beside, DIGITS))[0] == [("check", "digits", 0.0, "pair")]
        assert (await said(beside, whole, DIGITS))[0] == [("check", "digits", 1.0, "pair")]


async def test_where_a_check_could_not_be_made_nothing_is_said() -> None:
    assert await said(answered("a/sent", Text("?")), answered("b/new", Text("42")), DIGITS) == ([], [])


async def test_a_judge_reads_both_and_speaks_of_the_shadow() -> None:
    found, (case,) = await said(answered("a/sent", Text("short")), answered("b/new", Text("longer than that")))
    assert found == [("judge", "m", 1.0, "pair")]
    assert (case.answer, case.deployment) == ("longer than that", "b/new")
    assert (case.other, case.other_deployment) == ("short", "a/sent")
    found, (case,) = await said(answered("a/sent", Text("an answer")), answered("b/new", Refusal("no")))
    assert case.answer == "no", "a refusal is an answer, and judged as one"
    assert found == [("judge", "m", 0.0, "pair")]


async def test_the_same_words_are_equal_and_no_judge_is_asked() -> None:
    found = await said(answered("a/sent", Text("the same")), answered("b/new", Text("the same\n")))
    assert found == ([("check", "same answer", 0.5, "pair")], [])


@pytest.mark.parametrize(
    ("arguments", "label"), [('{"b": 2, "a": 1}', "same_calls"), ('{"a": 1}', "other_calls"), ("{", "other_calls")]
)
async def test_of_calls_it_is_said_whether_they_are_the_same_and_no_more(arguments: str, label: str) -> None:
    sent = answered("a/sent", ToolCall("1", "look", '{"a": 1, "b": 2}'), reason="tool_calls")
    beside = answered("b/new", ToolCall("other", "look", arguments), reason="tool_calls")
    assert await said(sent, beside, DIGITS) == ([("check", "tool calls", None, label)], [])
    assert (await said(answered("a/sent", Text("42")), beside))[0] == [("check", "tool calls", None, "other_calls")]
