"""Dates and units: days between dates, the date after so many days, conversions that chain."""

from __future__ import annotations

import random
from datetime import date, timedelta

from entrepot.simulator.families.base import Draft, Family, Language, near_misses


def _draft(draw: random.Random, language: Language) -> Draft:
    start = date(2024, 1, 1) + timedelta(days=draw.randrange(900))
    days = draw.choice((draw.randint(5, 40), draw.randint(60, 400)))
    end = start + timedelta(days=days)
    zh = language == "zh"
    if draw.random() < 0.5:
        question = (
            f"一份合同从{start}开始，到{end}结束（不含起始日）。一共多少天？"
            if zh
            else f"A contract runs from {start} to {end}, the first day not counted. How many days is that?"
        )
        return Draft(question, str(days), near_misses(days, draw), 0.5 * (days > 45))
    boxes, kilos, minutes = draw.randint(3, 40), draw.randint(2, 25), draw.randint(2, 15)
    grams = boxes * kilos * 1000
    if draw.random() < 0.5:
        question = (
            f"一辆货车装了{boxes}箱，每箱{kilos}千克。总重多少克？"
            if zh
            else f"A van carries {boxes} boxes of {kilos} kg each. How many grams is the load?"
        )
        return Draft(question, str(grams), (str(grams // 10), str(grams * 10), str(boxes * kilos)), 0.2)
    seconds = boxes * minutes * 60
    question = (
        f"检查一台设备要{minutes}分钟。依次检查{boxes}台，共需多少秒？"
        if zh
        else f"Checking one device takes {minutes} minutes. How many seconds do {boxes} devices take, one after another?"
    )
    return Draft(question, str(seconds), (str(boxes * minutes), *near_misses(seconds, draw)), 0.3)


FAMILY = Family("calendar", "number", -2.3, {"en": "a number", "zh": "一个数字"}, _draft)
