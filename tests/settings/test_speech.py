from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.settings.toml import ONE_DEPLOYMENT, load, refuse

AT_AZURE = "[[deployments]]\nprovider = 'azure'\nmodel = 'gpt-large'\naddress = { resource = 'acme' }\n"
MINE = "[[deployments]]\nprovider = 'mine'\nmodel = '模型'\nbase_url = 'https://h.example/v1'\nkey = 'env:K'\n"


@pytest.mark.parametrize(
    ("dialect", "auth"),
    [("openai-chat", "bearer"), ("anthropic-messages", "x-api-key"), ("gemini-generate", "x-goog-api-key")],
)
def test_an_address_of_ones_own_may_speak_any_dialect_and_is_sent_its_key_as_is_usual(
    tmp_path: Path, dialect: str, auth: str
) -> None:
    (deployment,) = load(tmp_path, MINE + f"dialect = '{dialect}'\n").deployments
    assert (deployment.dialect, deployment.auth) == (dialect, auth)


def test_how_the_key_is_sent_can_be_said(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, MINE + "dialect = 'anthropic-messages'\nauth = 'bearer'\n").deployments
    assert deployment.auth == "bearer"


def test_quirks_can_be_said(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, MINE + "quirks = ['no_json_schema', 'no_developer_role']\n").deployments
    assert deployment.quirks == {"no_json_schema", "no_developer_role"}


def test_a_dialect_that_nobody_speaks_is_refused_with_the_nearest(tmp_path: Path) -> None:
    said = refuse(tmp_path, MINE + "dialect = 'anthropic-mesages'\n")
    assert (
        "line 6: deployments[0].dialect: there is no dialect 'anthropic-mesages'; did you mean 'anthropic-messages'?"
        in said
    )


def test_a_quirk_that_the_dialect_does_not_know_is_refused_with_the_nearest(tmp_path: Path) -> None:
    said = refuse(tmp_path, MINE + "quirks = ['no_jsonschema']\n")
    assert "deployments[0].quirks: openai-chat knows no quirk 'no_jsonschema'; did you mean 'no_json_schema'?" in said


def test_a_provider_that_is_spoken_to_otherwise_keeps_no_quirk_of_its_own_dialect(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE + "key = 'env:K'\ndialect = 'anthropic-messages'\n").deployments
    assert deployment.quirks == frozenset()


def test_a_region_may_speak_another_dialect_with_quirks_of_its_own(tmp_path: Path) -> None:
    usual, other = load(
        tmp_path, AT_AZURE + "key = 'env:K'\n" + AT_AZURE + "id = 'b'\nregion = 'anthropic'\nkey = 'env:K'\n"
    ).deployments
    assert (usual.dialect, usual.auth) == ("openai-chat", "api-key")
    assert usual.quirks == {"max_completion_tokens", "reasoning_effort"}
    assert (other.dialect, other.auth) == ("anthropic-messages", "x-api-key")
    assert other.quirks == {"no_image_urls"}
    assert other.price == usual.price


def test_without_a_key_a_provider_in_a_cloud_is_opened_by_the_clouds_own_credentials(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE).deployments
    assert (deployment.auth, deployment.secret) == ("azure", None)
    assert deployment.auth_scope == "https://cognitiveservices.azure.com/.default"


def test_with_a_key_in_its_usual_variable_it_is_opened_by_that(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE, {"AZURE_KEY": "k"}).deployments
    assert (deployment.auth, deployment.secret, deployment.auth_scope) == ("api-key", "env:AZURE_KEY", None)


def test_the_clouds_own_credentials_can_be_asked_for_although_there_is_a_key(tmp_path: Path) -> None:
    table = AT_AZURE + "auth = 'azure'\nauth_scope = 'https://ai.azure.com/.default'\n"
    (deployment,) = load(tmp_path, table, {"AZURE_KEY": "k"}).deployments
    assert (deployment.auth, deployment.secret) == ("azure", None)
    assert deployment.auth_scope == "https://ai.azure.com/.default"


def test_a_clouds_credentials_and_a_key_exclude_each_other(tmp_path: Path) -> None:
    said = refuse(tmp_path, MINE + "auth = 'aws'\nauth_scope = 'us-east-1/bedrock'\n")
    assert "deployments[0].key: auth = 'aws' takes that cloud's own credentials, and no key" in said


def test_a_clouds_credentials_are_asked_for_something(tmp_path: Path) -> None:
    said = refuse(tmp_path, MINE.replace("key = 'env:K'\n", "") + "auth = 'aws'\n")
    assert "deployments[0].auth: auth = 'aws' needs to know what for: auth_scope = \"us-east-1/bedrock\"" in said


def test_a_library_that_is_not_installed_is_a_mistake_of_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "azure.identity", None)
    said = refuse(tmp_path, ONE_DEPLOYMENT + AT_AZURE)
    assert said.startswith("entrepot.toml, line 4: deployments[1]: ")
    assert "pip install 'entrepot[clouds]'" in said
