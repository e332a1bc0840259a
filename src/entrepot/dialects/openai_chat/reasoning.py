"""How much a model shall reason, in all the fields in which hosts of this dialect are told.

`reasoning_effort` (OpenAI) comes first; then `reasoning` (OpenRouter: `effort`, `max_tokens`, `enabled`), `thinking` (DeepSeek,
Z.AI, Volcengine, Anthropic's own address: `type`, `budget_tokens`), `enable_thinking` with `thinking_budget` (Qwen), and
`chat_template_kwargs.enable_thinking` (vLLM, SGLang). Reasoning that is merely turned on is of medium effort.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_ON = "medium"


def reasoning_asked(effort: str | None, extra: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """(effort, budget in tokens) of a request; `extra` are its settings without a canonical name."""
    if effort is not None:
        return effort, _tokens(extra.get("thinking_budget"))
    nested, thinking = _object(extra.get("reasoning")), _object(extra.get("thinking"))
    if nested.get("enabled") is False or thinking.get("type") == "disabled":
        return "none", None
    named = nested.get("effort")
    budget = _tokens(nested.get("max_tokens")) or _tokens(thinking.get("budget_tokens"))
    if isinstance(named, str) or budget is not None:
        return named if isinstance(named, str) else None, budget
    if nested.get("enabled") is True or thinking.get("type") in ("enabled", "adaptive"):
        return _ON, None
    switch = extra.get("enable_thinking", _object(extra.get("chat_template_kwargs")).get("enable_thinking"))
    if switch is False:
        return "none", None
    budget = _tokens(extra.get("thinking_budget"))
    return (_ON if switch is True and budget is None else None), budget


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _tokens(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None
