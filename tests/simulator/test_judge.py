import json

import pytest

from entrepot.simulator.judge import extract_answer, judge


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ('{"reasoning": "…", "answer": "42"}', "42"),
        ('```json\n{"answer": "42"}\n```', "42"),
        ('{"answer": 42}', "42"),
        ('{"answer": "1"} no: {"answer": "42"}', "42"),
        ('{"answer": "line\nend"}', "line\nend"),
        ('{"answer": "bad \\d escape"}', "bad \\d escape"),
        ('{"answer": 42 apples\n}', "42"),
        ('{"answer": forty two,\n}', "forty two"),
        ('{"answer": {"a": "b"}}', "{'a': 'b'}"),
        ("so it is $\\boxed{\\frac{1}{2}}$", "\\frac{1}{2}"),
        ('{"答案": 1}', None),
        ('{"answer": null}', None),
        ("", None),
    ],
)
def test_the_answer_is_taken_from_the_text(text: str, answer: str | None) -> None:
    assert extract_answer(text) == answer


@pytest.mark.parametrize(
    ("benchmark", "key", "answer", "right"),
    [
        ("gsm", "18", "$18.00", True),
        ("gsm", "70,000", "70000 dollars", True),
        ("gsm", "2", "2/3", False),
        ("gsm", "2", "two", False),
        ("math-l5", "5/2", "5/2", True),
        ("math-l5", "0", "1/0", False),
        ("math-l5", "25", "25√2", True),
        ("crux", "'wow'", "wow", True),
        ("crux", "'a\\nb'", "a\nb", True),
        ("crux", "[1, 2]", "[1,2]", False),
        ("mmlu-pro", "B", "(B) cost", True),
        ("mmlu-pro", "B", "C", False),
        ("unheard-of", "港", "港", True),
    ],
)
def test_an_answer_is_judged_by_its_benchmarks_rule(benchmark: str, key: str, answer: str, right: bool) -> None:
    assert judge(benchmark, key, json.dumps({"answer": answer})) is right


def test_a_letter_may_come_without_json() -> None:
    assert judge("mmlu-pro", "D", "The answer is (D).")
    assert not judge("mmlu-pro", "D", '{"answer":null}')
