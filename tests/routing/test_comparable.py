from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.routing.comparable import comparable, same_answers


@pytest.mark.parametrize(
    "answers",
    [
        ("6", "6.0", "6 miles per hour", "6 miles", "$6", " 6. "),
        ("2500", "$2,500", "2,500 元", "２５００", "2500 kg"),
        ("-0.5", "-.5", "-0.50%"),
        ("[1, 2]", "[1,2]"),
        ("{'a': 1}", '{"a": 1}', "{ 'a': 1 }"),
        ("'BFS'", '"BFS"', "BFS", "“BFS”"),
        ("北京。", " 北京 "),
        ("B", "B."),
    ],
)
def test_one_answer_in_several_dresses_is_one_answer(answers: tuple[str, ...]) -> None:
    assert len({comparable(answer) for answer in answers}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("6", "60"),
        ("6", "-6"),
        ("6 - 2a", "6"),
        ("16\\sqrt{2}", "16"),
        ("a", "A"),
        ("北京", "南京"),
        ("3.5", "35"),
        ("1/2", "1"),
    ],
)
def test_different_answers_stay_different(one: str, other: str) -> None:
    assert comparable(one) != comparable(other)


def test_nothing_is_comparable_with_nothing() -> None:
    assert same_answers([None, "", "  ", "7", None, "7.0"]) == [-1, -1, -1, 0, -1, 0]


@given(st.text(max_size=200))
def test_any_text_has_a_form_that_is_its_own(text: str) -> None:
    form = comparable(text)
    assert form is None or comparable(form) == form or len(form) < len(text) + 20
