from hypothesis import given
from hypothesis import strategies as st

from entrepot.simulator.tokens import count_tokens, split_tokens


@given(st.text())
def test_the_tokens_joined_are_the_text(text: str) -> None:
    assert "".join(split_tokens(text)) == text


@given(st.text(alphabet="ab 1.\n港", max_size=12))
def test_no_token_is_empty_and_the_count_is_their_number(text: str) -> None:
    tokens = split_tokens(text)
    assert all(tokens)
    assert count_tokens(text) == len(tokens)


def test_five_letters_three_digits_or_one_other_character_are_a_token() -> None:
    assert split_tokens("Harbour 12345, ok!") == ["Harbo", "ur", " 123", "45", ",", " ok", "!"]


def test_each_chinese_character_is_a_token() -> None:
    assert split_tokens("转口港，2024年") == ["转", "口", "港", "，", "202", "4", "年"]


def test_white_space_at_the_end_is_a_token_of_its_own() -> None:
    assert split_tokens("a \n") == ["a", " \n"]
