"""Reasoning effort in words and reasoning budgets in tokens, where a request says one and a provider takes the other.

The steps are ours: makers name efforts without tokens. They lie between the budgets that makers document as their smallest
(1,024) and as usual for hard work (16,384 and more).
"""

from __future__ import annotations

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768, "max": 65536}


def budget_of_effort(effort: str) -> int:
    """Tokens to reason with at this effort; 0 for `none`, `medium`'s for a word we do not know."""
    return 0 if effort == "none" else _BUDGETS.get(effort, _BUDGETS["medium"])


def effort_of_budget(budget_tokens: int) -> str:
    """The least effort whose budget is at least this."""
    if budget_tokens <= 0:
        return "none"
    return next(
        (effort for effort, tokens in _BUDGETS.items() if tokens >= budget_tokens and effort != "minimal"), "max"
    )
