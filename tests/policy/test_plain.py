from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.policy.plain import read_plainly


def readings(text: str) -> list[str]:
    return [plain.text for plain in read_plainly(text)]


@pytest.mark.parametrize("text", ["", "plain ASCII: 138", "你好，世界。", "naïve", "a\\b"])
def test_what_is_plain_is_read_once_and_stays(text: str) -> None:
    assert read_plainly(text) == ((text, None),)


@pytest.mark.parametrize(
    "digits", ["１３８", "१३८", "١٣٨", "۱۳۸", "𝟏𝟑𝟖", "¹³⁸", "①③⑧", "\\u0031\\u0033\\u0038", "\\uff11\\uff13\\uff18"]
)
def test_digits_of_every_kind_are_digits(digits: str) -> None:
    assert readings(digits) == ["138"]


@given(st.characters(categories=["Nd"]))
def test_no_decimal_digit_is_left_out(digit: str) -> None:
    assert readings(digit) == [str(unicodedata.decimal(digit))]


@pytest.mark.parametrize(
    ("text", "plain"),
    [("ａ＠ｂ．ｃ", "a@b.c"), ("1\u00a02\u30003", "1 2 3"), ("1\u22122\u20143", "1-2-3"), ("\\n1", " 1")],
)
def test_signs_spaces_and_dashes_have_plain_forms(text: str, plain: str) -> None:
    assert readings(text) == [plain]


@pytest.mark.parametrize(
    "unseen", ["\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u0301", "\ufe0f\u20e3", "\u202e"]
)
def test_what_cannot_be_seen_is_read_as_a_space_and_as_nothing(unseen: str) -> None:
    assert readings(f"call{unseen}138") == [f"call{' ' * len(unseen)}138", "call138"]


def test_an_ideograph_beyond_the_table_stays() -> None:
    assert readings("\U00020bb7１") == ["\U00020bb71"]


@given(st.text(st.sampled_from("a1１\u200b\\u0031n 货")))
def test_each_character_is_told_where_it_stands(text: str) -> None:
    for plain in read_plainly(text):
        at = range(len(text)) if plain.at is None else plain.at
        assert len(at) == len(plain.text)
        assert list(at) == sorted(set(at))
        for character, place in zip(plain.text, at, strict=True):
            assert character == text[place] or text[place] in "１\u200b\\"
