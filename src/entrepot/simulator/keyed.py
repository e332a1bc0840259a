"""Prompts of somebody's own as tasks: the stand-ins know the answer keys, and slip as their skill says.

Rules of this file: everything comes from the seed. What shows of a task's difficulty is how many figures are in it and how
long it is; the rest is hidden, as in `tasks.py`. A slip is near the right answer: another number, a word less, a value
changed in an object. As judges they know the keys too, and are no more reliable than as authors.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections.abc import Iterable

from entrepot.simulator.answers import Thought
from entrepot.simulator.models import Solver
from entrepot.simulator.plan import AnswerKey
from entrepot.simulator.tasks import Task, TaskTable

_LEVEL, _HIDDEN_SPREAD = -0.9, 1.3
_DIGITS = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?")
_PART = re.compile(r"<(\w+) ([a-z ]+)>\n(.*?)\n</\1 \2>", re.DOTALL)
_BLANKS = re.compile(r"\s+")


def tasks_of(keys: Iterable[AnswerKey], seed: int) -> tuple[Task, ...]:
    """A task for each key."""
    return tuple(_task(key, random.Random(f"{seed}|{key.id}")) for key in keys)  # noqa: S311 - not for secrets


def _task(key: AnswerKey, draw: random.Random) -> Task:
    shows = min(1.2, len(_DIGITS.findall(key.prompt)) / 25) + min(0.6, len(key.prompt) / 2000)
    return Task(
        id=key.id,
        family="own",
        language="zh" if re.search("[\u3400-\u9fff]", key.prompt) else "en",
        kind="exact",
        prompt=key.prompt,
        answer=key.answer,
        wrong=_slips(key.answer, draw),
        difficulty=_LEVEL + shows + draw.gauss(0.0, _HIDDEN_SPREAD),
        bare=True,
    )


def _slips(answer: str, draw: random.Random) -> tuple[str, ...]:
    numbers = list(_DIGITS.finditer(answer))
    if numbers:
        found = draw.choice(numbers)
        return tuple(answer[: found.start()] + slip + answer[found.end() :] for slip in _off(found.group(), draw))
    try:
        value = json.loads(answer)
    except ValueError:
        value = None
    if isinstance(value, dict) and value:
        name = draw.choice(sorted(value))
        return (json.dumps({**value, name: None}, ensure_ascii=False),)
    if re.fullmatch("[A-J]", answer):
        return tuple(letter for letter in "ABCD" if letter != answer)
    return ("Not stated" if answer.isascii() else "未说明",)


def _off(number: str, draw: random.Random) -> tuple[str, ...]:
    """Numbers that somebody who slipped might write instead, in the same form."""
    decimals = len(number.partition(".")[2])
    value = float(number.replace(",", ""))
    step = draw.choice((1, 2, 10)) / 10**decimals
    grouped = "," if "," in number else ""
    return tuple(f"{other:{grouped}.{decimals}f}" for other in (value + step, abs(value - step), 2 * value + step))


class KeyedJudge:
    """Solves like `solver`; and where it is asked to judge answers to a task that it knows, it says what it takes for right."""

    def __init__(self, solver: Solver, table: TaskTable) -> None:
        self._solver = solver
        self._table = table

    def think(self, prompt: str, sample: int) -> Thought:
        """Answer, or judge."""
        parts = {name: text for _, name, text in _PART.findall(prompt)}
        task = self._table.find(parts.get("request", ""))
        if task is None:
            return self._solver.think(prompt, sample)
        return Thought(f"I compare with what I take for right.\n\nVERDICT: {self._verdict(parts, task)}", "")

    def _verdict(self, parts: dict[str, str], task: Task) -> str:
        knows = self._solver.solves(task, int(hashlib.sha256(parts["request"].encode()).hexdigest()[:6], 16))

        def right(name: str) -> bool:
            return (_bare(parts.get(name, "")) == _bare(task.answer)) == knows

        if "answer" in parts:
            return "RIGHT" if right("answer") else "WRONG"
        first, second = right("first answer"), right("second answer")
        return "TIE" if first == second else "FIRST" if first else "SECOND"


def _bare(text: str) -> str:
    return _BLANKS.sub("", text)
