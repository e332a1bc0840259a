"""Which languages a text may be in, by its scripts and, among those written in Latin letters, by their little words.

Rules of this file: a guess that errs towards more. Every script that holds a part of the text counts, not the commonest alone;
Latin text whose language cannot be told may be in any of those listed. Bounded: the caller slices the text.
"""

from __future__ import annotations

import re

# A script holds a part of a text if it has so many of its letters: a name quoted in another script is no text in it.
_LEAST_SHARE = 0.05
_LEAST_LITTLE_WORDS = 3
_LEAST_TOLD = 2  # so many little words of one language, and fewer of any other

_SCRIPTS = {
    "zh": re.compile("[\u3400-\u4dbf\u4e00-\u9fff]"),
    "ja": re.compile("[\u3040-\u30ff]"),
    "ko": re.compile("[\uac00-\ud7af]"),
    "ar": re.compile("[\u0600-\u077f]"),
    "ru": re.compile("[\u0400-\u052f]"),
    "el": re.compile("[\u0370-\u03ff]"),
    "he": re.compile("[\u0590-\u05ff]"),
    "hi": re.compile("[\u0900-\u097f]"),
    "th": re.compile("[\u0e00-\u0e7f]"),
}
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")
_WORD = re.compile("[a-z\u00c0-\u024f]+")
_LITTLE_WORDS = {
    "en": "the of and to is in that it for with as was are this be by on not what you which have from",
    "de": "der die das und ist nicht ein eine zu den mit von auf für im dem sich des wie sind werden auch",
    "fr": "le la les des et est une pour dans que qui sur pas avec ce du au vous nous sont cette",
    "es": "el los las una que del por con para es como más pero sus al lo esta son cuál qué",
    "it": "il gli che di per una con non del della sono è nel alla come questo anche più dei",
    "pt": "os as uma que não para com dos da do em por mais como são ao pelo qual você",
    "nl": "de het een van en is niet dat op te zijn voor met die aan er ook bij wat naar",
}
_WORDS = {language: frozenset(words.split()) for language, words in _LITTLE_WORDS.items()}

_LANGUAGES_OF_WORD: dict[str, tuple[str, ...]] = {
    word: tuple(language for language, words in _WORDS.items() if word in words)
    for word in set().union(*_WORDS.values())
}
_SIGNS = {
    "zh": "\u3400-\u4dbf\u4e00-\u9fff",
    "ja": "\u3040-\u30ff",
    "ko": "\uac00-\ud7bf",
    "ar": "\u0600-\u077f",
    "ru": "\u0400-\u053f",
    "el": "\u0380-\u03ff",
    "he": "\u0580-\u05ff",
    "hi": "\u0900-\u097f",
    "th": "\u0e00-\u0e7f",
}
_SIGN = re.compile(f"[{''.join(_SIGNS.values())}]")
_SIGNS_ONLY = {language: re.compile(f"[{signs}]+") for language, signs in _SIGNS.items()}
_SAMPLE_CHARS = 240
_LETTERS_A_SIGN = 2  # a sign of another script weighs as many Latin letters: names and code stand in every text

LANGUAGES = (*_SCRIPTS, *_LITTLE_WORDS)
"""Codes (ISO 639-1) that can be told. Text in Cyrillic counts as `ru`, in Arabic script as `ar`, in Devanagari as `hi`."""


def languages_of(text: str) -> frozenset[str]:
    """All that `text` may be in; none where it has no letters."""
    counts = {language: len(script.findall(text)) for language, script in _SCRIPTS.items()}
    latin = len(_LATIN.findall(text))
    letters = sum(counts.values()) + latin
    if not letters:
        return frozenset()
    found = {language for language, count in counts.items() if count >= letters * _LEAST_SHARE}
    if "ja" in found and counts["ja"] >= counts["zh"] * _LEAST_SHARE:
        found.discard("zh")  # kana is written in Japanese only, and among ideographs
    if latin >= letters * _LEAST_SHARE:
        found |= _latin_languages(text)
    return frozenset(found)


def language_of(text: str) -> str | None:
    """The one that the end of `text` is most likely in, for counting; None where it cannot be told. Costs 10 to 25 µs.

    Unlike `languages_of` it errs to either side.
    """
    sample = text[-_SAMPLE_CHARS:]
    words = _WORD.findall(sample.lower())
    if not sample.isascii():
        counts = _count_signs(sample)
        if counts:
            language = "ja" if "ja" in counts else max(sorted(counts), key=counts.__getitem__)
            if _LETTERS_A_SIGN * sum(counts.values()) >= sum(map(len, words)):
                return language
    hits: dict[str, int] = {}
    for languages in filter(None, map(_LANGUAGES_OF_WORD.get, words)):
        for language in languages:
            hits[language] = hits.get(language, 0) + 1
    if not hits:
        return None
    first, *others = sorted(hits.items(), key=lambda hit: (-hit[1], hit[0]))
    told = first[1] >= _LEAST_TOLD and (not others or others[0][1] < first[1])
    return first[0] if told else None


def _count_signs(sample: str) -> dict[str, int]:
    """How many signs of each script are in it, of those that are. Nearly always they are all of one."""
    signs = "".join(_SIGN.findall(sample))
    counts: dict[str, int] = {}
    while signs:
        language = next(language for language, only in _SIGNS_ONLY.items() if only.match(signs))
        others = _SIGNS_ONLY[language].sub("", signs)
        counts[language] = len(signs) - len(others)
        signs = others
    return counts


def _latin_languages(text: str) -> set[str]:
    words = _WORD.findall(text.lower())
    counts = {language: sum(word in little for word in words) for language, little in _WORDS.items()}
    most = max(counts.values())
    if most < _LEAST_LITTLE_WORDS:
        return set(_WORDS)
    return {language for language, count in counts.items() if 2 * count >= most}
