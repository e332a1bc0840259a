"""Every sentence that a report prints, in English and in Chinese.

Rules of this file: the same keys and the same placeholders in every language (a test holds them to it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from entrepot.catalog.pricing import NANO_PER_UNIT, format_usd
from entrepot.reports.chinese import CHINESE_SENTENCES
from entrepot.reports.english import ENGLISH_SENTENCES

Language = Literal["en", "zh"]


class Words:
    """The sentences of one language: `words("unfinished", count=3, usd="$0.10")`."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._sentences = sentences

    def __call__(self, key: str, **values: str | int) -> str:
        """The sentence `key` with its placeholders filled in; whole numbers get thousands separators."""
        filled = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return self._sentences[key].format(**filled)

    def usd(self, nano_usd: int) -> str:
        """An amount inside a sentence."""
        return f"${format_usd(nano_usd, 2 if nano_usd >= 100 * NANO_PER_UNIT else 6)}"


SENTENCES: dict[Language, dict[str, str]] = {"en": ENGLISH_SENTENCES, "zh": CHINESE_SENTENCES}
ENGLISH = Words(ENGLISH_SENTENCES)


def words_of(language: Language) -> Words:
    """The sentences of a language."""
    return Words(SENTENCES[language])
