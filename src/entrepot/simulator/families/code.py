"""What does this Python function return: loops over numbers and strings, traced by the generator itself."""

from __future__ import annotations

import random

from entrepot.simulator.families.base import Draft, Family, Language

_ASK = {"en": "What does this print?", "zh": "下面的代码输出什么？"}


def _draft(draw: random.Random, language: Language) -> Draft:
    make = draw.choice((_loop, _slices, _counter))
    code, answer, wrong, visible = make(draw)
    return Draft(f"{_ASK[language]}\n\n```python\n{code}\n```", answer, wrong, visible)


def _loop(draw: random.Random) -> tuple[str, str, tuple[str, ...], float]:
    turns, start, add, modulus = (
        draw.randint(3, 12),
        draw.randint(1, 9),
        draw.randint(2, 9),
        draw.choice((7, 11, 13, 17)),
    )
    value = start
    for turn in range(turns):
        value = (value * 3 + add + turn) % modulus
    code = f"x = {start}\nfor i in range({turns}):\n    x = (x * 3 + {add} + i) % {modulus}\nprint(x)"
    return code, str(value), (str((value + 1) % modulus), str((value + 5) % modulus)), 0.18 * turns


def _slices(draw: random.Random) -> tuple[str, str, tuple[str, ...], float]:
    word = "".join(draw.choice("abcdefghkmnprstuvwxyz") for _ in range(draw.randint(5, 11)))
    first, step = draw.randint(0, 2), draw.choice((2, 3))
    value = word[first::step][::-1] + word[:2].upper()
    code = f"s = '{word}'\nt = s[{first}::{step}][::-1] + s[:2].upper()\nprint(t)"
    return code, value, (word[first::step] + word[:2].upper(), value[1:], value.lower()), 0.12 * len(word)


def _counter(draw: random.Random) -> tuple[str, str, tuple[str, ...], float]:
    numbers = [draw.randint(0, 12) for _ in range(draw.randint(5, 12))]
    limit = draw.randint(3, 9)
    value = 0
    for at, number in enumerate(numbers):
        value = value + number if number > limit else value - at
    code = (
        f"total = 0\nfor i, n in enumerate({numbers}):\n    if n > {limit}:\n        total += n\n"
        "    else:\n        total -= i\nprint(total)"
    )
    return code, str(value), (str(value + 1), str(sum(numbers)), str(value - 3)), 0.2 * len(numbers)


FAMILY = Family("code", "exact", -2.0, {"en": "exactly what is printed", "zh": "原样的输出内容"}, _draft)
