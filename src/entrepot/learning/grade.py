"""Whether an answer is right by its answer key: numbers by value, dates by day, choices, objects by their parts, else text.

Rules of this file: pure. Where an answer states its result (`Answer: …`, `答案：…`, a box, a field `answer`), that alone counts.
Else all of it does, or its last line; and of that line a number or a date if it holds only one. Width, thousands
separators, 万 and 亿, million and billion, and units are seen through; a number without a scale of its own may be in that of
the key, because a prompt says in what it wants its answer.
"""

from __future__ import annotations

import datetime
import re
import unicodedata
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import msgspec

from entrepot.routing.comparable import comparable
from entrepot.routing.validator import parse_json

_STATED = re.compile(
    r"^\W*(?:the\s+)?(?:final\s+)?(?:answer|result|答案|最终答案|结果|结论)\**\s*"
    r"(?:(?:is\b|是|为)\s*[:：]?|[:：])\s*\**\s*(.+)$",
    re.IGNORECASE,
)
_BOXED = re.compile(r"\\boxed\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}")
_SCALES = {
    "万亿": 10**12, "trillion": 10**12, "千万": 10**7, "百万": 10**6, "十万": 10**5, "万": 10**4, "萬": 10**4,
    "亿": 10**8, "億": 10**8, "千": 10**3, "百": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9,
    "mn": 10**6, "bn": 10**9, "k": 10**3,
}  # fmt: skip
_SCALE = "|".join(_SCALES)
_DIGITS = r"[-+]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|[-+]?\.\d+"
_NUMBER = (
    rf"(?P<hundredths>百分之)?(?P<digits>{_DIGITS})\s*(?:(?P<scale>{_SCALE})(?![a-z]))?\s*"
    r"(?P<percent>%|percent\b|per cent\b|个?百分点)?"
)
_FOUND_NUMBER = re.compile(rf"(?<![A-Za-z0-9_.])(?:{_NUMBER})", re.IGNORECASE)
_WHOLE_NUMBER = re.compile(
    rf"(?:约|大约|about|approximately|≈|~)?\s*[^\w\-+.]{{0,2}}(?:(?:usd|eur|gbp|cny|rmb|人民币)\s*)?{_NUMBER}"
    r"\s*(?:[^\W\d_°³²]|[°³²./\s])*[.。]*",
    re.IGNORECASE,
)
_IN_WORDS = re.compile(
    r"(?P<number>[零〇一二两三四五六七八九十百千万亿]+)[^\W\d_零〇一二两三四五六七八九十百千万亿]{0,4}"
)
_WORDS = {
    word: value
    for value, words in enumerate(("零〇", "一", "二两", "三", "四", "五", "六", "七", "八", "九"))
    for word in words
}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DATES = (
    re.compile(r"(?<!\d)(?P<y>\d{4})\s*[-/.年]\s*(?P<m>\d{1,2})\s*[-/.月]\s*(?P<d>\d{1,2})(?!\d)\s*[日号]?"),
    re.compile(r"\b(?P<d>\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<n>[a-z]{3,9})\.?,?\s+(?P<y>\d{4})\b", re.IGNORECASE),
    re.compile(r"\b(?P<n>[a-z]{3,9})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})\b", re.IGNORECASE),
)
_CHOICE = re.compile(r"[A-J]")
_GIVEN_CHOICE = re.compile(
    r"(?:option|choice|选项?|选择)?\s*[(\[]?(?P<letter>[A-J])[)\].:、。]?(?:[\s.:、].*)?", re.IGNORECASE | re.DOTALL
)
_DRESS = " \t*_`\"'“”‘’「」《》。.，,；;！!"


class Number(msgspec.Struct, frozen=True):
    """A number as it was written: `plain` without its scale, `value` with it."""

    plain: Decimal
    value: Decimal
    percent: bool = False

    @property
    def scaled(self) -> bool:
        """Whether a scale was written."""
        return self.plain != self.value


def is_right(answer: str, keys: Sequence[Any], tolerance: float = 0.0) -> bool:
    """Whether `answer` gives any of `keys`."""
    return any(_gives(answer, key, tolerance) for key in keys)


def extract(answer: str) -> str:
    """What an answer comes to, for a comparison with other answers: what it states, else all of it."""
    return _stated(answer) or answer.strip()


def _gives(answer: str, key: Any, tolerance: float) -> bool:  # noqa: ANN401 - text, a number or an object
    if isinstance(key, dict):
        try:
            return _same_value(parse_json(_stated(answer) or answer), key, tolerance)
        except ValueError:
            return False
    wanted = str(key)
    return any(_agrees(given, wanted, tolerance) for given in _candidates(answer, wanted))


def _stated(answer: str) -> str | None:
    lines = [found[1] for line in answer.splitlines() if (found := _STATED.match(line.strip()))]
    if lines:
        return lines[-1].strip()
    boxed = _BOXED.findall(answer)
    if boxed:
        return str(boxed[-1])
    try:
        value = parse_json(answer)
    except ValueError:
        return None
    said = value.get("answer") if isinstance(value, dict) and len(value) == 1 else None
    return None if said is None or isinstance(said, dict | list) else str(said)


def _candidates(answer: str, key: str) -> list[str]:
    """What of an answer may be compared with a key of this form."""
    stated = _stated(answer)
    if stated is not None:
        return [stated]
    lines = [line for line in answer.splitlines() if line.strip(_DRESS)]
    if not lines:
        return []
    last = lines[-1]
    form = _form_of(key)
    return [answer, last, *([] if form is None else _only(form, _half(last)))]


def _form_of(key: str) -> Callable[[str], list[str]] | None:
    text = _half(key)
    if read_date(text) is not None:
        return lambda line: [found.group() for pattern in _DATES for found in pattern.finditer(line)]
    if read_number(text) is not None:
        return lambda line: [found.group() for found in _FOUND_NUMBER.finditer(line)]
    return None


def _only(find: Callable[[str], list[str]], line: str) -> list[str]:
    found = find(line)
    return found if len(found) == 1 else []


def _agrees(given: str, key: str, tolerance: float) -> bool:
    given, key = _half(given), _half(key)
    if _CHOICE.fullmatch(key):
        choice = _GIVEN_CHOICE.fullmatch(given)
        return choice is not None and choice["letter"].upper() == key
    if (day := read_date(key)) is not None:
        return read_date(given) == day
    if (number := read_number(key)) is not None:
        told = read_number(given)
        return told is not None and _same_number(told, number, tolerance)
    return _bare(given) == _bare(key)


def _half(text: str) -> str:
    """Half-width, thin spaces between digits gone, signs as ASCII has them, without outer dress."""
    text = re.sub(r"(?<=\d)[\u00a0\u2009\u202f](?=\d{3})", "", text)
    return unicodedata.normalize("NFKC", text).replace("−", "-").replace("–", "-").strip().strip(_DRESS).strip()


def _bare(text: str) -> str:
    return (comparable(text) or "").strip(_DRESS).casefold()


def read_number(text: str) -> Number | None:
    """The number that a half-width text is, with its unit; None if it is none."""
    found = _WHOLE_NUMBER.fullmatch(text)
    if found is not None:
        plain = Decimal(found["digits"].replace(",", ""))
        scale = _SCALES[found["scale"].lower()] if found["scale"] else 1
        return Number(plain, plain * scale, bool(found["percent"] or found["hundredths"]))
    words = _IN_WORDS.fullmatch(text.removeprefix("百分之"))
    if words is None:
        return None
    value = Decimal(_count(words["number"]))
    return Number(value, value, text.startswith("百分之"))


def _count(words: str) -> int:
    """A number in Chinese words, such as 一万二千五百 or 二〇二六."""
    if not re.search("[十百千万亿]", words):
        return int("".join(str(_WORDS[word]) for word in words))
    total = section = digit = 0
    for word in words:
        if word in _WORDS:
            digit = _WORDS[word]
        elif word in "万亿":
            total = (total + section + digit) * _SCALES[word] if word == "亿" else total + (section + digit) * 10**4
            section = digit = 0
        else:
            section += (digit or 1) * {"十": 10, "百": 100, "千": 1000}[word]
            digit = 0
    return total + section + digit


def _same_number(given: Number, key: Number, tolerance: float) -> bool:
    """By value; or without the scale or the percent sign that only the key has."""
    pairs = [(given.value, key.value)]
    if key.scaled and not given.scaled:
        pairs.append((given.value, key.plain))
    if given.percent != key.percent:
        percent, other = (given, key) if given.percent else (key, given)
        pairs.append((percent.value / 100, other.value))
    return any(abs(told - wanted) <= Decimal(repr(tolerance)) for told, wanted in pairs)


def read_date(text: str) -> datetime.date | None:
    """The day that a half-width text is; None if it is none."""
    for pattern in _DATES:
        found = pattern.fullmatch(text.strip())
        if found is None:
            continue
        named = found.groupdict().get("n")
        if named is not None and named[:3].lower() not in _MONTHS:
            continue
        month = _MONTHS.index(named[:3].lower()) + 1 if named is not None else int(found["m"])
        try:
            return datetime.date(int(found["y"]), month, int(found["d"]))
        except ValueError:
            return None
    return None


def _same_value(given: Any, key: Any, tolerance: float) -> bool:  # noqa: ANN401 - any JSON
    if isinstance(key, dict):
        return (
            isinstance(given, dict)
            and given.keys() == key.keys()
            and all(_same_value(given[name], key[name], tolerance) for name in key)
        )
    if isinstance(key, list):
        return (
            isinstance(given, list)
            and len(given) == len(key)
            and all(_same_value(one, other, tolerance) for one, other in zip(given, key, strict=True))
        )
    if key is None or isinstance(key, bool) or given is None or isinstance(given, bool | dict | list):
        return given is key
    return _agrees(str(given), str(key), tolerance)
