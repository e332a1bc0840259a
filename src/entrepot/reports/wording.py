"""Every sentence that a report prints, in English and in Chinese: `sentences/*.toml`.

Rules of this file: the same keys and the same placeholders in every language (a test holds them to it).
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import cached_property
from importlib.resources import files
from typing import Literal

from entrepot.catalog.pricing import NANO_PER_UNIT, format_usd

Language = Literal["en", "zh"]


class Words:
    """The sentences of one language: `words("unfinished", count=3, usd="$0.10")`."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def __call__(self, key: str, **values: str | int) -> str:
        """The sentence `key` with its placeholders filled in; whole numbers get thousands separators."""
        filled = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return self.sentences[key].format(**filled)

    @cached_property
    def sentences(self) -> dict[str, str]:
        """Every sentence by its key, with placeholders; read when first asked for."""
        file = files("entrepot.reports") / "sentences" / f"{self.language}.toml"
        return {key: str(sentence) for key, sentence in tomllib.loads(file.read_text(encoding="utf-8")).items()}

    def listed(self, names: Iterable[str]) -> str:
        """Several names in one sentence."""
        return ("、" if self.language == "zh" else ", ").join(names)

    def usd(self, nano_usd: int) -> str:
        """An amount inside a sentence."""
        return f"${format_usd(nano_usd, 2 if nano_usd >= 100 * NANO_PER_UNIT else 6)}"


ENGLISH = Words("en")
_WORDS: dict[Language, Words] = {"en": ENGLISH, "zh": Words("zh")}


def words_of(language: Language) -> Words:
    """The sentences of a language."""
    return _WORDS[language]
