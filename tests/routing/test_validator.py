from __future__ import annotations

import msgspec
import pytest

from entrepot.routing.validator import Validator, code_of, judge, parse_json, settle, validator_problem


def passed(validator: Validator, answer: str) -> bool | None:
    verdict = judge(validator, answer)
    return None if verdict is None else verdict.passed


@pytest.mark.parametrize(
    ("validator", "said"),
    [
        (Validator(), "this one has none"),
        (Validator(regex="a", python="True"), "this one has regex and python"),
        (Validator(regex="("), "cannot be read"),
        (Validator(python="answer ="), "cannot be read"),
        (Validator(python="import os"), "cannot be read"),
        (Validator(command=()), "command is empty"),
        (Validator(unit_test="tests.sh"), "must name a .py file"),
        (Validator(json_schema={"type": "money"}), "$.type must be one of"),
    ],
)
def test_a_check_that_is_wrong_in_itself_is_told(validator: Validator, said: str) -> None:
    assert said in (validator_problem(validator) or "")


@pytest.mark.parametrize(
    "validator",
    [
        Validator(regex=r"\d+ 万元"),
        Validator(python="len(answer) < 200"),
        Validator(python="checks/total.py"),
        Validator(command=("grep", "-q", "甲方")),
        Validator(unit_test="tests/test_sum.py"),
        Validator(json_schema={"type": "object"}),
    ],
)
def test_a_check_that_can_be_made_has_no_problem(validator: Validator) -> None:
    assert validator_problem(validator) is None


def test_json_is_judged_with_a_fence_around_it_and_without() -> None:
    validator = Validator(json_schema={"required": ["金额"], "type": "object"})
    assert passed(validator, '{"金额": 12}')
    assert passed(validator, '```json\n{"金额": 12}\n```\n')
    assert passed(validator, 'Here it is: {"金额": 12}') is False
    assert passed(validator, '{"amount": 12}') is False


def test_a_verdict_repeats_nothing_of_the_answer() -> None:
    for validator in (Validator(json_schema={"type": "object"}), Validator(regex="^x$")):
        verdict = judge(validator, "SECRET")
        assert verdict is not None
        assert "SECRET" not in verdict.reason


def test_a_regular_expression_is_searched_for() -> None:
    assert passed(Validator(regex=r"第\d+条"), "见第12条。")
    assert passed(Validator(regex=r"^\d{4}-\d{2}-\d{2}$"), "22 November") is False


@pytest.mark.parametrize(
    ("pattern", "answer"),
    [("(a+)+$", "a" * 30 + "!"), ("a?" * 30 + "a" * 30, "a" * 30), (r"\s*x\s*y", " " * 5000), ("(a|a|b)*c", "a" * 40)],
)
def test_an_expression_that_could_run_for_ever_is_left_to_a_process(pattern: str, answer: str) -> None:
    assert judge(Validator(regex=pattern), answer) is None
    assert judge(Validator(json_schema={"items": {"pattern": pattern}}), answer) is None


def test_code_is_left_to_a_process() -> None:
    for validator in (Validator(python="True"), Validator(command=("true",)), Validator(unit_test="a.py")):
        assert judge(validator, "x") is None


@pytest.mark.parametrize("pattern", ["a*a*b", "x*y", "a?a?a?", "[+*]+x", "a{1,9}b"])
def test_what_is_run_here_ends_and_what_would_not_is_left_to_a_process(pattern: str) -> None:
    # the longest text judged here takes milliseconds; this test would meet its time limit if it did not
    longest = max(length for length in range(1, 4000) if judge(Validator(regex=pattern), "a" * length) is not None)
    assert judge(Validator(regex=pattern), "a" * 10**7) is None
    assert judge(Validator(regex=pattern), "a" * longest) is not None


def test_files_of_a_check_are_beside_the_file_that_names_it() -> None:
    assert settle(Validator(python="checks/a.py"), "/etc/e").python == "/etc/e/checks/a.py"
    assert settle(Validator(python="/checks/a.py"), "/etc/e").python == "/checks/a.py"
    assert settle(Validator(python="answer == 'a.b'"), "/etc/e").python == "answer == 'a.b'"
    assert settle(Validator(unit_test="t.py"), "/etc/e").unit_test == "/etc/e/t.py"
    assert settle(Validator(command=("./run.sh", "-x")), "/etc/e").command == ("/etc/e/./run.sh", "-x")
    assert settle(Validator(command=("grep", "./a")), "/etc/e").command == ("grep", "./a")


def test_a_check_survives_the_way_to_another_process() -> None:
    validator = Validator(json_schema={"minimum": 0.5}, timeout_s=2)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(validator), type=Validator) == validator


def test_the_code_of_an_answer_is_what_is_fenced() -> None:
    assert code_of("Here:\n```python\na = 1\n```\nand\n```\nb = 2\n```") == "a = 1\n\nb = 2"
    assert code_of("a = 1") == "a = 1"


@pytest.mark.parametrize("text", ["", "{", "NaN", "[" * 100_000, "\ud800"])
def test_what_is_not_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_json(text)
