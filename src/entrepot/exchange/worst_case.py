"""The most that an attempt can cost, so that it can be reserved before the call.

Rules of this file: a true bound or none. A token is at least one byte of text, and the JSON around a message is longer than
what a provider's template adds for it, so the bytes of the body, with a margin for what tools are introduced by, bound what
is read. What is not in the body is bounded by the model's context, or not at all. An attempt without a bound has a reason
instead, which is shown.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from entrepot.canonical.request import SEARCH_BESIDE, Media, Request, ToolResult, Unknown
from entrepot.dialects.base import Asked
from entrepot.dialects.delegation import delegated
from entrepot.exchange.plan import Candidate

_TEMPLATE_TOKENS = 256
_TOOL_TEMPLATE_TOKENS = 1024
"""What providers tell a model of tools beside their definitions: Anthropic states 159 to 804 tokens (Tool use, Pricing)."""

_LONGEST_IMAGE_TOKENS = 50_000
"""The dearest known is a large image for gpt-4o-mini: 36,835 (OpenAI, Images and vision, Calculating costs)."""

_KEPT_BY_PROVIDER = ("previous_response_id", "conversation", "cachedContent", "cached_content", "container")
_BILLED_BESIDE = (
    "web_search_options",
    "search_parameters",
    "enable_search",
    "plugins",
    "mcp_servers",
    "data_sources",
    SEARCH_BESIDE,
)
"""Fields by which clients ask for searches and tools that a provider runs itself: OpenAI, xAI, Alibaba, OpenRouter, Anthropic."""

_LEAST_LIMIT = 16
"""What is sent to a host that takes no smaller limit (the quirk `least_16_output_tokens`)."""

_THINKS_BESIDE_ITS_LIMIT = frozenset({"enable_thinking", "thinking_type", "template_thinking"})
"""Quirks of hosts where, for some models, the limit holds for the answer and not for the reasoning before it."""


def worst_nano_usd(
    asked: Asked,
    candidate: Candidate,
    max_output_tokens: int | None,
    body_bytes: int,
    at_s: float,
    *,
    only_text: bool = False,
) -> int | str:
    """The most that one call can cost, in whole nano-dollars, or the reason why nobody knows.

    `max_output_tokens` is the limit that is sent where the client named none; `body_bytes` the length of what is sent;
    `at_s` (Unix seconds) the moment whose prices hold. `only_text` (`canonical.Gist`) saves looking for what is dearer than text.
    """
    tariff = candidate.tariff
    if tariff is None:
        return "its price is unknown"
    if tariff.is_free:
        return 0
    read = body_bytes + _TEMPLATE_TOKENS if only_text else longest_input(asked, candidate, body_bytes)
    if isinstance(read, str):
        return read
    wrote = longest_output(asked.request, candidate, max_output_tokens)
    if isinstance(wrote, str):
        return wrote
    if only_text:
        worst = tariff.worst_nano_usd(read, wrote, at_s)
    else:
        raw = asked.fields
        worst = tariff.worst_nano_usd(
            read,
            wrote,
            at_s,
            service=_service_of(asked.request.extra),
            sound="audio" in raw or "modalities" in raw or _has_sound(asked.request),
            hour=any(b'"1h"' in bytes(value) for value in raw.values()),
        )
    return "its price for so long a request, or for the service it asks for, is unknown" if worst is None else worst


def longest_input(asked: Asked, candidate: Candidate, body_bytes: int) -> int | str:
    """The most tokens that the model can be made to read, or why nobody knows."""
    request = asked.request
    tokens = body_bytes + _TEMPLATE_TOKENS + (_TOOL_TEMPLATE_TOKENS if request.tools else 0)
    context = candidate.deployment.context_tokens
    if request.extra or request.tools:
        passed_on = asked.dialect == candidate.dialect.name
        asks_for = [request.extra.get(name) for name in _BILLED_BESIDE] if passed_on else []
        if any(tool.hosted is not None for tool in request.tools) or any(
            each not in (None, False) for each in asks_for
        ):
            return "a tool of the provider's own is billed beside tokens"
        if passed_on and (fields := delegated(request)):
            return f"'{fields[0]}' leaves to the provider who answers, at whatever price"
        if any(request.extra.get(name) for name in _KEPT_BY_PROVIDER) or isinstance(request.extra.get("prompt"), dict):
            return context or "it goes on from what the provider keeps, and the model's context_tokens are not known"
    images = 0
    for part in _parts(request):
        if isinstance(part, Media) and part.kind == "image":
            images += 1
        elif isinstance(part, Media) or (isinstance(part, Unknown) and "token_ids" not in part.raw):
            return context or "it holds more than text and images, and the model's context_tokens are not known"
    tokens += images * _LONGEST_IMAGE_TOKENS
    return tokens if context is None or not images else min(tokens, context)


def longest_output(request: Request, candidate: Candidate, max_output_tokens: int | None) -> int | str:
    """The most tokens that the model can write, reasoning included, or why nobody knows."""
    if request.operation == "embed":
        return 0
    deployment = candidate.deployment
    limit = request.max_output_tokens or max_output_tokens or deployment.max_output_tokens
    if limit is None:
        return "it has no token limit: send one, or set max_output_tokens on the route or the deployment"
    if "least_16_output_tokens" in deployment.quirks:
        limit = max(limit, _LEAST_LIMIT)
    if deployment.quirks & _THINKS_BESIDE_ITS_LIMIT:
        thoughts = request.reasoning_budget_tokens or deployment.max_output_tokens
        if thoughts is None:
            return "it may think beyond its token limit: set max_output_tokens on the deployment"
        limit += thoughts
    tried = _whole(request.extra.get("best_of"))
    if tried is None:
        return "its 'best_of' is no whole number"
    prediction = request.extra.get("prediction")
    beside = (
        len(str(prediction).encode()) if prediction else 0
    )  # tokens of a prediction that fails are billed as output
    return (limit + beside) * max(request.n, tried)


def _has_sound(request: Request) -> bool:
    """Whether it may hold any: sound, films, and files of which nobody knows."""
    return any(isinstance(part, Media) and part.kind != "image" for part in _parts(request))


def _parts(request: Request) -> list[Any]:
    """Every part, and those inside the results of tools."""
    found: list[Any] = []
    for part in request.parts():
        found.append(part)
        if isinstance(part, ToolResult):
            found.extend(part.parts)
    return found


def _service_of(extra: Mapping[str, Any]) -> str | None:
    named = extra.get("service_tier") or extra.get("serviceTier")
    return named if isinstance(named, str) else None


def _whole(value: object) -> int | None:
    """A number of answers, also where it is written as text or with a fraction of nothing, as lenient hosts read it."""
    if value in (None, False, True):
        return 1
    try:
        number = float(value) if isinstance(value, int | float | str) else math.nan
    except (ValueError, OverflowError):
        return None
    return int(number) if number.is_integer() else None
