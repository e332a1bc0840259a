"""What a family of tasks is.

Rules of this file: a family draws everything from the generator it is given. `visible` difficulty is what shows in the
text (more steps, larger tables); the family's `base` is its level. Both are logits on the scale of a model's skill.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Literal

import msgspec

Language = Literal["en", "zh"]
Kind = Literal["number", "text", "exact", "json"]


class Draft(msgspec.Struct, frozen=True):
    """A task before it is numbered: what is asked, the answer key, plausible wrong answers, and what shows of its
    difficulty.
    """

    question: str
    answer: str
    wrong: tuple[str, ...]
    visible: float


class Family(msgspec.Struct, frozen=True):
    """One kind of task. `form` says in each language what the answer must look like."""

    name: str
    kind: Kind
    base: float
    form: dict[Language, str]
    draft: Callable[[random.Random, Language], Draft]


def near_misses(value: int, draw: random.Random) -> tuple[str, ...]:
    """Numbers that somebody who slipped might give instead of `value`."""
    off = draw.choice((1, 2, 10, max(1, abs(value) // 10)))
    return (str(value + off), str(value - off), str(value * 2))
