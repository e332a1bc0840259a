from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Literal

import msgspec
import pytest

from entrepot.errors import SettingsError
from entrepot.settings.conform import conform
from entrepot.settings.problems import Problems


class Inner(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A table."""

    word: Literal["eins", "zwei"]
    day: datetime.date | None = None
    share: float | None = None
    price: Decimal | None = None


class Outer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document."""

    one: Inner | None = None
    many: tuple[Inner, ...] = ()
    words: tuple[str, ...] = ()


def refuse(value: object) -> str:
    """What is said of a value that does not conform."""
    problems = Problems("f", {})
    assert conform(value, Outer, (), problems) is None
    with pytest.raises(SettingsError) as raised:
        problems.raise_any()
    return raised.value.message


def test_a_value_that_conforms_becomes_the_shape() -> None:
    problems = Problems("f", {})
    value = {"many": [{"word": "zwei", "day": datetime.date(2026, 1, 2), "share": 1, "price": Decimal("0.1")}]}
    conformed = conform(value, Outer, (), problems)
    assert conformed == Outer(many=(Inner("zwei", datetime.date(2026, 1, 2), 1.0, Decimal("0.1")),))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"one": []}, "f: one: expected a table, got a list"),
        ({"one": {"word": "einz"}}, "f: one.word: 'einz' is not one of the words known here; did you mean 'eins'?"),
        ({"one": {"word": 3}}, "f: one.word: expected text in quotes, got the number 3"),
        ({"one": {}}, "f: one: 'word' is missing"),
        ({"many": [{"word": "eins"}, 1]}, "f: many[1]: expected a table, got the number 1"),
        ({"words": ["a", {}]}, "f: words[1]: expected text in quotes, got a table"),
        ({"one": {"word": "eins", "day": "yesterday"}}, "f: one.day: "),
        ({"one": {"word": "eins", "share": False}}, "f: one.share: expected a number, got false"),
        ({"one": {"word": "eins", "price": Decimal("Infinity")}}, "f: one.price: must be a finite number"),
        ([], "f: expected a table, got a list"),
    ],
)
def test_what_does_not_conform_is_told_in_plain_words(value: object, said: str) -> None:
    assert refuse(value).startswith(said)


def test_every_problem_is_found() -> None:
    said = refuse({"one": {"wrod": "eins", "day": 1}, "many": [{}], "wrods": []})
    assert said.count("\n") == 5
