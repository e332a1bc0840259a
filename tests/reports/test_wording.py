from __future__ import annotations

import re
from pathlib import Path
from string import Formatter
from typing import get_args

import pytest

from entrepot.ledger.store import DIMENSIONS
from entrepot.reports import wording
from entrepot.reports.wording import ENGLISH, Language, words_of

COMMANDS = ("report", "scenario", "scenario_stage")


def placeholders(sentence: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(sentence) if name}


def test_every_language_has_the_same_sentences_with_the_same_placeholders() -> None:
    english = {key: placeholders(sentence) for key, sentence in ENGLISH.sentences.items()}
    for language in get_args(Language):
        assert {key: placeholders(sentence) for key, sentence in words_of(language).sentences.items()} == english, (
            language
        )


def test_every_dimension_has_a_name() -> None:
    assert {f"by_{dimension}" for dimension in DIMENSIONS} <= ENGLISH.sentences.keys()


def test_every_sentence_is_used() -> None:
    source = Path(wording.__file__).parents[1]
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in [*(source / "reports").rglob("*.py"), *(source / "cli" / f"{name}.py" for name in COMMANDS)]
    )
    computed = ("by_", "report_", "part_", "source_", "difficulty_", "on_premises_", "open_weights_",
                "kept_out_", "unit_", "labelled_by_", "by_lot_", "difference_")  # fmt: skip
    unused = [key for key in ENGLISH.sentences if not key.startswith(computed) and not re.search(rf'"{key}"', text)]
    assert unused == []


def test_whole_numbers_get_thousands_separators() -> None:
    assert ENGLISH("unknown_excluded", count=12345).startswith("12,345 exchanges")
    assert words_of("zh")("unknown_excluded", count=12345).startswith("12,345 个")


@pytest.mark.parametrize(("nano_usd", "text"), [(50_000_000, "$0.050000"), (123_456_789_012, "$123.46")])
def test_an_amount_in_a_sentence_has_the_decimals_it_needs(nano_usd: int, text: str) -> None:
    assert ENGLISH.usd(nano_usd) == text
