from __future__ import annotations

from typing import Any

import pytest

from entrepot.dialects.base import Target
from entrepot.dialects.bedrock_converse.models import Model, model_of, takes_fixed_budget
from tests.dialects.bedrock_converse.asking import BUDGET_CLAUDE, CLAUDE, LLAMA, NOVA, body

THINKING: dict[str, Any] = {"reasoning_effort": "high"}


def model(name: str, *quirks: str) -> Model:
    return model_of(Target("https://x", name, frozenset(quirks)))


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("anthropic.claude-v2:1", (2, 0)),
        ("anthropic.claude-instant-v1", (1, 0)),
        ("anthropic.claude-3-haiku-20240307-v1:0", (3, 0)),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", (3, 7)),
        ("us.anthropic.claude-sonnet-4-20250514-v1:0", (4, 0)),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", (4, 5)),
        ("us.anthropic.claude-sonnet-4-6", (4, 6)),
        ("global.anthropic.claude-fable-5-2", (5, 2)),
        (
            "arn:aws:bedrock:us-east-1:012345678901:inference-profile/us.anthropic.claude-3-7-sonnet-20250219-v1:0",
            (3, 7),
        ),
    ],
)
def test_claudes_version_is_read_from_every_spelling_of_its_name(name: str, version: tuple[int, int]) -> None:
    assert (model(name).maker, model(name).version) == ("anthropic", version)


def test_a_quirk_tells_the_maker_of_an_id_that_does_not() -> None:
    profile = "arn:aws:bedrock:us-east-1:012345678901:application-inference-profile/otnfa2ysixqd"
    assert model(profile).maker == ""
    assert model(profile, "maker_anthropic").claude
    assert not model(profile, "maker_meta").tool_choice


@pytest.mark.parametrize(
    ("name", "settings", "fields"),
    [
        (CLAUDE, THINKING, {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}),
        (CLAUDE, {"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        (CLAUDE, {"reasoning_budget_tokens": 0}, {"thinking": {"type": "disabled"}}),
        (
            CLAUDE,
            {"reasoning_effort": "xhigh"},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "xhigh"}},
        ),
        (BUDGET_CLAUDE, THINKING, {"thinking": {"type": "enabled", "budget_tokens": 16384}}),
        (BUDGET_CLAUDE, {"reasoning_budget_tokens": 10000}, {"thinking": {"type": "enabled", "budget_tokens": 10000}}),
        (BUDGET_CLAUDE, {"reasoning_budget_tokens": 5}, {"thinking": {"type": "enabled", "budget_tokens": 1024}}),
        (
            BUDGET_CLAUDE,
            {**THINKING, "max_output_tokens": 2000},
            {"thinking": {"type": "enabled", "budget_tokens": 1999}},
        ),
        (BUDGET_CLAUDE, {**THINKING, "max_output_tokens": 1000}, None),
        ("anthropic.claude-3-haiku-20240307-v1:0", THINKING, None),
        ("openai.gpt-oss-120b-1:0", THINKING, {"reasoning_effort": "high"}),
        ("openai.gpt-oss-120b-1:0", {"reasoning_effort": "none"}, {"reasoning_effort": "low"}),
        ("qwen.qwen3-32b-v1:0", THINKING, {"reasoning_config": "high"}),
        ("qwen.qwen3-32b-v1:0", {"reasoning_effort": "none"}, None),
        (
            "us.amazon.nova-2-lite-v1:0",
            THINKING,
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        ("us.amazon.nova-2-lite-v1:0", {"reasoning_effort": "none"}, {"reasoningConfig": {"type": "disabled"}}),
        (NOVA, THINKING, None),
        ("us.deepseek.r1-v1:0", THINKING, None),
    ],
)
def test_each_maker_is_told_in_its_own_words_how_much_to_reason(
    name: str, settings: dict[str, Any], fields: dict[str, Any] | None
) -> None:
    assert body(name, **settings).get("additionalModelRequestFields") == fields


def test_quirks_say_how_a_model_departs_from_its_makers_others() -> None:
    budget = body(CLAUDE, quirks=("thinking_budget",), **THINKING)
    assert takes_fixed_budget(budget["additionalModelRequestFields"])
    assert "additionalModelRequestFields" not in body(CLAUDE, quirks=("no_thinking",), **THINKING)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (BUDGET_CLAUDE, {"top_k": 20}),
        (NOVA, {"inferenceConfig": {"topK": 20}}),
        ("mistral.mistral-large-2407-v1:0", {"top_k": 20}),
        ("cohere.command-r-plus-v1:0", {"k": 20}),
        (LLAMA, None),
    ],
)
def test_top_k_goes_where_each_maker_looks_for_it(name: str, fields: dict[str, Any] | None) -> None:
    assert body(name, top_k=20).get("additionalModelRequestFields") == fields
    assert "additionalModelRequestFields" not in body(name, top_k=20, quirks=("no_sampling",))


def test_claude_does_not_think_and_sample_at_once() -> None:
    sent = body(CLAUDE, top_k=20, temperature=0.3, top_p=0.9, **THINKING)
    assert "top_k" not in sent["additionalModelRequestFields"]
    assert "inferenceConfig" not in sent
