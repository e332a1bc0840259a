from __future__ import annotations

from entrepot.catalog.nearest import did_you_mean


def test_names_the_nearest_word_in_its_own_spelling() -> None:
    assert did_you_mean("deepsek", ["openai", "DeepSeek"]) == "; did you mean 'DeepSeek'?"


def test_works_for_chinese() -> None:
    assert did_you_mean("内部使用", ["仅内部使用", "公开"]) == "; did you mean '仅内部使用'?"


def test_lists_what_there_is_where_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "; known: a, b"


def test_says_nothing_where_nothing_is_near_and_the_list_is_long() -> None:
    assert did_you_mean("zzz", [f"name-{number}" for number in range(21)]) == ""


def test_says_nothing_where_there_is_nothing() -> None:
    assert did_you_mean("zzz", []) == ""
