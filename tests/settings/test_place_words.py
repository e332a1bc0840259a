from __future__ import annotations

import pytest

from entrepot.settings.place_words import check_country, check_region


@pytest.mark.parametrize("word", ["CN", "DE", "EU", "GLOBAL", "LOCAL"])
def test_a_region_is_one(word: str) -> None:
    assert check_region(word) is None


@pytest.mark.parametrize(("word", "meant"), [("China", "CN"), ("UK", "GB"), ("cn", "CN"), ("eu", "EU"), ("USA", "US")])
def test_a_common_wrong_word_is_answered_with_the_right_one(word: str, meant: str) -> None:
    assert (check_region(word) or "").endswith(f"; did you mean '{meant}'?")


def test_anywhere_is_no_country() -> None:
    assert check_country("GLOBAL") is not None
    assert check_country("EU") is None
    assert check_country("CN") is None
    assert check_country("中国") is not None
