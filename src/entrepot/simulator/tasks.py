"""Generated tasks with their answer keys, in English and in Chinese.

Rules of this file: everything comes from the seed. A task's `difficulty` is latent: its family's level, plus what shows in
the text, plus a hidden part that nothing in the text betrays, so that no router can know it. All three are logits on the
scale of a model's skill (`models.py`).
"""

from __future__ import annotations

import hashlib
import random
import unicodedata
from collections.abc import Iterable

import msgspec

from entrepot.simulator.families import ALL
from entrepot.simulator.families.base import Family, Kind, Language

HIDDEN_SPREAD = 0.9
"""Standard deviation of the hidden part of a task's difficulty, logits."""

_CLOSING = {
    "en": "Think it through, then finish with a line `Answer: <x>`, where <x> is {form}.",
    "zh": "请先思考，最后单独一行写出“答案：<x>”，其中 <x> 是{form}。",
}


class Task(msgspec.Struct, frozen=True):
    """One task. `answer` is the answer key, `wrong` are answers that somebody who slipped might give.

    `bare`: it is to be answered with nothing around the answer.
    """

    id: str
    family: str
    language: Language
    kind: Kind
    prompt: str
    answer: str
    wrong: tuple[str, ...]
    difficulty: float
    bare: bool = False


class TaskTable:
    """Tasks found again by the text that came over the wire."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = {fingerprint(task.prompt): task for task in tasks}

    def find(self, prompt: str) -> Task | None:
        """The task that `prompt` is, whatever its white space and Unicode form; None if it is none."""
        return self._tasks.get(fingerprint(prompt))

    def __len__(self) -> int:
        return len(self._tasks)


def generate_tasks(seed: int, count: int) -> tuple[Task, ...]:
    """`count` tasks with different prompts, families and languages in turn. The first `n` are the same for any count."""
    tasks: list[Task] = []
    seen: set[bytes] = set()
    while len(tasks) < count:
        index = len(tasks)
        family = ALL[index % len(ALL)]
        language: Language = "zh" if index // len(ALL) % 2 else "en"
        draw = random.Random(f"{seed}|{index}")  # noqa: S311 - not for secrets
        task = _task(family, language, index, draw)
        while fingerprint(task.prompt) in seen:
            task = _task(family, language, index, draw)
        seen.add(fingerprint(task.prompt))
        tasks.append(task)
    return tuple(tasks)


def _task(family: Family, language: Language, index: int, draw: random.Random) -> Task:
    draft = family.draft(draw, language)
    prompt = f"{draft.question}\n\n{_CLOSING[language].format(form=family.form[language])}"
    return Task(
        id=f"{family.name}-{language}-{index}",
        family=family.name,
        language=language,
        kind=family.kind,
        prompt=prompt,
        answer=draft.answer,
        wrong=tuple(each for each in draft.wrong if each != draft.answer) or ("0",),
        difficulty=family.base + draft.visible + draw.gauss(0.0, HIDDEN_SPREAD),
    )


def fingerprint(prompt: str) -> bytes:
    """What two prompts have in common that differ in white space and Unicode form only."""
    text = " ".join(unicodedata.normalize("NFC", prompt).split())
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
