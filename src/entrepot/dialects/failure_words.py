"""The words in which providers say what went wrong, as data: codes, numbers and phrases, in lower case, each with what it means.

Sources: OpenAI and Anthropic SDKs; docs.z.ai/api-reference/api-code; volcengine.com/docs/82379/1299023 and its BytePlus edition;
help.aliyun.com/zh/model-studio/rate-limit; cloud.baidu.com (Qianfan v2 errors, WENXINWORKSHOP error codes); platform.kimi.ai,
MiniMax and SiliconFlow as quoted by third parties; botocore (bedrock-runtime); sources of vLLM, SGLang, llama.cpp and TGI.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from entrepot.canonical.stream import FailureKind

_CODES: dict[FailureKind, str] = {
    "quota": """
        insufficient_quota insufficient_user_quota insufficient_balance exceeded_current_quota exceeded_current_quota_error
        billing_hard_limit_reached billing_not_active billing_error payment_required key_limit_exceeded
        arrearage commoditynotpurchased prepaidbilloverdue postpaidbilloverdue budgetlimitexceeded freetieronly
        accountoverdueerror serviceoverdue account_overdue spend_limit_exceeded
    """,
    "rate_limit": """
        rate_limit_exceeded rate_limit_error rate_limit_reached_error rate_limited rate_limit too_many_requests
        rpm_rate_limit_exceeded tpm_rate_limit_exceeded ratelimitexceeded modelaccountrpmratelimitexceeded
        modelaccounttpmratelimitexceeded modelaccountipmratelimitexceeded apiaccountrpmratelimitexceeded
        throttling ratequota allocationquota burstrate concurrency limit_requests limit_burst_rate
        throttlingexception toomanyrequestsexception resource_exhausted
    """,
    "overloaded": """
        overloaded overloaded_error engine_overloaded engine_overloaded_error model_overloaded serveroverloaded server_busy
        service_unavailable serviceunavailableexception modelnotreadyexception capacity_exceeded
        insufficient_system_resource slow_down
    """,
    "context_length": """
        context_length_exceeded context_window_exceeded model_context_window_exceeded exceed_context_size_error
        request_too_large tokens_too_long characters_too_long input_too_long max_prompt_length_exceeded
    """,
    "content_filter": """
        content_filter content_filter_error content_policy_violation responsibleaipolicyviolation
        data_inspection_failed datainspectionfailed sensitivecontentdetected inputtextsensitivecontentdetected
        inputimagesensitivecontentdetected inputvideosensitivecontentdetected inputaudiosensitivecontentdetected
        outputtextsensitivecontentdetected sensitive_words_detected prompt_blocked moderation_blocked content_security
    """,
    "auth": """
        invalid_api_key invalidapikey invalid_api_key_error incorrect_api_key_error invalid_authentication_error
        authentication_error authorized_error invalid_iam_token unauthorized unauthenticated permission_error
        permission_denied access_denied accessdenied accessdeniedexception unrecognizedclientexception
        invalidsignatureexception expiredtokenexception incompletesignatureexception missingauthenticationtokenexception
    """,
    "model_gone": """
        model_not_found model_not_found_error modelnotfound model_not_exist model_decommissioned model_deprecated
        model_terminated modelnotopen servicenotopen closedendpoint invalidendpointormodel invalid_model
        resource_not_found_error unsupportedmodel resourcenotfoundexception
    """,
    "region": "unsupported_country_region_territory unsupported_region region_not_supported",
    "timeout": "modeltimeoutexception deadline_exceeded request_timeout timeout_error",
    "server_error": "internalserverexception modelerrorexception modelstreamerrorexception internal_server_error",
}
BY_CODE: Mapping[str, FailureKind] = {code: kind for kind, codes in _CODES.items() for code in codes.split()}
"""Codes that mean one thing whoever says them."""

# Z.AI and bigmodel.cn, as texts.
BY_NUMBER: Mapping[str, FailureKind] = {
    **dict.fromkeys(("1000", "1001", "1002", "1003", "1004", "1110", "1111", "1112", "1220"), "auth"),
    **dict.fromkeys(("1113", "1121", "1304", "1308", "1309", "1310"), "quota"),
    **dict.fromkeys(("1211", "1221", "1222"), "model_gone"),
    "1234": "server_error",
    "1261": "context_length",
    "1300": "content_filter",
    "1301": "content_filter",
    "1302": "rate_limit",
    "1303": "rate_limit",
    "1305": "overloaded",
    "1312": "overloaded",
}
"""Z.AI's numbers, which stand where others have a code."""

BY_MINIMAX_NUMBER: Mapping[int, FailureKind] = {
    1000: "server_error",
    1001: "timeout",
    1002: "rate_limit",
    1004: "auth",
    1008: "quota",
    1013: "server_error",
    1024: "server_error",
    1026: "content_filter",
    1027: "content_filter",
    1033: "server_error",
    1039: "context_length",
    1041: "rate_limit",
    2013: "bad_request",
    2049: "auth",
    2056: "quota",
}
"""MiniMax's numbers, in its own envelope."""

BY_QIANFAN_NUMBER: Mapping[int, FailureKind] = {
    4: "rate_limit",
    6: "auth",
    17: "quota",
    18: "rate_limit",
    19: "quota",
    110: "auth",
    111: "auth",
    336000: "server_error",
    336007: "context_length",
    336100: "overloaded",
    336103: "context_length",
    336104: "bad_request",
    336501: "rate_limit",
    336502: "rate_limit",
}
"""Qianfan's older numbers, as `error_code`."""

_PHRASES: tuple[tuple[FailureKind, tuple[str, ...]], ...] = (
    (
        "region",
        (
            r"(?:country|region|territory|location)[^.]{0,40}not (?:supported|available)",
            r"not (?:supported|available)[^.]{0,30}(?:your|this) (?:country|region|location)",
            r"所在(?:国家|地区)[^。]{0,10}不支持",
        ),
    ),
    (
        "quota",
        (
            r"insufficient[ _](?:account )?(?:balance|credit|funds|quota)",
            r"balance is insufficient|credit balance|(?:out of|no|more) credits",
            r"exceeded_current_quota|exceeded your current quota",
            r"overdue|arrears|arrearage|billing|spend(?:ing)? limit",
            r"余额不足|欠费|额度(?:不足|已用尽|已用完)|账户已欠",
        ),
    ),
    (
        "context_length",
        (
            r"context[_ ](?:length|window|size)|maximum (?:context|prompt|input) (?:length|tokens)",
            r"(?:prompt|input|request) (?:is |was )?too l(?:ong|arge)|reduce the length of the (?:messages|prompt)",
            r"maximum number of tokens|token count exceeds|token length exceed|exceeded model token limit",
            r"exceed(?:s|ed)? (?:the )?(?:model )?(?:token limit|max_model_len|max_seq_len)",
            r"range of input length should be|input length .{0,40}exceed",
            r"must have less than \d+ tokens|max_new_tokens.{0,20}must be <=",
            r"输入(?:长度|tokens?)[^。]{0,12}超",
            r"超(?:过|出)[^。]{0,12}(?:上下文|最大长度|输入长度|tokens?)",
            r"(?:上下文|prompt ?)(?:长度)?[^。]{0,4}(?:超长|过长)",
        ),
    ),
    (
        "content_filter",
        (
            r"content[_ ]?(?:filter|policy|management policy)|contentfilter|safety system",
            r"inappropriate content|content exists risk|considered high risk|flagged as potentially",
            r"sensitive (?:information|content)",
            r"敏感(?:内容|信息|词)|不安全|违规|内容安全|风控",
        ),
    ),
    (
        "auth",
        (
            r"(?:incorrect|invalid|missing|no|expired) (?:api[ _-]?key|token|authentication|credentials)",
            r"token is invalid|api key (?:not valid|is invalid|expired)|not authorized to",
            r"认证失败|鉴权失败|(?:api[ _-]?key|密钥|令牌)[^。]{0,6}(?:无效|错误|过期)",
        ),
    ),
    (
        "model_gone",
        (
            r"\bmodels?\b.{0,160}\b(?:does not exist|not exist|not found|retired|end of (?:its )?life)",
            r"\bmodels?\b.{0,160}\b(?:deprecated|decommissioned|discontinued)",
            r"\bmodels?\b.{0,160}\bno longer (?:available|supported|offered)",
            r"supported api model names are|unknown model|no such model",
            r"模型[^。]{0,20}(?:不存在|已下线|已停用|未开通|未找到)",
        ),
    ),
    (
        "rate_limit",
        (
            r"rate[_ ]?limit|too many requests|requests per (?:minute|second|day)",
            r"请求(?:过于|太)?频繁|限流|并发(?:数)?(?:过高|超)",
        ),
    ),
    (
        "overloaded",
        (
            r"overloaded|over capacity|at capacity|server is busy",
            r"服务器?(?:繁忙|过载|负载)|系统繁忙|访问量过大",
        ),
    ),
)
BY_PHRASE: tuple[tuple[FailureKind, re.Pattern[str]], ...] = tuple(
    (kind, re.compile("|".join(patterns))) for kind, patterns in _PHRASES
)
"""Phrases of a message, the first that is found decides."""

TOO_LARGE_FOR_EVER = re.compile(r"request too large for|limit \d+, requested \d+")
"""Groq calls a request that is longer than a minute's whole allowance rate limited: no waiting helps, a larger context may."""

BY_STATUS: Mapping[int, FailureKind] = {
    400: "bad_request",
    401: "auth",
    402: "quota",
    403: "auth",
    404: "model_gone",
    408: "timeout",
    409: "overloaded",
    410: "model_gone",
    413: "context_length",
    422: "bad_request",
    424: "server_error",
    429: "rate_limit",
    451: "region",
    498: "overloaded",
    503: "overloaded",
    504: "timeout",
    524: "timeout",
    529: "overloaded",
}
"""What a status means where the body says nothing more."""
