from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from entrepot.settings.client_key import digest, is_well_formed
from entrepot.settings.discover import Discovery, discover
from entrepot.settings.probe import LocalServer, Port
from entrepot.settings.schema import Settings
from tests.settings.small_catalog import OPENAI, SMALL

HOME = {"HOME": "/users/李雷"}
OLLAMA_AT = "http://127.0.0.1:11434"


def find(environ: dict[str, str], *servers: LocalServer) -> Discovery:
    """What is found with these local servers."""
    return discover(HOME | environ, lambda ports: servers, catalog=SMALL, entropy=bytes(range(32)))


def served(found: Discovery) -> Settings:
    """The settings, which there must be."""
    assert found.settings is not None
    return found.settings


def test_a_key_in_the_environment_brings_a_few_models_of_its_provider() -> None:
    found = find({"OPENAI_API_KEY": "sk-secret"})
    settings = served(found)
    assert [one.id for one in settings.deployments] == ["openai/gpt-small", "openai/gpt-other", "openai/gpt-large"]
    assert {one.secret for one in settings.deployments} == {"env:OPENAI_API_KEY"}
    assert "OPENAI_API_KEY is set: OpenAI (processed in GLOBAL) with gpt-small, gpt-other, gpt-large" in found.findings
    assert "sk-secret" not in repr(found)


def test_the_second_usual_name_of_a_key_is_known_too() -> None:
    (deployment,) = served(find({"DEEPSEEK_API_KEY": " ", "DEEPSEEK_KEY": "x"})).deployments
    assert deployment.secret == "env:DEEPSEEK_KEY"


def test_every_local_model_that_can_chat_is_taken_and_what_is_left_out_is_said() -> None:
    models = ("qwen3:8b", "nomic-embed-text", "gpt-oss:120b-cloud", "本地", "bge-reranker-v2-m3")
    server = LocalServer("ollama", OLLAMA_AT, models)
    found = find({}, server)
    assert [(one.model, one.region, one.on_premises) for one in served(found).deployments] == [
        ("qwen3:8b", "LOCAL", True),
        ("本地", "LOCAL", True),
        ("nomic-embed-text", "LOCAL", True),
    ]
    said = "\n".join(found.findings)
    assert f"Ollama answers at {OLLAMA_AT} with qwen3:8b, 本地" in said
    assert "left out, since Ollama hands them on to a cloud: gpt-oss:120b-cloud" in said
    assert f"Ollama at {OLLAMA_AT} makes embeddings with nomic-embed-text" in said
    assert "left out, since by their names they do not chat: bge-reranker-v2-m3" in said


def test_a_local_embedding_model_embeds_and_is_never_what_quality_is_measured_from() -> None:
    settings = served(find({}, LocalServer("ollama", OLLAMA_AT, ("nomic-embed-text", "qwen3:8b"))))
    (embedder,) = [one for one in settings.deployments if one.capabilities == frozenset({"embeddings"})]
    assert embedder.model == "nomic-embed-text"
    assert settings.routes[0].reference != embedder.id


def test_a_server_that_only_embeds_is_not_enough_to_start_with() -> None:
    assert find({}, LocalServer("ollama", OLLAMA_AT, ("nomic-embed-text",))).settings is None


def test_local_servers_are_asked_for_at_their_usual_ports() -> None:
    asked: list[Port] = []

    def note(ports: Sequence[Port]) -> list[LocalServer]:
        asked.extend(ports)
        return []

    discover(HOME, note, catalog=SMALL, entropy=bytes(32))
    assert asked == [Port("ollama", OLLAMA_AT), Port("vllm", "http://127.0.0.1:8000/v1")]


def test_the_default_route_says_its_reference_and_that_no_baseline_was_named() -> None:
    found = find({"OPENAI_API_KEY": "x"}, LocalServer("ollama", OLLAMA_AT, ("qwen3-8b",)))
    (route,) = served(found).routes
    assert route.name == "auto"
    assert route.candidates == tuple(one.id for one in served(found).deployments)
    assert (route.reference, route.baseline) == ("openai/gpt-large", "openai/gpt-large")
    assert any("quality is measured from openai/gpt-large: the best published score" in said for said in found.findings)
    assert any(
        said.startswith("no baseline was named, so savings are against openai/gpt-large")
        and said.endswith("name it in entrepot.toml")
        for said in found.findings
    )


def test_there_is_one_key_whose_text_is_apart_from_the_settings() -> None:
    found = find({"OPENAI_API_KEY": "x"})
    assert found.first_key is not None
    assert is_well_formed(found.first_key)
    assert [key.sha256 for key in served(found).keys] == [digest(found.first_key)]
    assert found.first_key not in repr(found)
    assert found.first_key.encode() not in msgspec.json.encode(served(found))


@pytest.mark.parametrize(
    ("environ", "directory"),
    [
        ({}, "/users/李雷/.local/share/entrepot"),
        ({"XDG_DATA_HOME": "/data"}, "/data/entrepot"),
        ({"XDG_DATA_HOME": "relative"}, "/users/李雷/.local/share/entrepot"),
    ],
)
def test_the_ledger_goes_to_the_users_data_directory(environ: dict[str, str], directory: str) -> None:
    assert served(find({"OPENAI_API_KEY": "x"} | environ)).ledger.directory == directory


def test_with_nothing_found_it_says_what_to_do_and_offers_the_simulation() -> None:
    found = find({})
    assert (found.settings, found.first_key) == (None, None)
    said = "\n".join(found.findings)
    assert "OPENAI_API_KEY, DEEPSEEK_API_KEY" in said
    assert "Ollama (11434), vLLM (8000)" in said
    assert "entrepot init" in said
    assert "entrepot up --simulate" in said


def test_a_server_that_wants_a_key_and_one_without_models_are_said() -> None:
    found = find(
        {}, LocalServer("vllm", "http://127.0.0.1:8000/v1", (), locked=True), LocalServer("ollama", OLLAMA_AT, ())
    )
    assert found.settings is None
    assert any("vLLM at http://127.0.0.1:8000/v1 wants a key" in said for said in found.findings)
    assert any("no model loaded that can chat" in said for said in found.findings)


def test_a_key_that_two_providers_could_own_is_given_to_one_and_it_is_said() -> None:
    twin = msgspec.structs.replace(OPENAI, id="twin", name="Twin", regions=OPENAI.regions)
    catalog = dataclasses.replace(SMALL, providers=(*SMALL.providers, twin))
    found = discover(HOME | {"OPENAI_API_KEY": "x"}, lambda ports: [], catalog=catalog, entropy=bytes(32))
    assert {one.provider for one in served(found).deployments} == {"openai"}
    assert any("could also be a key of Twin; it is taken for OpenAI's" in said for said in found.findings)


def test_a_key_for_a_provider_without_known_prices_is_said() -> None:
    unpriced = msgspec.structs.replace(OPENAI, offers=OPENAI.offers[5:])
    catalog = dataclasses.replace(SMALL, providers=(unpriced,))
    found = discover(HOME | {"OPENAI_API_KEY": "x"}, lambda ports: [], catalog=catalog, entropy=bytes(32))
    assert found.settings is None
    assert any(said.startswith("OPENAI_API_KEY is set, but no price is known") for said in found.findings)


def test_discovery_writes_nothing(tmp_path: Path) -> None:
    find({"OPENAI_API_KEY": "x", "XDG_DATA_HOME": str(tmp_path)})
    assert list(tmp_path.iterdir()) == []
