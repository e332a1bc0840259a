"""A customer's message, to be put into one of five classes; some mention two matters, one of which is the point."""

from __future__ import annotations

import random

from entrepot.simulator.families.base import Draft, Family, Language

_CLASSES = ("billing", "delivery", "login", "returns", "fault")
_TEXTS: dict[Language, dict[str, tuple[str, ...]]] = {
    "en": {
        "billing": ("I was charged twice for invoice {n}.", "Invoice {n} shows the wrong VAT number."),
        "delivery": ("Order {n} should have arrived last week.", "The courier left parcel {n} at the wrong address."),
        "login": (
            "I cannot sign in since I changed my phone, account {n}.",
            "The reset link for account {n} has expired.",
        ),
        "returns": ("I want to send back the jacket from order {n}.", "Where do I post the return for order {n}?"),
        "fault": ("The heater from order {n} stops after two minutes.", "Device {n} shows error E7 when it starts."),
    },
    "zh": {
        "billing": ("发票{n}被重复扣款了。", "发票{n}上的税号写错了。"),
        "delivery": ("订单{n}上周就该送到了。", "快递把包裹{n}送错了地址。"),
        "login": ("换了手机以后账号{n}无法登录。", "账号{n}的重置链接已经过期。"),
        "returns": ("我想退掉订单{n}里的外套。", "订单{n}的退货应该寄到哪里？"),
        "fault": ("订单{n}的取暖器开两分钟就停。", "设备{n}开机时显示错误E7。"),
    },
}
_ASIDE = {
    "en": "Please do not answer about this other matter, which is settled: “{text}” What I write about today: ",
    "zh": "另一件事已经解决，不必回复：“{text}”我今天要说的是：",
}
_ASK = {
    "en": "Classify this customer message as one of: billing, delivery, login, returns, fault.\n\n",
    "zh": "把下面的客户留言归为一类：billing、delivery、login、returns、fault。\n\n",
}


def _draft(draw: random.Random, language: Language) -> Draft:
    kind, other = draw.sample(_CLASSES, 2)
    text = draw.choice(_TEXTS[language][kind]).format(n=draw.randint(10000, 99999))
    aside = draw.random() < 0.4
    if aside:
        settled = draw.choice(_TEXTS[language][other]).format(n=draw.randint(10000, 99999))
        text = _ASIDE[language].format(text=settled) + text
    wrong = (other, *(each for each in _CLASSES if each not in {kind, other}))[:3]
    return Draft(_ASK[language] + text, kind, wrong, 1.1 * aside)


FAMILY = Family("ticket", "text", -3.6, {"en": "the class", "zh": "类别"}, _draft)
