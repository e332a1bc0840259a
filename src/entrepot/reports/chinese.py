"""The sentences of reports in Chinese; see `wording.py`."""

from __future__ import annotations

CHINESE_SENTENCES = {
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
    "by_language": "语言",
    "by_difficulty": "难度",
    "by_client_region": "客户端所在地",
    "by_data_classes": "数据类别",
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
