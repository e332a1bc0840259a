"""Who stands where: a line of people put in order from clues that fix it completely."""

from __future__ import annotations

import random
from itertools import pairwise

from entrepot.simulator.families.base import Draft, Family, Language

_NAMES = {
    "en": ("Ana", "Bo", "Chidi", "Dana", "Emil", "Farah", "Goran", "Hana"),
    "zh": ("小安", "小波", "小晨", "小丹", "小恩", "小芳", "小刚", "小华"),
}


def _draft(draw: random.Random, language: Language) -> Draft:
    zh = language == "zh"
    people = draw.sample(_NAMES[language], draw.randint(4, 7))
    clues = [
        f"{ahead}就在{behind}的前面一位。" if zh else f"{ahead} stands directly in front of {behind}."
        for ahead, behind in pairwise(people)
    ]
    draw.shuffle(clues)
    place = draw.randrange(1, len(people))
    ask = f"从前往后数，第{place + 1}位是谁？" if zh else f"Counted from the front, who is number {place + 1}?"
    opening = f"{len(people)}个人排成一队。" if zh else f"{len(people)} people stand in a line."
    question = ("" if zh else " ").join([opening, *clues, ask])
    wrong = tuple(each for each in people if each != people[place])[:4]
    return Draft(question, people[place], wrong, 0.5 * (len(people) - 4))


FAMILY = Family("ordering", "text", -2.4, {"en": "a name", "zh": "一个名字"}, _draft)
