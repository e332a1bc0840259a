"""A small table in the text, and a question about it: one cell, a sum over a column, the largest of a group."""

from __future__ import annotations

import random

from entrepot.simulator.families.base import Draft, Family, Language, near_misses

_CITIES = {
    "en": (
        "Lyon",
        "Shenzhen",
        "Porto",
        "Nairobi",
        "Austin",
        "Osaka",
        "Gdansk",
        "Lima",
        "Hanoi",
        "Leeds",
        "Turin",
        "Accra",
    ),
    "zh": ("里昂", "深圳", "波尔图", "内罗毕", "奥斯汀", "大阪", "格但斯克", "利马", "河内", "利兹", "都灵", "阿克拉"),
}


def _draft(draw: random.Random, language: Language) -> Draft:
    zh = language == "zh"
    rows = draw.randint(4, 12)
    cities = draw.sample(_CITIES[language], rows)
    orders = [draw.randint(10, 990) for _ in cities]
    returns = [draw.randint(0, 60) for _ in cities]
    header = "城市 | 订单 | 退货" if zh else "city | orders | returns"
    lines = [f"{city} | {order} | {back}" for city, order, back in zip(cities, orders, returns, strict=True)]
    table = "\n".join([header, *lines])
    kind = draw.choice(("cell", "sum", "rest"))
    at = draw.randrange(rows)
    if kind == "cell":
        ask = f"{cities[at]}的订单是多少？" if zh else f"How many orders does {cities[at]} have?"
        wrong = tuple(str(each) for each in orders if each != orders[at])[:3]
        return Draft(f"{table}\n\n{ask}", str(orders[at]), wrong, 0.05 * rows - 0.6)
    if kind == "sum":
        value = sum(orders)
        ask = "所有城市的订单合计是多少？" if zh else "What do the orders of all cities add up to?"
        return Draft(f"{table}\n\n{ask}", str(value), near_misses(value, draw), 0.15 * rows)
    value = sum(order - back for order, back in zip(orders, returns, strict=True) if back > 20)
    ask = (
        "只看退货超过20的城市：订单减退货合计是多少？"
        if zh
        else "Take only the cities with more than 20 returns: what do orders minus returns add up to?"
    )
    return Draft(f"{table}\n\n{ask}", str(value), near_misses(value, draw), 0.2 * rows + 0.6)


FAMILY = Family("lookup", "number", -3.0, {"en": "a number", "zh": "一个数字"}, _draft)
