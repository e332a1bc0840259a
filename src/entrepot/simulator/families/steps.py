"""Word problems of three to eight steps: a stock that grows, shrinks, is shared and multiplied."""

from __future__ import annotations

import random

from entrepot.simulator.families.base import Draft, Family, Language, near_misses

_PLACE = {
    "en": ("a depot", "a library", "a bakery", "a data centre", "a seed bank"),
    "zh": ("一个仓库", "一座图书馆", "一家面包房", "一个数据中心", "一个种子库"),
}
_THING = {
    "en": ("crates", "volumes", "trays", "disks", "packets"),
    "zh": ("箱货物", "册书", "盘面包", "块硬盘", "包种子"),
}


def _draft(draw: random.Random, language: Language) -> Draft:
    pick = draw.randrange(len(_PLACE["en"]))
    place, thing = _PLACE[language][pick], _THING[language][pick]
    value = draw.randint(20, 160)
    zh = language == "zh"
    said = [f"{place}起初有{value}{thing}。" if zh else f"At first {place} holds {value} {thing}."]
    steps = draw.randint(3, 8)
    for _ in range(steps):
        text, value = _step(draw, value, zh)
        said.append(text)
    said.append(f"最后有多少{thing}？" if zh else f"How many {thing} are there in the end?")
    question = ("" if zh else " ").join(said)
    return Draft(question, str(value), near_misses(value, draw), 0.45 * (steps - 3) + 0.3 * (value > 1000))


def _step(draw: random.Random, value: int, zh: bool) -> tuple[str, int]:
    kind = draw.choice(("more", "fewer", "double", "part"))
    if kind == "fewer" and value > 12:
        less = draw.randint(3, value // 2)
        return (f"随后运走了{less}。" if zh else f"Then {less} are taken away."), value - less
    if kind == "double" and value < 900:
        times = draw.choice((2, 3))
        return (
            f"接着数量变为原来的{times}倍。" if zh else f"Then the number grows to {times} times what it was."
        ), value * times
    if kind == "part" and value >= 10:
        divisor = next((each for each in (5, 4, 3, 2) if value % each == 0), 1)
        if divisor > 1:
            return (
                f"其中{divisor}分之一被送走。" if zh else f"Then one in every {divisor} is given away.",
                value - value // divisor,
            )
    more = draw.randint(4, 60)
    return (f"又送来{more}。" if zh else f"Then {more} more arrive."), value + more


FAMILY = Family("steps", "number", -2.2, {"en": "a number", "zh": "一个数字"}, _draft)
