"""How much a model shall think, between the wire's levels and budgets and the canonical effort.

Rules of this file: which models take levels and which budgets is told by the generation in their name (Google's thinking
guide: up to 2.0 none, 2.5 budgets, from 3 levels), unless the deployment's quirks say. Levels have no `none`, and `XHIGH` is
not taken by every model that takes levels: `none` becomes MINIMAL, `xhigh` and `max` become HIGH.
"""

from __future__ import annotations

import re
from typing import Any

from entrepot.canonical.effort import budget_of_effort
from entrepot.canonical.request import Request
from entrepot.dialects.base import Target
from entrepot.dialects.gemini_generate.wire import WireThinking

_GENERATION = re.compile(r"gemini-(\d+)(?:\.(\d+))?")
_LEVELS = {
    "none": "MINIMAL",
    "minimal": "MINIMAL",
    "low": "LOW",
    "medium": "MEDIUM",
    "high": "HIGH",
    "xhigh": "HIGH",
    "max": "HIGH",
}
_MOST_BUDGET = 24_576
"""What every model of generation 2.5 takes (Google's thinking guide: Flash up to this, Pro up to 32,768)."""
_EFFORTS = {"MINIMAL": "minimal", "LOW": "low", "MEDIUM": "medium", "HIGH": "high", "XHIGH": "xhigh"}


def generation_of(upstream_name: str) -> tuple[int, int]:
    """The model's generation; a name that does not say is taken for a new one."""
    found = _GENERATION.search(upstream_name)
    return (int(found[1]), int(found[2] or 0)) if found else (99, 0)


def parse_thinking(wire: WireThinking | None) -> tuple[str | None, int | None]:
    """Effort and budget in tokens."""
    if wire is None:
        return None, None
    if wire.thinking_budget == 0:
        return "none", None
    budget = wire.thinking_budget if wire.thinking_budget is not None and wire.thinking_budget > 0 else None
    return _EFFORTS.get((wire.thinking_level or "").upper()), budget


def render_thinking(request: Request, target: Target) -> dict[str, Any] | None:
    """The `thinkingConfig` for this target; thoughts are asked for wherever thinking is."""
    effort, budget = request.reasoning_effort, request.reasoning_budget_tokens
    generation = generation_of(target.upstream_name)
    if (effort is None and budget is None) or "no_thinking" in target.quirks or generation < (2, 5):
        return None
    shown = {} if effort == "none" else {"includeThoughts": True}
    if budget is not None:
        return {"thinkingBudget": budget, **shown}
    if generation < (3, 0) or "thinking_budget" in target.quirks:
        return {"thinkingBudget": min(budget_of_effort(effort or ""), _MOST_BUDGET), **shown}
    level = _LEVELS.get(effort or "")
    return None if level is None else {"thinkingLevel": level, **shown}
