from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.policy.numbers import load_numbers
from entrepot.policy.sensitive import DATA_CLASSES, KINDS, Detector

DETECTOR = Detector(KINDS, load_numbers(), phone_regions=("CN", "US", "GB", "DE", "FR"))


def found(text: str) -> list[tuple[str, str]]:
    """What is found in a text: kind and words, which only a test may look at."""
    return [(hit.kind, text[hit.start : hit.end]) for hit in DETECTOR.find(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我的身份证号是11010519491231002X，谢谢", [("cn_id", "11010519491231002X")]),
        ("身份证 110105 19491231 002X", [("cn_id", "110105 19491231 002X")]),
        ("身份证：１１０１０５１９４９１２３１００２Ｘ", [("cn_id", "１１０１０５１９４９１２３１００２Ｘ")]),
        ("手机号13812345678，微信同号", [("phone", "13812345678")]),
        ("138.1234.5678", [("phone", "138.1234.5678")]),
        ("手机：138-1234-5678 或 +86 139 1234 5678", [("phone", "138-1234-5678"), ("phone", "+86 139 1234 5678")]),
        ("电话：０１０－６２７５１２３４", [("phone", "０１０－６２７５１２３４")]),
        ("Call (415) 555-2671 today", [("phone", "(415) 555-2671")]),
        ("Tel. 030/1234567, mobil 0151 23456789", [("phone", "030/1234567"), ("phone", "0151 23456789")]),
        ("Rückruf an +49 (0)30 1234567 bitte", [("phone", "+49 (0)30 1234567")]),
        ("card 4111 1111 1111 1111 exp 12/27", [("card", "4111 1111 1111 1111")]),
        ("卡号：6222021234567890128", [("card", "6222021234567890128")]),
        ("Amex 3782 822463 10005.", [("card", "3782 822463 10005")]),
        ("IBAN DE89 3704 0044 0532 0130 00 an mich", [("iban", "DE89 3704 0044 0532 0130 00")]),
        ("iban:gb29nwbk60161331926819", [("iban", "gb29nwbk60161331926819")]),
        ("邮箱zhang.wei+x@mail.qq.com谢谢", [("email", "zhang.wei+x@mail.qq.com")]),
        ("a＠ｑｑ．ｃｏｍ", [("email", "a＠ｑｑ．ｃｏｍ")]),
        ("SSN 536-90-4399", [("us_ssn", "536-90-4399")]),
        ("Meine Steuer-ID: 86 095 742 719", [("de_tax_id", "86 095 742 719")]),
        ("codice fiscale RSSMRA85T10A562S", [("it_codice_fiscale", "RSSMRA85T10A562S")]),
        ("DNI 12345678Z", [("es_dni", "12345678Z")]),
        ("CPF 529.982.247-25", [("br_cpf", "529.982.247-25")]),
        ("PESEL 44051401359", [("pl_pesel", "44051401359")]),
        ("NHS number 943 476 5919", [("gb_nhs", "943 476 5919")]),
        ("key=sk-proj-abcdefghijklmnopqrstuv", [("api_key", "sk-proj-abcdefghijklmnopqrstuv")]),
        ("AKIAIOSFODNN7EXAMPLE", [("api_key", "AKIAIOSFODNN7EXAMPLE")]),
        ("a,13812345678,b\n13912345678;", [("phone", "13812345678"), ("phone", "13912345678")]),
    ],
)
def test_what_is_sensitive_is_found_where_it_stands(text: str, expected: list[tuple[str, str]]) -> None:
    assert found(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "订单号 20261122123456789 已发货，运单号 SF1234567890123",
        "时间戳 1732250000000 和 1732250000，版本 1.2.3.4，价格 1,234,567.89 元",
        "2026-11-22 10:15:30, 22.11.2026, 11/22/2026, 10:15-11:45",
        "order no. 7700123456, SKU 4006381333931, ISBN 978-3-16-148410-0",
        "uuid 550e8400-e29b-41d4-a716-446655440000 at 192.168.10.254:8080",
        "0.4111111111111111 and 3.14159265358979 and 6.02214076e23",
        "def f(x): return x @ y  # @property git@github.com:org/repo logo@2x.png @types/node@18.0.1",
        "write to user@example.com, which is nobody's",
        "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
        "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "身份证号 110105194912310021（校验位错误）",
        "4111 1111 1111 1112 fails Luhn; DE89 3704 0044 0532 0130 01 fails mod 97",
        "AB12 CD34 product codes XY99 ZZ88 QQ77 are no IBAN",
        "sk-learn is a library and sk-short is no key",
        "第13812345678901号文件，编号X13812345678",
    ],
)
def test_what_merely_looks_alike_is_not(text: str) -> None:
    assert found(text) == []


def test_a_private_key_is_found_to_its_end_and_not_beyond() -> None:
    key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----"
    assert found(f"before {key} after a@b.cn") == [("private_key", key), ("email", "a@b.cn")]


def test_only_what_is_asked_for_is_found() -> None:
    text = "13812345678 a@b.cn"
    assert [hit.kind for hit in Detector({"email"}, None).find(text)] == ["email"]
    assert Detector((), None).find(text) == []


def test_a_pattern_of_the_operators_is_a_kind_of_its_own() -> None:
    detector = Detector({"case_number"}, None, {"case_number": re.compile(r"AZ-\d{4}/\d{2}")})
    assert [hit.kind for hit in detector.find("Az. AZ-1234/26 und AZ-12")] == ["case_number"]


def test_every_class_is_found_by_kinds_that_there_are() -> None:
    assert sorted(kind for kinds in DATA_CLASSES.values() for kind in kinds) == sorted(KINDS)


PIECES = [
    "1",
    "13812345678",
    " ",
    "-",
    "@",
    "a",
    ".",
    "+49",
    "(0",
    "DE89",
    "sk-",
    "，",
    "１",
    "\u200b",
    "X",
    "eyJ",
    "\n",
]


@given(text=st.lists(st.sampled_from(PIECES) | st.characters(), max_size=60).map("".join))
def test_finds_lie_in_the_text_in_order_and_never_over_each_other(text: str) -> None:
    hits = DETECTOR.find(text)
    ends = [0, *(hit.end for hit in hits)]
    assert all(end <= hit.start < hit.end <= len(text) for end, hit in zip(ends, hits, strict=False))
    assert {hit.kind for hit in hits} <= set(KINDS)


@given(
    before=st.sampled_from(["", "联系", "call ", "x: ", "(", "，", "\n", "12 "]),
    after=st.sampled_from(["", "。", " ok", ")", ",", "\n"]),
)
def test_a_number_is_found_whatever_stands_around_it(before: str, after: str) -> None:
    for kind, number in (("phone", "13812345678"), ("cn_id", "11010519491231002X"), ("card", "4111111111111111")):
        assert (kind, number) in found(f"{before}{number}{after}")


def test_after_enough_that_are_real_whatever_has_the_shape_counts_and_none_is_missed() -> None:
    real = [f"1381234{number:04}" for number in range(2000)]
    assert found(", ".join(real)) == [("phone", number) for number in real]
    wrong_digit = "4111111111111112"
    assert found(wrong_digit) == []
    cards = [("card", "4111111111111111")] * 20
    assert found(" x ".join([number for _, number in cards] + [wrong_digit])) == [*cards, ("card", wrong_digit)]


def test_what_is_real_is_found_after_any_number_of_others_of_its_shape() -> None:
    others = " x ".join(["4111111111111112"] * 399)
    assert found(f"{others} x 4111111111111111") == [("card", "4111111111111111")]
    assert len(found(f"{others} x {others} x 4111111111111111")) >= 1


@pytest.mark.parametrize(
    "piece",
    ["1", "@", "a", "a@", "1 ", "(0", "01 ", "+49 ", "AB12 ", "sk-", "eyJ", "-----BEGIN PRIVATE KEY-----", "a.", "１"],
)
def test_no_text_takes_more_than_a_bounded_number_of_steps_for_each_character(piece: str) -> None:
    # Nothing is timed: a text that took time in the square of its length would run into the time limit of every test.
    DETECTOR.find(piece * (400_000 // len(piece)))
