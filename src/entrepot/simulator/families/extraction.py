"""Facts out of a letter, as JSON."""

from __future__ import annotations

import random
from collections.abc import Mapping

import msgspec

from entrepot.simulator.families.base import Draft, Family, Language

_PEOPLE = {"en": ("Ines Duarte", "Tom Okafor", "Li Na", "Sara Lind"), "zh": ("王伟", "李娜", "张敏", "陈静")}
_CITIES = {"en": ("Lisbon", "Lagos", "Chengdu", "Malmö"), "zh": ("杭州", "成都", "广州", "西安")}


def _draft(draw: random.Random, language: Language) -> Draft:
    name, city = draw.choice(_PEOPLE[language]), draw.choice(_CITIES[language])
    amount, number = draw.randint(20, 4900), draw.randint(100000, 999999)
    old = draw.randint(20, 4900)
    amended = draw.random() < 0.4
    key: dict[str, str | int] = {"name": name, "city": city, "order": number, "amount": amount}
    if language == "zh":
        first = f"（先前写的{old}元有误，应为{amount}元）" if amended else f"，金额{amount}元"
        letter = f"您好，我是{city}的{name}。关于订单{number}{first}，请尽快确认。"
        ask = "从下面的信中提取 name、city、order（数字）、amount（数字），给出 JSON。\n\n"
    else:
        first = f"(I first wrote {old} euros; correct is {amount})" if amended else f"over {amount} euros"
        letter = f"Hello, this is {name} from {city}. About order {number} {first}: please confirm it soon."
        ask = "Extract name, city, order (a number) and amount (a number) from this letter as JSON.\n\n"
    wrong = (
        {**key, "amount": old},
        {**key, "order": amount, "amount": number},
        {**key, "city": name},
    )
    return Draft(ask + letter, _text(key), tuple(_text(each) for each in wrong), 0.9 * amended)


def _text(value: Mapping[str, object]) -> str:
    return msgspec.json.encode(value).decode()


FAMILY = Family("extraction", "json", -3.1, {"en": "a JSON object on one line", "zh": "一行 JSON 对象"}, _draft)
