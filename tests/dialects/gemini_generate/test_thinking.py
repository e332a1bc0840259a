from __future__ import annotations

from typing import Any

import pytest

from entrepot.canonical.request import Request
from entrepot.dialects.base import Target
from entrepot.dialects.gemini_generate.thinking import generation_of, render_thinking


@pytest.mark.parametrize(
    ("name", "generation"),
    [
        ("gemini-2.5-flash-lite", (2, 5)),
        ("gemini-3-pro-preview", (3, 0)),
        ("models/gemini-3.6-flash", (3, 6)),
        ("gemini-4-argon", (4, 0)),
        ("endpoints/77", (99, 0)),
    ],
)
def test_the_generation_is_in_the_name(name: str, generation: tuple[int, int]) -> None:
    assert generation_of(name) == generation


@pytest.mark.parametrize(
    ("model", "quirks", "effort", "budget", "wire"),
    [
        ("gemini-3-pro", "", "low", None, {"thinkingLevel": "LOW", "includeThoughts": True}),
        ("gemini-3-pro", "", "max", None, {"thinkingLevel": "HIGH", "includeThoughts": True}),
        ("gemini-3-pro", "", "none", None, {"thinkingLevel": "MINIMAL"}),
        ("gemini-3-pro", "", "high", 500, {"thinkingBudget": 500, "includeThoughts": True}),
        ("gemini-3-pro", "", "unheard", None, None),
        ("gemini-2.5-flash", "", "medium", None, {"thinkingBudget": 8192, "includeThoughts": True}),
        ("gemini-2.5-flash", "", "max", None, {"thinkingBudget": 24576, "includeThoughts": True}),
        ("gemini-2.5-flash", "", "none", None, {"thinkingBudget": 0}),
        ("gemini-2.0-flash", "", "high", None, None),
        ("endpoints/77", "thinking_budget", "minimal", None, {"thinkingBudget": 1024, "includeThoughts": True}),
        ("gemini-3-pro", "no_thinking", "high", 500, None),
        ("gemini-3-pro", "", None, None, None),
    ],
)
def test_effort_becomes_what_the_model_takes(
    model: str, quirks: str, effort: str | None, budget: int | None, wire: dict[str, Any] | None
) -> None:
    request = Request("auto", (), reasoning_effort=effort, reasoning_budget_tokens=budget)
    assert render_thinking(request, Target("https://h", model, frozenset(quirks.split()))) == wire
