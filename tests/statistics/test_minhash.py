"""How alike two texts are is estimated within its stated error, and those that are alike are found."""

from __future__ import annotations

import random
from string import ascii_lowercase

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.statistics.minhash import ORDERS, SHINGLE, Resembling, resemblance, signature_of

WORDS = [f"w{number:04}" for number in range(5000)]


def shared(one: str, other: str) -> float:
    """The share of runs that two texts have in common, counted."""
    runs = [{text[at : at + SHINGLE] for at in range(len(text) - SHINGLE + 1)} for text in (one, other)]
    return len(runs[0] & runs[1]) / len(runs[0] | runs[1])


def pair(chance: random.Random, changed: float) -> tuple[str, str]:
    """A text, and the same with some of its words changed."""
    words = chance.choices(WORDS, k=300)
    return " ".join(words), " ".join(chance.choice(WORDS) if chance.random() < changed else word for word in words)


def test_the_estimate_errs_as_little_as_it_says() -> None:
    chance, errors = random.Random(1), []
    for number in range(200):  # texts of chance letters: no two pairs share a run, so their errors are independent
        one = "".join(chance.choices(ascii_lowercase, k=1500))
        other = one[4 * number :] + "".join(chance.choices(ascii_lowercase, k=4 * number))
        errors.append(resemblance(signature_of(one), signature_of(other)) - shared(one, other))
    assert abs(np.mean(errors)) < 3 * 0.044 / np.sqrt(200)
    assert np.std(errors) < 0.044 * 1.2


@given(st.text(max_size=50))
def test_case_and_white_space_make_no_difference_and_any_text_has_a_signature(text: str) -> None:
    signature = signature_of(text)
    assert signature.shape == (ORDERS,)
    assert (signature == signature_of(f"  {text}\n ")).all()
    assert resemblance(signature, signature) == 1.0


def test_a_long_text_is_taken_in_blocks() -> None:
    text = " ".join(random.Random(2).choices(WORDS, k=20_000))
    assert resemblance(signature_of(text), signature_of(text + " and one word more")) > 0.97


def test_those_that_are_alike_are_found_and_others_are_not() -> None:
    chance, filed = random.Random(3), Resembling[int](0.8)
    pairs = [pair(chance, 0.03) for _ in range(100)]
    for number, (one, _) in enumerate(pairs):
        assert filed.find(signature_of(one)) is None
        filed.add(number, signature_of(one))
    alike = [number for number, (one, other) in enumerate(pairs) if shared(one, other) > 0.9]
    assert len(alike) > 30
    assert [filed.find(signature_of(pairs[number][1])) for number in alike] == alike
    assert filed.find(signature_of(pair(chance, 0)[0])) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("请把这份合同翻译成英文，谢谢。" * 3, "请把这份合同翻译成英文，多谢。" * 3, True),
        ("请把这份合同翻译成英文，谢谢。" * 3, "今天天气怎么样？需要带伞吗？" * 3, False),
        ("", "", True),
        ("a", "b", False),
    ],
    ids=["chinese alike", "chinese unlike", "empty", "one letter"],
)
def test_any_script_and_any_length(one: str, other: str, same: bool) -> None:
    assert (resemblance(signature_of(one), signature_of(other)) > 0.3) is same
