"""One- and two-step word problems."""

from __future__ import annotations

import random

from entrepot.simulator.families.base import Draft, Family, Language, near_misses

_GOODS = {
    "en": ("notebooks", "light bulbs", "train tickets", "bags of rice", "office chairs", "printer cartridges"),
    "zh": ("笔记本", "灯泡", "车票", "大米", "办公椅", "墨盒"),
}
_WHO = {
    "en": ("A school", "The warehouse in Lyon", "Mei", "The branch office", "A small hotel"),
    "zh": ("一所学校", "上海仓库", "小梅", "分公司", "一家小旅馆"),
}


def _draft(draw: random.Random, language: Language) -> Draft:
    goods, who = draw.choice(_GOODS[language]), draw.choice(_WHO[language])
    count, price, fee = draw.randint(3, 48), draw.randint(4, 95), draw.randint(5, 120)
    with_fee = draw.random() < 0.5
    total = count * price + (fee if with_fee else 0)
    if language == "zh":
        question = f"{who}买了{count}件{goods}，每件{price}元。"
        question += f"另付运费{fee}元。一共花了多少元？" if with_fee else "一共花了多少元？"
    else:
        question = f"{who} buys {count} {goods} at {price} euros each. "
        question += f"Delivery costs {fee} euros. " if with_fee else ""
        question += "How many euros is that in all?"
    return Draft(question, str(total), near_misses(total, draw), 0.4 * with_fee + (count * price > 1000) * 0.3)


FAMILY = Family("arithmetic", "number", -3.2, {"en": "a number", "zh": "一个数字"}, _draft)
