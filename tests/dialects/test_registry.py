from __future__ import annotations

import pytest

from entrepot.dialects.base import Target
from entrepot.dialects.openai_chat.relay import StreamRelay, WholeRelay
from entrepot.dialects.registry import (
    CLIENT_DIALECTS,
    CLIENT_PATHS,
    EMBEDDING_CLIENTS,
    EMBEDDING_DIALECTS,
    GEMINI_ACTIONS,
    PROVIDER_DIALECTS,
    client_dialect,
    open_relay,
    provider_dialect,
)
from entrepot.dialects.translation import Translation
from entrepot.errors import CatalogError, OperatorError

TARGET = Target("https://api.example/v1", "m")
CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": %s}'


def test_a_dialect_is_found_by_its_own_name() -> None:
    for name, client in CLIENT_DIALECTS.items():
        assert client.name == name
    for name, provider in PROVIDER_DIALECTS.items():
        assert provider_dialect(name) is provider
        assert provider.name == name


def test_a_dialect_that_nobody_offers_is_the_operators_error() -> None:
    with pytest.raises(OperatorError, match="no installed package offers 'klingon'"):
        provider_dialect("klingon")


@pytest.mark.parametrize("name", ["anthropic-messages", "bedrock-converse"])
def test_a_dialect_without_embeddings_says_so(name: str) -> None:
    with pytest.raises(CatalogError, match=f"'{name}' does not embed"):
        provider_dialect(name, "embed")


@pytest.mark.parametrize(("stream", "relay"), [(b"true", StreamRelay), (b"false", WholeRelay)])
def test_the_same_dialect_on_both_sides_passes_through(stream: bytes, relay: type) -> None:
    client, provider = CLIENT_DIALECTS["openai-chat"], PROVIDER_DIALECTS["openai-chat"]
    assert type(open_relay(client, provider, client.parse_request(CHAT % stream), TARGET)) is relay


def test_every_client_meets_every_provider() -> None:
    asked = CLIENT_DIALECTS["openai-chat"].parse_request(CHAT % b"true")
    for client in CLIENT_DIALECTS.values():
        for provider in PROVIDER_DIALECTS.values():
            relay = open_relay(client, provider, asked, TARGET, created_s=1)
            assert client.name == provider.name or isinstance(relay, Translation)


def test_a_path_belongs_to_one_dialect() -> None:
    found = {
        path: client_dialect(path) for path in ("/v1/messages", "/v1beta/models/auto:generateContent", "/v1/messages/x")
    }
    assert [None if dialect is None else dialect.name for dialect in found.values()] == [
        "anthropic-messages",
        "gemini-generate",
        None,
    ]


def test_every_clients_dialect_has_its_path() -> None:
    paths = (*CLIENT_PATHS.values(), *GEMINI_ACTIONS.values())
    assert {dialect.name for dialect in paths} == CLIENT_DIALECTS.keys() | EMBEDDING_CLIENTS.keys()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/embeddings", "openai-embeddings"),
        ("/v1beta/models/m:embedContent", "gemini-embed"),
        ("/v1/models/qwen/m:batchEmbedContents", "gemini-embed"),
        ("/v1beta/models/m:streamGenerateContent", "gemini-generate"),
    ],
)
def test_an_address_below_a_model_belongs_to_the_dialect_of_its_action(path: str, name: str) -> None:
    found = client_dialect(path)
    assert found is not None
    assert found.name == name


def test_every_embedding_client_meets_every_embedding_provider() -> None:
    asked = EMBEDDING_CLIENTS["openai-embeddings"].parse_request(b'{"model": "m", "input": "x"}')
    for client in EMBEDDING_CLIENTS.values():
        for name in EMBEDDING_DIALECTS:
            assert isinstance(
                open_relay(client, provider_dialect(name, "embed"), asked, TARGET, created_s=1), Translation
            )
