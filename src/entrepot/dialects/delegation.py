"""What a request would have its provider decide, or do, beside letting the chosen model answer.

Rules of this file: pure. A client's own fields are passed on to a provider of the same dialect, so a field by which a provider
takes another model, another host or another place is an attempt that no rule looked at (`delegated`), and a tool that a
provider runs itself sends what the model writes to somebody else (`run_by_provider`). What is not known to be harmless is not.

Sources: openrouter.ai/docs, Model Fallbacks, Provider Routing, Presets, Plugins (2026-11-22); docs.litellm.ai, Fallbacks and
Clientside LLM Credentials; platform.claude.com, Data residency, Advisor tool; developers.openai.com, Tools; console.groq.com,
Compound, Built-in tools; learn.microsoft.com, Azure OpenAI On Your Data API reference.
"""

from __future__ import annotations

import re
from typing import Any

from entrepot.canonical.request import SEARCH_BESIDE, Request, Tool

HOSTED = "hosted:"
"""Begins what a rule calls a tool that the provider runs: `hosted:web_search`, `hosted:mcp`; `hosted:*` is any."""

_OTHER_MODELS = (
    "models",
    "fallbacks",
    "context_window_fallbacks",
    "content_policy_fallbacks",
    "preset",
    "route",
    "compound_custom",
    "user_config",
)
_OTHER_HOSTS = ("provider", "providerOptions", "plugins", "api_base", "base_url")
_FACTS = (("inference_geo", "region"), ("store", "max_retention_days"))
"""Where Anthropic processes; that OpenAI keeps a chat until it is deleted (Responses are kept by the gateway)."""
_NARROWS = frozenset(
    {"ignore", "require_parameters", "quantizations", "max_price", "preferred_max_latency", "preferred_min_throughput"}
)
"""Words of OpenRouter's `provider` that only take hosts away, or put some behind others, whatever is said with them."""

_SEARCHES = ("web_search_options", "search_parameters", "enable_search", "plugins", "data_sources")
_RUN_BY_CLIENT = frozenset(
    {
        "bash",
        "text_editor",
        "computer",
        "computer_use_preview",
        "memory",
        "custom",
        "local_shell",
        "apply_patch",
        "namespace",
    }
)
_DATED = re.compile(r"_\d{8}$")


def delegated(request: Request) -> tuple[str, ...]:
    """The fields by which the provider is to choose another model or host than the one that was asked, as clients write them."""
    extra = request.extra
    if not extra and not request.tools:
        return ()
    found = [name for name in _OTHER_MODELS if extra.get(name)]
    found += [name for name in _OTHER_HOSTS if _names_hosts(name, extra.get(name))]
    found += [f"tools[{i}].model" for i, tool in enumerate(request.tools) if (tool.hosted or {}).get("model")]
    return tuple(found)


def delegated_facts(request: Request) -> tuple[tuple[str, str], ...]:
    """The fields by which a fact becomes another than the deployment's, each with the name that rules have for the fact."""
    return tuple(pair for pair in _FACTS if request.extra.get(pair[0])) if request.extra else ()


def run_by_provider(request: Request) -> frozenset[str]:
    """What the provider is to run itself, as rules call it; with `hosted:*` if there is anything."""
    kinds = {kind for tool in request.tools if tool.hosted is not None for kind in _kinds(tool, tool.hosted)}
    beside = request.extra.get(SEARCH_BESIDE)
    if isinstance(beside, list):
        kinds.update(_DATED.sub("", name) for name in beside if isinstance(name, str))
    kinds.update(name for name in _SEARCHES if request.extra.get(name) not in (None, False, []))
    return frozenset(f"{HOSTED}{kind}" for kind in (*kinds, "*")) if kinds else frozenset()


def _names_hosts(name: str, value: object) -> bool:
    if name != "provider" or not isinstance(value, dict):
        return bool(value)
    return not all(_is_narrow(word, said) for word, said in value.items())


def _is_narrow(word: str, said: object) -> bool:
    if said is None:
        return True
    if word in ("zdr", "enforce_distillable_text"):
        return said is True
    return word in _NARROWS or (word == "data_collection" and said == "deny")


def _kinds(tool: Tool, hosted: dict[str, Any]) -> set[str]:
    """What this tool is called: by its type, with and without the date of its version."""
    kind = hosted.get("type")
    if tool.name.startswith("mcp_servers["):
        return {"mcp"}
    named = kind if isinstance(kind, str) else tool.name
    plain = _DATED.sub("", named)
    return set() if plain in _RUN_BY_CLIENT else {named, plain}
