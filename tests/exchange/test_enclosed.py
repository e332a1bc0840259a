from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.enclosed import open_enclosed

TEXT = "name,phone\n张伟,13812345678\n"


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("head", ["", "data:text/csv;base64,", "data:text/plain;charset=utf-8;base64,"])
@pytest.mark.parametrize("times", [1, 500])
def test_a_text_file_is_opened(head: str, times: int) -> None:
    enclosed = open_enclosed(head + encoded(TEXT.encode() * times))
    assert enclosed is not None
    assert (enclosed.head, enclosed.text) == (head, TEXT * times)


def test_it_may_be_of_the_alphabet_for_addresses_without_padding_and_in_lines() -> None:
    written = base64.urlsafe_b64encode("号码？？13812345678>>>".encode()).decode().rstrip("=")
    enclosed = open_enclosed(f"{written[:20]}\r\n{written[20:]}\r\n")
    assert enclosed is not None
    assert enclosed.text == "号码？？13812345678>>>"


def test_another_encoding_leaves_the_digits_legible_and_goes_back_as_it_came() -> None:
    data = TEXT.encode("gb18030") * 20
    enclosed = open_enclosed(encoded(data))
    assert enclosed is not None
    assert "13812345678" in enclosed.text
    assert base64.b64decode(enclosed.enclose(enclosed.text)) == data


@pytest.mark.parametrize(
    "written",
    [
        "The quick brown fox jumps over the lazy dog",
        "13812345678",
        encoded(b"\x89PNG\r\n\x1a\n" + bytes(300)),
        encoded(b"\xff\xd8\xff\xe0" * 100 + b"\0"),
        encoded(b"PK\x03\x04" * 100),
        encoded("text".encode("utf-16") * 50),
        "data:text/plain,13812345678",
        "=" * 40,
    ],
)
def test_what_is_no_text_is_not_opened(written: str) -> None:
    assert open_enclosed(written) is None


@given(st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), min_size=16))
def test_any_text_comes_back_as_it_was(text: str) -> None:
    enclosed = open_enclosed(encoded(text.encode()))
    if enclosed is not None:  # what cannot be printed is no text
        assert enclosed.text == text
        assert base64.b64decode(enclosed.enclose(text)).decode() == text


@given(st.text())
def test_no_text_makes_it_fail(written: str) -> None:
    enclosed = open_enclosed(written)
    assert enclosed is None or written
