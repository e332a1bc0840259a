from __future__ import annotations

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.dialects.registry import CLIENT_DIALECTS, EMBEDDING_CLIENTS
from entrepot.telemetry.genai import _OPERATIONS, _PROVIDERS, error_type, operation_of, provider_name
from tests.telemetry.told import HOSTS, an_attempt, an_entry

WELL_KNOWN = {
    "amazon-bedrock": "aws.bedrock",
    "anthropic": "anthropic",
    "azure-openai": "azure.ai.openai",
    "deepseek": "deepseek",
    "google-gemini": "gcp.gemini",
    "google-vertex": "gcp.vertex_ai",
    "groq": "groq",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "openai": "openai",
    "xai": "x_ai",
}


def test_providers_have_the_names_of_the_conventions_and_others_their_own() -> None:
    assert {name: provider_name(name) for name in WELL_KNOWN} == WELL_KNOWN
    assert provider_name("siliconflow") == "siliconflow"
    known = {provider.id for provider in load_catalog().providers}
    assert known >= {*WELL_KNOWN, *_PROVIDERS}


def test_operations_are_told_by_dialects_that_there_are() -> None:
    assert CLIENT_DIALECTS.keys() | EMBEDDING_CLIENTS.keys() >= _OPERATIONS.keys()
    assert all(_OPERATIONS[name] == "embeddings" for name in EMBEDDING_CLIENTS)
    assert operation_of(an_entry(dialect="anthropic-messages")) == "chat"
    assert operation_of(an_entry(dialect="gemini-generate")) == "generate_content"


def test_a_deployment_is_named_as_its_provider_names_it() -> None:
    assert HOSTS.of(an_attempt()) == {
        "gen_ai.provider.name": "mistral_ai",
        "gen_ai.request.model": "mistral-large-2512",
        "server.address": "api.mistral.test",
        "server.port": 443,
        "entrepot.deployment": "mistral/large",
    }
    own = HOSTS.of(an_attempt(deployment="own/small"))
    assert (own["server.address"], own["server.port"]) == ("::1", 8000)


def test_a_deployment_that_is_gone_is_named_as_its_entry_names_it() -> None:
    assert HOSTS.of(an_attempt(deployment="xai/grok")) == {
        "gen_ai.provider.name": "x_ai",
        "gen_ai.request.model": "grok",
    }


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (an_entry(an_attempt()), None),
        (an_entry(an_attempt(), state="client_gone"), "client_gone"),
        (an_entry(an_attempt(failure="cut_off"), state="broken", error_code="what-the-provider-calls-it"), "cut_off"),
        (an_entry(an_attempt(failure="timeout"), state="failed"), "timeout"),
        (an_entry(an_attempt(), state="failed"), "failed"),
        (an_entry(state="refused", error_code="budget_exceeded"), "budget_exceeded"),
        (an_entry(state="refused"), "refused"),
    ],
)
def test_an_error_has_a_word_of_ours(entry: object, told: str | None) -> None:
    assert error_type(entry) == told  # type: ignore[arg-type]  # entries all
