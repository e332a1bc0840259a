"""What the makers' models on Bedrock take beyond Converse's own settings, by the maker and generation in their names.

Rules of this file: a model id names its maker, with or without an inference profile's prefix and an ARN around it
(`us.anthropic.claude-sonnet-4-6`, `arn:aws:bedrock:…:inference-profile/us.amazon.nova-pro-v1:0`). One that does not say (an
application inference profile, an imported model) is told by a quirk `maker_…`, else taken for a model that has all of
Converse's own settings and none beside. Sources: Amazon Bedrock user guide, "Inference request parameters", "Structured outputs",
"Prompt caching", "Supported models and features"; the exchanges recorded with these models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from entrepot.canonical.effort import budget_of_effort, effort_of_budget
from entrepot.canonical.request import Request
from entrepot.dialects.base import Target

MIN_BUDGET_TOKENS = 1024
_MAKERS = ("anthropic", "amazon", "meta", "mistral", "cohere", "deepseek", "qwen", "openai", "ai21", "writer", "google",
           "moonshot", "moonshotai", "minimax", "zai", "nvidia", "twelvelabs", "stability", "luma")  # fmt: skip
_MAKER = re.compile(rf"(?:^|[./])({'|'.join(_MAKERS)})\.")
_TOLD = {
    "maker_anthropic": "anthropic",
    "maker_amazon": "amazon",
    "maker_meta": "meta",
    "maker_mistral": "mistral",
    "maker_qwen": "qwen",
    "maker_openai": "openai",
    "maker_deepseek": "deepseek",
}
_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?v?(\d+)(?:-(\d{1,2})(?!\d))?")
_NO_SYSTEM = re.compile(r"titan|mistral-7b|mixtral-8x7b|j2-|command-text|command-light")
_NO_STRUCTURE = re.compile(r"deepseek\.r1|pixtral|mistral-7b|mixtral-8x7b|mistral-large-240|mistral-small-240")
_LEVELS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
_CLAUDE_LEVELS = {**_LEVELS, "xhigh": "xhigh", "max": "max"}
_NOVA_2 = re.compile(r"nova-(?:\d{2,}|[2-9])-")


class Model(msgspec.Struct, frozen=True):
    """A model as Bedrock knows it. `maker` is empty where nothing says it; `version` is Claude's, (99, 0) where unknown."""

    maker: str
    version: tuple[int, int] = (99, 0)
    system: bool = True
    structure: bool = True
    cache: bool = True
    cache_tools: bool = True
    tool_choice: bool = True
    named_choice: bool = True
    reads_result_status: bool = True
    nova_2: bool = False

    @property
    def claude(self) -> bool:
        """Whether it is one of Anthropic's."""
        return self.maker == "anthropic"


def model_of(target: Target) -> Model:
    """What is known of the target's model; its quirks overrule its name."""
    name, quirks = target.upstream_name.lower(), target.quirks
    told = next((maker for quirk, maker in _TOLD.items() if quirk in quirks), "")
    found = _MAKER.search(name)
    maker = told or (found[1] if found else "")
    version = _claude_version(name) if maker == "anthropic" else (99, 0)
    structured = maker not in ("amazon", "meta", "cohere", "ai21", "writer") and not _NO_STRUCTURE.search(name)
    return Model(
        maker=maker,
        version=version,
        system="no_system" not in quirks and not _NO_SYSTEM.search(name),
        structure="no_output_format" not in quirks and structured and version >= (4, 5),
        cache="no_cache_points" not in quirks and maker in ("anthropic", "amazon", "") and "titan" not in name,
        cache_tools=maker in ("anthropic", ""),
        tool_choice="no_tool_choice" not in quirks and maker not in ("meta", "deepseek", "writer", "cohere", "ai21"),
        named_choice=maker in ("anthropic", "amazon", ""),
        reads_result_status="no_result_status" not in quirks and maker != "writer",
        nova_2=bool(_NOVA_2.search(name)),
    )


def _claude_version(name: str) -> tuple[int, int]:
    found = _CLAUDE.search(name)
    if found is None:
        return (1, 0) if "instant" in name else (99, 0)
    return int(found[1]), int(found[2] or 0)


def fields_for(
    request: Request, model: Model, quirks: frozenset[str], limit: int | None, *, thinks: bool
) -> dict[str, Any]:
    """`additionalModelRequestFields` for this model. `thinks` says whether it may think in this turn at all."""
    thinking = reasoning_fields(request, model, quirks, limit) if thinks else {}
    if request.top_k is None or (model.claude and thinking) or "no_sampling" in quirks:
        return thinking
    match model.maker:
        case "anthropic" | "mistral" | "qwen":
            return {**thinking, "top_k": request.top_k}
        case "cohere":
            return {**thinking, "k": request.top_k}
        case "amazon" if not model.nova_2 or "reasoningConfig" not in thinking:
            return {**thinking, "inferenceConfig": {"topK": request.top_k}}
        case _:
            return thinking


def reasoning_fields(request: Request, model: Model, quirks: frozenset[str], limit: int | None) -> dict[str, Any]:
    """How this maker's models are told how much to reason; nothing for models that always or never do."""
    effort, budget = request.reasoning_effort, request.reasoning_budget_tokens
    if (effort is None and budget is None) or "no_thinking" in quirks:
        return {}
    off = effort == "none" or (effort is None and budget == 0)
    word = effort or effort_of_budget(budget or 0)
    match model.maker:
        case "anthropic":
            return _claude_thinking(word, budget, model, quirks, limit, off=off)
        case "openai":
            return {"reasoning_effort": _LEVELS.get(word, "low" if off else "medium")}
        case "qwen":
            return {} if off else {"reasoning_config": _LEVELS.get(word, "medium")}
        case "amazon" if model.nova_2:
            config = (
                {"type": "disabled"} if off else {"type": "enabled", "maxReasoningEffort": _LEVELS.get(word, "medium")}
            )
            return {"reasoningConfig": config}
        case _:
            return {}


def _claude_thinking(
    word: str, budget: int | None, model: Model, quirks: frozenset[str], limit: int | None, *, off: bool
) -> dict[str, Any]:
    if model.version < (3, 7):
        return {}
    if off:
        return {"thinking": {"type": "disabled"}}
    if model.version >= (4, 6) and "thinking_budget" not in quirks:
        level = _CLAUDE_LEVELS.get(word, "medium")
        return {"thinking": {"type": "adaptive"}, "output_config": {"effort": level}}
    tokens = max(budget or budget_of_effort(word), MIN_BUDGET_TOKENS)
    tokens = tokens if limit is None else min(tokens, limit - 1)
    return {"thinking": {"type": "enabled", "budget_tokens": tokens}} if tokens >= MIN_BUDGET_TOKENS else {}


def takes_fixed_budget(fields: Mapping[str, Any]) -> bool:
    """Whether these fields make Claude think within a budget, which wants its own thinking of a tool loop back."""
    thinking = fields.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") == "enabled"
