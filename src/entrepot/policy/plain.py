"""A text in the plain forms of its characters: as a reader of numbers and addresses takes them.

Rules of this file: pure. Digits of every script, of full width, raised or in circles are ASCII digits, and letters and signs of
full width, other spaces and other dashes likewise. A character written as an escape of JSON is that character. What cannot be
seen (zero-width spaces and joiners, soft hyphens, marks that combine) may stand between two words or in the midst of one, so the
text is read both ways: as if a space stood there, and as if nothing did.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

Codes = np.ndarray[tuple[int], np.dtype[np.uint32]]


class Plain(NamedTuple):
    """A text in plain forms. `at` says where in the original each of its characters stands; None: where it stands here."""

    text: str
    at: Sequence[int] | None = None


def read_plainly(text: str) -> tuple[Plain, ...]:
    """`text` in plain forms, in one reading or, where it holds what cannot be seen, in two."""
    if "\\" in text:
        text = _ESCAPED.sub(_unescape, text)
    elif text.isascii():
        return (Plain(text),)
    table, other = plain_forms()
    if not other.search(text):
        return (Plain(text),)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    codes = np.where(codes < len(table), table[np.minimum(codes, len(table) - 1)], codes)
    spaced = _without(codes, _FILLER, {_UNSEEN: ord(" ")})
    return (spaced, _without(codes, _UNSEEN, {})) if (codes == _UNSEEN).any() else (spaced,)


_FILLER, _UNSEEN = 0, 1
"""Codes for what is no character, and for one that cannot be seen. Both are control characters, of which no number is made."""

_ESCAPED = re.compile(r"\\(?:[nrt]|u[0-9A-Fa-f]{4})")
_RANGES_UNSEEN = (
    (0x00AD, 0x00AD), (0x0300, 0x036F), (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x2064), (0x2066, 0x2069),
    (0x20E3, 0x20E3), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
)  # fmt: skip
_RANGES_SPACE = ((0x00A0, 0x00A0), (0x2000, 0x200A), (0x202F, 0x202F), (0x205F, 0x205F), (0x3000, 0x3000))
_RANGES_DASH = ((0x2010, 0x2015), (0x2212, 0x2212))
_FULL_WIDTH = (0xFF08, 0xFF09, 0xFF0B, *range(0xFF0D, 0xFF1A), *range(0xFF20, 0xFF5B))
_FIRST_OTHER_DIGIT = 0x00B2
_BMP, _END = 0x10000, 0x20000  # beyond are ideographs


@cache
def plain_forms() -> tuple[Codes, re.Pattern[str]]:
    """The plain form of each code, and a search for any that has another."""
    plain = np.arange(_END, dtype=np.uint32)
    for code in range(_FIRST_OTHER_DIGIT, _END):
        if (digit := unicodedata.digit(chr(code), None)) is not None:
            plain[code] = ord("0") + digit
    for code in _FULL_WIDTH:
        plain[code] = code - 0xFEE0
    for ranges, to in ((_RANGES_UNSEEN, _UNSEEN), (_RANGES_SPACE, ord(" ")), (_RANGES_DASH, ord("-"))):
        for first, last in ranges:
            plain[first : last + 1] = to
    others = np.flatnonzero(plain != np.arange(len(plain)))
    # One range for all beyond the BMP, because `re` looks up the others at once and those one after another.
    return plain, re.compile(f"[\\0{''.join(chr(code) for code in others if code < _BMP)}{chr(_BMP)}-{chr(_END - 1)}]")


def _unescape(found: re.Match[str]) -> str:
    """The character, and as many that are none as its escape was longer."""
    written = found[0]
    character = chr(int(written[2:], 16)) if written[1] == "u" else " "
    return character + "\0" * (len(written) - 1)


def _without(codes: Codes, most: int, forms: dict[int, int]) -> Plain:
    """The text of what lies above `most`, with these forms in place of some."""
    for code, form in forms.items():
        codes = np.where(codes == code, np.uint32(form), codes)
    kept = np.flatnonzero(codes > most)
    text = codes[kept].astype("<u4").tobytes().decode("utf-32-le", "surrogatepass")
    return Plain(text, None if len(kept) == len(codes) else kept.tolist())
