from __future__ import annotations

from typing import Any

import pytest

from entrepot.dialects.openai_chat.reasoning import reasoning_asked


@pytest.mark.parametrize(
    ("effort", "extra", "asked"),
    [
        (None, {}, (None, None)),
        ("low", {"thinking": {"type": "disabled"}}, ("low", None)),
        ("low", {"thinking_budget": 99}, ("low", 99)),
        (None, {"reasoning": {"effort": "high"}}, ("high", None)),
        (None, {"reasoning": {"max_tokens": 2000}}, (None, 2000)),
        (None, {"reasoning": {"enabled": False}}, ("none", None)),
        (None, {"reasoning": {"enabled": True}}, ("medium", None)),
        (None, {"thinking": {"type": "enabled", "budget_tokens": 3000}}, (None, 3000)),
        (None, {"thinking": {"type": "enabled"}}, ("medium", None)),
        (None, {"thinking": {"type": "disabled"}}, ("none", None)),
        (None, {"enable_thinking": True}, ("medium", None)),
        (None, {"enable_thinking": True, "thinking_budget": 50}, (None, 50)),
        (None, {"enable_thinking": False, "thinking_budget": 50}, ("none", None)),
        (None, {"chat_template_kwargs": {"enable_thinking": False}}, ("none", None)),
        (None, {"reasoning": "x", "thinking": [], "thinking_budget": True, "chat_template_kwargs": 1}, (None, None)),
    ],
)
def test_every_hosts_own_field_is_understood(effort: str | None, extra: dict[str, Any], asked: tuple[Any, Any]) -> None:
    assert reasoning_asked(effort, extra) == asked
