"""What is sealed is read with its key alone, where it was put, and as it was."""

from __future__ import annotations

import base64

import pytest

from entrepot.errors import LedgerError, SettingsError
from entrepot.ledger.content.seal import KEY_BYTES, Seals, id_of, make_key, read_key

OLD, NEW = read_key(make_key(), "env:OLD"), read_key(make_key(), "env:NEW")


def test_what_was_sealed_is_opened_with_the_key_that_sealed_it() -> None:
    sealed_by, sealed = Seals(OLD).seal(b"a secret", "exchange-1", "sent")
    assert sealed_by == id_of(OLD)
    assert b"secret" not in sealed
    assert Seals(NEW, (OLD,)).open(sealed, sealed_by, "exchange-1", "sent") == b"a secret"


def test_the_same_words_look_different_each_time() -> None:
    seals = Seals(OLD)
    assert seals.seal(b"a secret", "exchange-1", "sent") != seals.seal(b"a secret", "exchange-1", "sent")


def test_without_a_key_bodies_lie_open() -> None:
    assert Seals().seal(b"words", "exchange-1", "sent") == (None, b"words")
    assert Seals(OLD).open(b"words", None, "exchange-1", "sent") == b"words"


@pytest.mark.parametrize(("seals", "held"), [(Seals(), "none"), (Seals(NEW), id_of(NEW))], ids=["no key", "another"])
def test_another_key_or_none_is_told_by_name(seals: Seals, held: str) -> None:
    sealed_by, sealed = Seals(OLD).seal(b"a secret", "exchange-1", "sent")
    with pytest.raises(
        LedgerError, match=rf"key {id_of(OLD)}, and \[content\] names another \({held}\).* decrypt_with"
    ):
        seals.open(sealed, sealed_by, "exchange-1", "sent")


def test_what_was_changed_or_moved_is_not_opened() -> None:
    seals = Seals(OLD)
    sealed_by, sealed = seals.seal(b"a secret", "exchange-1", "sent")
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for body, exchange in ((changed, "exchange-1"), (sealed, "exchange-2"), (b"", "exchange-1")):
        with pytest.raises(LedgerError, match="was changed"):
            seals.open(body, sealed_by, exchange, "sent")
    with pytest.raises(LedgerError, match="was changed"):
        seals.open(sealed, sealed_by, "exchange-1", "said")


@pytest.mark.parametrize("text", ["password", "", base64.b64encode(b"short").decode(), "€" * 44])
def test_what_is_no_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(SettingsError, match=r"env:KEY is not a key .* new-key") as caught:
        read_key(text, "env:KEY")
    assert not text or text not in str(caught.value)


def test_a_made_key_is_one() -> None:
    assert len(read_key(make_key(), "env:KEY")) == KEY_BYTES
    assert make_key() != make_key()
