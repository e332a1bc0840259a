"""Every sentence that a report prints, in English and in Chinese.

Rules of this file: the same keys and the same placeholders in every language (a test holds them to it).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from entrepot.catalog.pricing import NANO_PER_UNIT, format_usd

Language = Literal["en", "zh"]


class Words:
    """The sentences of one language: `words("unfinished", count=3, usd="$0.10")`."""

    def __init__(self, sentences: Mapping[str, str]) -> None:
        self._sentences = sentences

    def __call__(self, key: str, **values: str | int) -> str:
        """The sentence `key` with its placeholders filled in; whole numbers get thousands separators."""
        filled = {name: f"{value:,}" if isinstance(value, int) else value for name, value in values.items()}
        return self._sentences[key].format(**filled)

    def usd(self, nano_usd: int) -> str:
        """An amount inside a sentence."""
        return f"${format_usd(nano_usd, 2 if nano_usd >= 100 * NANO_PER_UNIT else 6)}"


_ENGLISH = {
    # tables
    "savings": "Savings",
    "share_by": "Share by {dimension}",
    "added_time": "Time added by the gateway",
    "figure": "figure",
    "value": "value",
    "interval": "{percent} interval",
    "exchanges": "exchanges",
    "part": "part",
    "input_tokens": "input tokens",
    "output_tokens": "output tokens",
    "cost": "cost",
    # figures
    "exchanges_compared": "exchanges compared",
    "baseline_cost": "baseline would have cost ({models})",
    "saving": "saving",
    "saving_fraction": "saving, part of the baseline's cost",
    "added_p50": "median",
    "added_p99": "99th percentile",
    # dimensions
    "by_deployment": "deployment",
    "by_model": "model",
    "by_maker": "maker",
    "by_maker_country": "maker's country",
    "by_provider": "provider",
    "by_provider_country": "provider's country",
    "by_region": "region processed in",
    "by_on_premises": "place",
    "by_open_weights": "weights",
    "by_accelerator": "accelerator",
    "by_route": "route",
    "by_key": "key",
    "by_team": "team",
    "by_day": "day (UTC)",
    "by_state": "state",
    "by_dialect": "dialect",
    "by_asked_model": "model asked for",
    # values
    "not_served": "(no deployment answered)",
    "unknown": "(unknown)",
    "none": "(none)",
    "others": "({count} others)",
    "on_premises_1": "on the premises",
    "on_premises_0": "hosted",
    "open_weights_1": "open",
    "open_weights_0": "closed",
    # notes
    "no_baseline": (
        "No saving is stated: no exchange of this period both completed at a known cost and had a baseline whose price is "
        "known. A route names its baseline by `baseline = …` in entrepot.toml."
    ),
    "estimated_assumed": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. Fewer than {least} predictions could be compared with real answers, so "
        "their sum is assumed to be right within ±{assumed}."
    ),
    "estimated_by_lot": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. {pairs} exchanges that were given to it by lot, against the router's "
        "choice, cost {factor} times what was predicted for them; the estimate is corrected by this factor."
    ),
    "estimated_corrected": (
        "{model}: {measured} exchanges it answered itself are known, {estimated} are estimated from the router's prediction "
        "of how long its answers would have been. {pairs} real answers cost {factor} times what was predicted for them; "
        "the estimate is corrected by this factor, and ±{allowance} more is allowed for, as those were not picked at random."
    ),
    "assumed": (
        "Assumed: the baseline would have answered every completed request once, at its price of that moment, without "
        "failed attempts, reading the same tokens, as many of them from its cache."
    ),
    "thrown_away": "{usd} of the cost went into attempts whose answer no client got.",
    "unfinished": (
        "{count} exchanges that did not complete cost {usd}; this counts as cost, with nothing on the baseline's side."
    ),
    "unknown_excluded": "{count} exchanges of unknown cost are left out on both sides.",
    "without_baseline": "{count} completed exchanges that had no baseline, or one of unknown price, are left out.",
    "unknown_cost": "The cost of {count} exchanges is unknown; it is in no sum.",
    "unknown_usage": "The tokens of {count} exchanges are unknown; they are in no sum.",
    "estimated_usage": "The provider did not count the tokens of {count} exchanges; they are estimated.",
    "added_within": "Quantiles are within {error} of the exact ones.",
    # the command
    "empty": "Nothing to report: the ledger holds no exchange{between}. Send a request through the gateway and ask again.",
    "between": " in this period",
    "period": "{exchanges} exchanges from {first} to {last}",
    "damaged": (
        "{count} damaged records ({size} bytes) of spool files could not be read and are in no figure; "
        "the files are kept as *.damaged."
    ),
    "not_ingested": "Not everything is in these figures yet: {why}",
    "withdrawn": "Route {route} promises nothing since {since}: {promise}.",
    "open_start": "the beginning",
    "open_end": "now",
}

_CHINESE = {
    "savings": "节省",
    "share_by": "按{dimension}的份额",
    "added_time": "网关增加的时间",
    "figure": "项目",
    "value": "数值",
    "interval": "{percent} 区间",
    "exchanges": "请求数",
    "part": "占比",
    "input_tokens": "输入 token",
    "output_tokens": "输出 token",
    "cost": "费用",
    "exchanges_compared": "参与比较的请求",
    "baseline_cost": "若全部使用基准模型的费用（{models}）",
    "saving": "节省金额",
    "saving_fraction": "节省占基准费用的比例",
    "added_p50": "中位数",
    "added_p99": "第 99 百分位",
    "by_deployment": "部署",
    "by_model": "模型",
    "by_maker": "模型厂商",
    "by_maker_country": "厂商所在国",
    "by_provider": "服务商",
    "by_provider_country": "服务商所在国",
    "by_region": "处理地区",
    "by_on_premises": "处理地点",
    "by_open_weights": "权重",
    "by_accelerator": "加速芯片",
    "by_route": "路由",
    "by_key": "密钥",
    "by_team": "团队",
    "by_day": "日期（UTC）",
    "by_state": "状态",
    "by_dialect": "接口协议",
    "by_asked_model": "请求的模型",
    "not_served": "（无部署应答）",
    "unknown": "（未知）",
    "none": "（无）",
    "others": "（其余 {count} 项）",
    "on_premises_1": "本地",
    "on_premises_0": "托管",
    "open_weights_1": "开放",
    "open_weights_0": "闭源",
    "no_baseline": (
        "未给出节省：此期间没有一个请求既已完成、费用已知，又有价格已知的基准。"
        "路由的基准由 entrepot.toml 中的 `baseline = …` 指定。"
    ),
    "estimated_assumed": (
        "{model}：{measured} 个请求由基准模型自己回答，费用已知；{estimated} 个按路由器对其回答长度的预测估算。"
        "可与真实回答对照的预测不足 {least} 个，因此假定预测总和的偏差在 ±{assumed} 以内。"
    ),
    "estimated_by_lot": (
        "{model}：{measured} 个请求由基准模型自己回答，费用已知；{estimated} 个按路由器对其回答长度的预测估算。"
        "其中 {pairs} 个请求由抽签（而非路由器）交给基准模型，费用是预测的 {factor} 倍，估算已按此修正。"
    ),
    "estimated_corrected": (
        "{model}：{measured} 个请求由基准模型自己回答，费用已知；{estimated} 个按路由器对其回答长度的预测估算。"
        "{pairs} 个真实回答的费用是预测的 {factor} 倍，估算已按此修正；因这些请求并非随机抽取，另留 ±{allowance} 的余地。"
    ),
    "assumed": "假定：每个完成的请求，基准模型按当时价格一次答成，没有失败的尝试，读入相同的 token，命中缓存的数量也相同。",
    "thrown_away": "其中 {usd} 花在客户端没有收到回答的尝试上。",
    "unfinished": "{count} 个未完成的请求花费了 {usd}：计入实际费用，不计入基准费用。",
    "unknown_excluded": "{count} 个请求费用未知，实际费用和基准费用均不计入。",
    "without_baseline": "{count} 个已完成的请求没有基准或基准价格未知，不计。",
    "unknown_cost": "{count} 个请求的费用未知，不计入任何合计。",
    "unknown_usage": "{count} 个请求的 token 数未知，不计入任何合计。",
    "estimated_usage": "{count} 个请求的 token 数服务商未报告，为估算值。",
    "added_within": "百分位数与精确值相差不超过 {error}。",
    "empty": "没有可报告的内容：账本中{between}没有请求。请先通过网关发送一个请求。",
    "between": "此期间",
    "period": "{exchanges} 个请求，从 {first} 到 {last}",
    "damaged": "{count} 条损坏的记录（{size} 字节）无法读取，未计入任何数字；文件保留为 *.damaged。",
    "not_ingested": "以下数字尚不完整：{why}",
    "withdrawn": "路由 {route} 自 {since} 起不再作任何承诺：{promise}。",
    "open_start": "最初",
    "open_end": "现在",
}

SENTENCES: dict[Language, dict[str, str]] = {"en": _ENGLISH, "zh": _CHINESE}
ENGLISH = Words(_ENGLISH)


def words_of(language: Language) -> Words:
    """The sentences of a language."""
    return Words(SENTENCES[language])
