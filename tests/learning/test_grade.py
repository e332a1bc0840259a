from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.learning.grade import extract, is_right, read_date, read_number
from entrepot.learning.prompt_lines import read_prompt_lines
from tests.learning.test_prompt_lines import EXAMPLES


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("12,800元", "12800"),
        ("１２８００", 12800),
        ("1.28万元", "12800"),
        ("128万", "128万元"),
        ("128", "128万元"),
        ("1280000元", "128万元"),
        ("合同金额为人民币128万元。", "128万元"),
        ("答案：1.28万元", "12800"),
        ("最终答案是：72万元。", "72万元"),
        ("The total is 12,800 USD.", "12800"),
        ("**12.5%**", "12.5%"),
        ("12.5", "12.5%"),
        ("0.125", "12.5%"),
        ("百分之十二", "12%"),
        ("三十天", "30"),
        ("一万二千五百元", "12500"),
        ("两亿三千万", "230000000"),
        ("二〇二六", "2026"),
        ("-5%", "−5%"),
        ("$3.2 million", "3200000"),
        ("3.2", "3.2 million"),
        ("¥1,200.50", 1200.5),
        ("about 42 days", "42"),
        ("120 m²", "120"),
        ("2026年3月15日", "2026-03-15"),
        ("15 March 2026", "2026-03-15"),
        ("March 15th, 2026", "2026-03-15"),
        ("2026/3/15", "2026-03-15"),
        ("The contract ends on 2026-03-15.", "2026-03-15"),
        ("B", "B"),
        ("(B) because it says so", "B"),
        ("选B。", "B"),
        ("Answer is B. Option B", "B"),
        ("深圳市港口物流有限公司。", "深圳市港口物流有限公司"),
        ("「何晓燕」", "何晓燕"),
        ("ama boateng", "Ama Boateng"),
        ("First I read it.\n\nAnswer: Ama Boateng", "Ama Boateng"),
        ("Answer: 42\nIt is not 43.", "42"),
        (r"so \boxed{42}", "42"),
        ('{"answer": 42}', "42"),
        ("Not stated.", "not stated"),
    ],
)
def test_the_same_answer_in_another_dress_is_right(answer: str, key: Any) -> None:
    assert is_right(answer, [key])


@pytest.mark.parametrize(
    ("answer", "key"),
    [
        ("", "42"),
        ("43", "42"),
        ("It rose from 10 to 12.", "12"),
        ("12万", "12"),
        ("128万", "128亿"),
        ("2026-03-16", "2026-03-15"),
        ("2026-02-30", "2026-02-28"),
        ("A", "B"),
        ("Because of B", "B"),
        ("Answer: 43\nor 42", "42"),
        ("何晓", "何晓燕"),
        ("I think it is Ama Boateng, or Luis Ferrer", "Ama Boateng"),
        ("12.5", "13"),
        ("1.25%", "12.5%"),
        ("x" * 100_000, "42"),
    ],
)
def test_another_answer_is_wrong(answer: str, key: Any) -> None:
    assert not is_right(answer, [key])


def test_any_of_several_keys_will_do() -> None:
    assert is_right("2028年3月31日", ["2028-03-30", "2028-03-31"])


def test_a_number_may_be_off_by_the_tolerance() -> None:
    assert is_right("33.34", [33.33], tolerance=0.01)
    assert not is_right("33.35", [33.33], tolerance=0.01)


def test_an_object_agrees_value_by_value_and_has_no_more() -> None:
    key = {"客户": "海川物流", "箱数": 2, "日期": "2026-06-20", "行": [{"金额": 1200}], "急": True, "注": None}
    right = (
        '```json\n{"客户": "海川物流。", "箱数": "２", "日期": "2026年6月20日", '
        '"行": [{"金额": "1,200元"}], "急": true, "注": null}\n```'
    )
    assert is_right(right, [key])
    assert not is_right(right.replace('"急": true', '"急": 1'), [key])
    assert not is_right(right.replace('"注": null', '"注": null, "x": 1'), [key])
    assert not is_right("海川物流", [key])


@pytest.mark.parametrize("prompt", read_prompt_lines(EXAMPLES), ids=lambda prompt: prompt.id)
def test_the_keys_of_the_office_prompts_are_right_by_themselves(prompt: Any) -> None:
    for key in prompt.answers:
        said = str(key) if not isinstance(key, dict) else str(key).replace("'", '"')
        assert is_right(said, prompt.answers)
    assert not is_right("no idea", prompt.answers)


@given(st.decimals(-(10**12), 10**12, places=2))
def test_a_number_is_itself_in_any_grouping(value: Any) -> None:
    assert is_right(f"{value:,}", [str(value)])
    assert is_right(f"答案：{value}元", [f"{value:,}"])


@given(st.dates())
def test_a_day_is_itself_in_any_form(day: Any) -> None:
    iso = f"{day.year:04}-{day.month:02}-{day.day:02}"
    assert read_date(f"{day.year:04}年{day.month}月{day.day}日") == read_date(iso) == day


@given(st.text(max_size=60), st.text(min_size=1, max_size=20))
def test_any_two_texts_can_be_compared(answer: str, key: str) -> None:
    is_right(answer, [key])
    extract(answer)


def test_what_is_no_number_is_none() -> None:
    for text in ("", "abc", "12 and 13", "1.2.3", "v2"):
        assert read_number(text) is None


def test_what_an_answer_states_is_what_it_comes_to() -> None:
    assert extract("Let me see.\n答案：72万元") == "72万元"
    assert extract(" 72万元 ") == "72万元"
