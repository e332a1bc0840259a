"""The words of OpenTelemetry's semantic conventions for generative AI, for what an entry says.

Rules of this file: the conventions are those of 2026, in a repository of their own (open-telemetry/semantic-conventions-genai,
status: development). Nothing here knows of the SDK.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from entrepot.catalog.schema import Deployment
from entrepot.exchange.records import AttemptRecord, Entry

Value = str | int | float | bool
Attributes = dict[str, Value]

OURS = "entrepot"
_OPERATIONS = {
    "openai-completions": "text_completion",
    "openai-embeddings": "embeddings",
    "gemini-embed": "embeddings",
    "gemini-generate": "generate_content",
}
_PROVIDERS = {
    "amazon-bedrock": "aws.bedrock",
    "amazon-bedrock-mantle": "aws.bedrock",
    "azure-openai": "azure.ai.openai",
    "google-gemini": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "google-vertex-anthropic": "gcp.vertex_ai",
    "google-vertex-open": "gcp.vertex_ai",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "moonshot-cn": "moonshot_ai",
    "xai": "x_ai",
}
"""Where the conventions have another word for a provider than the catalog."""


class Hosts:
    """What the conventions want to know of deployments: which names they are called by there, and where."""

    def __init__(self, deployments: Sequence[Deployment]) -> None:
        self._known = {one.id: _host(one) for one in deployments}

    def of(self, attempt: AttemptRecord) -> Attributes:
        """Of one that the settings no longer have, only what its entry says."""
        known = self._known.get(attempt.deployment)
        if known is not None:
            return known
        return {"gen_ai.provider.name": provider_name(attempt.provider), "gen_ai.request.model": attempt.model}


def provider_name(provider: str) -> str:
    """The conventions' word for a provider of the catalog."""
    return _PROVIDERS.get(provider, provider)


def operation_of(entry: Entry) -> str:
    """What was asked for, in the conventions' words."""
    return _OPERATIONS.get(entry.dialect, "chat")


def error_type(entry: Entry) -> str | None:
    """How it failed, in few words of ours, never a provider's; None where it did not."""
    if entry.state in ("completed", "client_gone"):
        return None if entry.state == "completed" else entry.state
    if entry.attempts:
        return entry.attempts[-1].failure or entry.state
    return entry.error_code or entry.state


def told(attributes: Mapping[str, Value | None]) -> Attributes:
    """Those that are known."""
    return {name: value for name, value in attributes.items() if value is not None}


def _host(deployment: Deployment) -> Attributes:
    parts = urlsplit(deployment.base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return {
        "gen_ai.provider.name": provider_name(deployment.provider),
        "gen_ai.request.model": deployment.upstream_name,
        **({} if parts.hostname is None else {"server.address": parts.hostname, "server.port": port}),
        "entrepot.deployment": deployment.id,
    }
