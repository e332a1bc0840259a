"""When two answers are the same answer: numbers by value, choices and text by what is left of them without dress.

Rules of this file: it compares what models said with each other and never with an answer key. Full-width signs count as
their half-width forms, so that １２ and 12 agree; case is kept, for in code it means something.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_NUMBER = re.compile(
    r"""[^\w\-+.]{0,2}                       # a currency sign before it
        ([-+]?\d[\d,]*\.?\d*|[-+]?\.\d+)     # the number
        (?:\s*[%°]|\s*[^\W\d_]+[.³²]?(?:[\s/]+[^\W\d_]+[.³²]?)*)?  # its unit, in letters only
        [.。\s]*""",
    re.VERBOSE,
)
_LONGEST_NUMBER = 80
_SPACE = re.compile(r"\s+")
_QUOTES = str.maketrans({'"': "'", "“": "'", "”": "'", "‘": "'", "’": "'"})


def comparable(answer: str | None) -> str | None:
    """What stands for `answer` in a comparison; None if there is nothing to compare."""
    if answer is None:
        return None
    text = unicodedata.normalize("NFKC", answer).strip()
    if len(text) <= _LONGEST_NUMBER and (number := _NUMBER.fullmatch(text)):
        try:
            return repr(float(number[1].replace(",", "")))
        except ValueError:  # a number to the pattern and none to Python, such as "٣,"
            pass
    text = _SPACE.sub("", text).translate(_QUOTES).strip(".。")
    if len(text) > 1 and text[0] == text[-1] == "'":
        text = text[1:-1]
    return text or None


def same_answers(answers: Sequence[str | None]) -> list[int]:
    """A number for each answer, the same for the same answer, -1 for none."""
    numbers: dict[str, int] = {}
    found = []
    for answer in answers:
        form = comparable(answer)
        found.append(-1 if form is None else numbers.setdefault(form, len(numbers)))
    return found
