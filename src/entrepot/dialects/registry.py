"""Dialects by name, and the relay between any two.

Rules of this file: a dialect is known by its `name`, which settings and the catalog use; one that no table here has is looked
for among installed plugins (entry points `entrepot.dialects`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from entrepot.canonical.request import Operation
from entrepot.dialects.anthropic_messages import AnthropicMessages
from entrepot.dialects.base import NO_HEADERS, Asked, ClientDialect, ProviderDialect, Relay, Target
from entrepot.dialects.bedrock_converse import BedrockConverse
from entrepot.dialects.gemini_embed import GEMINI_EMBED
from entrepot.dialects.gemini_generate import GeminiGenerate
from entrepot.dialects.ollama_chat import OllamaChat
from entrepot.dialects.ollama_embed import OllamaEmbed
from entrepot.dialects.openai_chat import OpenAIChat
from entrepot.dialects.openai_completions import OpenAICompletions
from entrepot.dialects.openai_embeddings import OPENAI_EMBEDDINGS
from entrepot.dialects.openai_responses import OpenAIResponses
from entrepot.dialects.translation import Translation
from entrepot.errors import CatalogError
from entrepot.plugins import load_plugin

_OPENAI_CHAT = OpenAIChat()
_ANTHROPIC_MESSAGES = AnthropicMessages()
_GEMINI_GENERATE = GeminiGenerate()
_OPENAI_RESPONSES = OpenAIResponses()
_OPENAI_COMPLETIONS = OpenAICompletions()

CLIENT_DIALECTS: dict[str, ClientDialect] = {
    dialect.name: dialect
    for dialect in (_OPENAI_CHAT, _OPENAI_RESPONSES, _OPENAI_COMPLETIONS, _ANTHROPIC_MESSAGES, _GEMINI_GENERATE)
}
"""In what clients may ask us for answers, by name. Each path of the server is of one dialect."""

EMBEDDING_CLIENTS: dict[str, ClientDialect] = {dialect.name: dialect for dialect in (OPENAI_EMBEDDINGS, GEMINI_EMBED)}
"""In what clients may ask us for embeddings, by name."""

CLIENT_PATHS: dict[str, ClientDialect] = {
    "/v1/chat/completions": _OPENAI_CHAT,
    "/v1/responses": _OPENAI_RESPONSES,
    "/v1/completions": _OPENAI_COMPLETIONS,
    "/v1/embeddings": OPENAI_EMBEDDINGS,
    "/v1/responses/": _OPENAI_RESPONSES,
    "/v1/messages": _ANTHROPIC_MESSAGES,
    "/v1beta/models/": _GEMINI_GENERATE,
    "/v1/models/": _GEMINI_GENERATE,
}
"""Where each dialect's clients send their requests; one that ends in a slash owns what lies below it, because its clients
name the model there. GEMINI_ACTIONS tells such paths apart by their end. What no dialect owns is answered in the first one's
shape."""

GEMINI_ACTIONS: dict[str, ClientDialect] = {
    ":embedContent": GEMINI_EMBED,
    ":batchEmbedContents": GEMINI_EMBED,
}
"""What Gemini's clients ask for at the end of a path, where it is not an answer."""

PROVIDER_DIALECTS: dict[str, ProviderDialect] = {
    dialect.name: dialect
    for dialect in (
        _OPENAI_CHAT,
        _OPENAI_RESPONSES,
        _ANTHROPIC_MESSAGES,
        _GEMINI_GENERATE,
        BedrockConverse(),
        OllamaChat(),
    )
}
"""What we speak to providers, by the name that the catalog calls it."""

EMBEDDING_DIALECTS: dict[str, ProviderDialect] = {
    "openai-chat": OPENAI_EMBEDDINGS,
    "openai-responses": OPENAI_EMBEDDINGS,
    "gemini-generate": GEMINI_EMBED,
    "ollama-chat": OllamaEmbed(),
}
"""What we speak to a provider of the named dialect when it is to embed; one that is not here does not embed."""


def client_dialect(path: str) -> ClientDialect | None:
    """The dialect whose clients send their requests to this path, None if there is none."""
    found = CLIENT_PATHS.get(path)
    if found is None:
        found = next(
            (CLIENT_PATHS[each] for each in CLIENT_PATHS if each.endswith("/") and path.startswith(each)), None
        )
        if found is not None:
            found = GEMINI_ACTIONS.get(f":{path.rpartition(':')[2]}", found)
    return found


def provider_dialect(name: str, operation: Operation = "generate") -> ProviderDialect:
    """What to speak to a provider of this dialect, ours or a plugin's, for this operation.

    Raises OperatorError or CatalogError if there is no such dialect, or it does not embed.
    """
    if operation == "embed":
        embedding = EMBEDDING_DIALECTS.get(name)
        if embedding is None:
            raise CatalogError(f"the dialect '{name}' does not embed: embeddings come from {_embedders()}")
        return embedding
    known = PROVIDER_DIALECTS.get(name)
    if known is not None:
        return known
    loaded = load_plugin("dialects", name)
    missing = [
        each for each in ("quirks", "render_request", "open_parser", "parse_failure") if not hasattr(loaded, each)
    ]
    if missing:
        raise CatalogError(f"the plugin dialect '{name}' lacks {', '.join(missing)}: it cannot speak to providers")
    return cast(ProviderDialect, loaded)


def _embedders() -> str:
    return ", ".join(sorted(EMBEDDING_DIALECTS))


def open_relay(
    client: ClientDialect,
    provider: ProviderDialect,
    asked: Asked,
    target: Target,
    created_s: int = 0,
    headers: Mapping[bytes, bytes] = NO_HEADERS,
) -> Relay:
    """A fresh relay for one attempt: the pass-through where both speak the same and know how, a translation otherwise.

    `created_s` (Unix seconds) is the answer's time where the provider's dialect does not say it. `headers` are the provider's
    answer's, with lower-case names.
    """
    if client.name == provider.name and (relay := client.open_relay(asked, target, headers)) is not None:
        return relay
    return Translation(provider.open_parser(asked, target, headers), client.open_renderer(asked, created_s))
