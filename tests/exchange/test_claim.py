from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.exchange.claim import is_another_model


@pytest.mark.parametrize(
    ("claimed", "asked"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-4-5", "claude-sonnet-4-5-20250929"),
        ("GLM-5.3", "glm-5.3"),
        ("openai/gpt-6-sol", "gpt-6-sol"),
        ("gpt-6-sol", "openai/gpt-6-sol"),
        ("models/gemini-2.5-flash", "gemini-2.5-flash"),
        ("kimi-k3", "accounts/fireworks/models/kimi-k3"),
        ("claude-opus-5-5", "us.anthropic.claude-opus-5-5-20260901-v1:0"),
        ("qwen3:8b-q4", "qwen3:8b"),
        ("deepseek-v4-pro-0813", "deepseek-v4-pro"),
        ("", "gpt-6-sol"),
        (None, "gpt-6-sol"),
    ],
)
def test_a_snapshot_an_alias_and_a_name_with_its_maker_are_the_same_model(claimed: str | None, asked: str) -> None:
    assert not is_another_model(claimed, asked)


@pytest.mark.parametrize(
    ("claimed", "asked"),
    [
        ("gpt-6-luna", "gpt-6-sol"),
        ("gpt-4omega", "gpt-4o"),
        ("gpt-3.5-turbo", "gpt-6-sol"),
        ("openai/gpt-6-luna", "openai/gpt-6-sol"),
        ("混元-大", "混元-小"),
    ],
)
def test_a_model_of_another_name_is_flagged(claimed: str, asked: str) -> None:
    assert is_another_model(claimed, asked)


@given(st.text(), st.text())
def test_the_order_does_not_matter_and_no_name_breaks_it(one: str, other: str) -> None:
    assert is_another_model(one, other) == is_another_model(other, one)
    assert not is_another_model(one, one)
