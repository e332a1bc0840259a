"""Is the answer right? Judged from the text alone, as it came over the wire.

Rules of this file: the last line that says `Answer:` or `答案：` counts; without one a JSON object's `answer` does; without
that nothing does. Numbers are compared as numbers, JSON as values, text without width and outer marks, and
without case unless the task is `exact`.
"""

from __future__ import annotations

import re
import unicodedata
from decimal import Decimal, InvalidOperation

import msgspec

from entrepot.simulator.tasks import Task

_LINE = re.compile(r"(?:answer|答案)\s*(?:是|为|is)?\s*[:：]\s*(.+)", re.IGNORECASE)
_MARKS = " \t`*\"'“”「」。.，,；;!！"


def grade(task: Task, text: str) -> bool:
    """Whether `text` gives the answer key of `task`."""
    given = find_answer(text)
    if given is None:
        return False
    if task.kind == "number":
        return _number(given) == _number(task.answer)
    if task.kind == "json":
        return _json(given) == _json(task.answer)
    if task.kind == "exact":
        return _plain(given) == _plain(task.answer)
    return _plain(given).casefold() == _plain(task.answer).casefold()


def find_answer(text: str) -> str | None:
    """The answer that a text states, None if it states none."""
    stated = [match.group(1).strip() for line in text.splitlines() if (match := _LINE.search(line))]
    if stated and stated[-1]:
        return stated[-1]
    value = _json(text)
    if isinstance(value, dict) and "answer" in value:
        answer = value["answer"]
        return answer if isinstance(answer, str) else msgspec.json.encode(answer).decode()
    return None


def _number(text: str) -> Decimal | None:
    digits = re.sub(r"(?<=\d)[,，\s](?=\d{3}(?!\d))", "", unicodedata.normalize("NFKC", text))
    found = re.search(r"[-+]?\d+(?:\.\d+)?", digits)
    if found is None:
        return None
    try:
        return Decimal(found.group())
    except InvalidOperation:
        return None


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text.strip(" \t\n`*"))
    except msgspec.DecodeError:
        return None


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKC", text).strip(_MARKS)
