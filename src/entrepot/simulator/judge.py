"""Is a replayed answer right? Judged from the text that came over the wire, by the rules of the recorded benchmarks.

Rules of this file: they reproduce how the recorded `correct` column was made, leniency and all, so that figures agree with
the published tables. GSM8K and MATH: the first number of the answer counts, thousands separators removed, a fraction
directly behind it divided out (so "25√2" passes for 25, as it did). CRUX: the same text, but for the quotes around it and
whether a line end is written as one or escaped. MMLU-Pro: the letter.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from fractions import Fraction

_FIELD = re.compile(r'"answer"\s*:\s*', re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_BOXED = re.compile(r"\\boxed\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_NUMBER = re.compile(r"(-?\d+(?:\.\d+)?)(?:/(\d+))?")
_LETTER = re.compile(r"(?:answer is|答案是|答案为)?\s*[(（]?\b([A-J])\b")


def judge(benchmark: str, answer_key: str, text: str) -> bool:
    """Whether `text` gives `answer_key`. An unknown benchmark is judged as plain text."""
    given = extract_answer(text)
    if given is None and benchmark == "mmlu-pro":
        given = text
    return given is not None and _RULES.get(benchmark, _same_text)(given, answer_key)


def extract_answer(text: str) -> str | None:
    r"""The last `"answer"` field of a text, whether or not its JSON is valid, else its last `\boxed{}`; None without."""
    for field in reversed(list(_FIELD.finditer(text))):
        found = _field_value(text[field.end() :])
        if found is not None:
            return found
    boxed = _BOXED.findall(text)
    return boxed[-1] if boxed else None


def _field_value(rest: str) -> str | None:
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(rest)
    except ValueError:
        quoted = _QUOTED.match(rest)
        if quoted is not None:
            return quoted.group(1)
        return re.split(r"[\n}]", rest, maxsplit=1)[0].strip(" \t,") or None
    if value is None:
        return None
    return value if isinstance(value, str) else repr(value)


def _same_number(given: str, key: str) -> bool:
    return given == key or ((wanted := _number(key)) is not None and _number(given) == wanted)


def _number(text: str) -> Fraction | None:
    found = _NUMBER.search(text.replace(",", "").replace("$", ""))
    if found is None:
        return None
    denominator = int(found.group(2) or 1)
    return Fraction(found.group(1)) / denominator if denominator else None


def _same_text(given: str, key: str) -> bool:
    return _bare(given) == _bare(key)


def _bare(text: str) -> str:
    return text.replace("\n", "\\n").strip("'\"")


def _same_letter(given: str, key: str) -> bool:
    found = _LETTER.search(given)
    return found is not None and found.group(1) == key.strip()


_RULES: dict[str, Callable[[str, str], bool]] = {
    "gsm": _same_number,
    "math-l5": _same_number,
    "crux": _same_text,
    "mmlu-pro": _same_letter,
}
