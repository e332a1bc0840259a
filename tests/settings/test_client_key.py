from __future__ import annotations

import hashlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.settings.client_key import ENTROPY_BYTES, digest, is_well_formed, make_key, prefix_of

ENTROPY = st.binary(min_size=ENTROPY_BYTES, max_size=ENTROPY_BYTES)


@given(ENTROPY)
def test_a_key_is_of_one_form_and_recognized(entropy: bytes) -> None:
    key = make_key(entropy)
    assert re.fullmatch(r"ent-[0-9A-Za-z]{49}", key.text)
    assert is_well_formed(key.text)
    assert key.sha256 == hashlib.sha256(key.text.encode("ascii")).hexdigest()


@given(ENTROPY, st.integers(min_value=4, max_value=52))
def test_a_changed_character_is_noticed(entropy: bytes, at: int) -> None:
    text = make_key(entropy).text
    changed = text[:at] + ("0" if text[at] != "0" else "1") + text[at + 1 :]
    assert not is_well_formed(changed)


@given(ENTROPY, ENTROPY)
def test_different_bytes_make_different_keys(first: bytes, second: bytes) -> None:
    assert (make_key(first) == make_key(second)) is (first == second)


@pytest.mark.parametrize("text", ["", "ent-", "sk-abc", "ent-密钥", "ent-" + "0" * 48])
def test_what_is_no_key_is_told_apart(text: str) -> None:
    assert not is_well_formed(text)


def test_too_few_random_bytes_are_refused() -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        make_key(b"few")


def test_the_text_of_a_key_is_not_in_its_repr() -> None:
    key = make_key(bytes(ENTROPY_BYTES))
    assert key.text not in repr(key)


def test_a_key_in_any_script_has_a_digest() -> None:
    assert digest("钥匙") == hashlib.sha256("钥匙".encode()).hexdigest()


@given(ENTROPY)
def test_a_prefix_shows_four_characters_of_what_is_secret(entropy: bytes) -> None:
    text = make_key(entropy).text
    assert prefix_of(text) == f"{text[:8]}…"
