from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.toml import load, refuse

AT_AZURE = "[[deployments]]\nprovider = 'azure'\nmodel = 'gpt-large'\n"


def test_what_the_file_says_is_filled_into_the_address(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE + "address = { resource = 'acme-prod' }\n").deployments
    assert deployment.base_url == "https://acme-prod.openai.azure.com/openai/v1"
    assert deployment.region == "GLOBAL"


def test_what_the_file_does_not_say_is_read_from_its_usual_variable(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE, {"AZURE_RESOURCE": " acme "}).deployments
    assert deployment.base_url == "https://acme.openai.azure.com/openai/v1"


def test_what_nobody_says_is_asked_for_with_what_belongs_there(tmp_path: Path) -> None:
    assert refuse(tmp_path, AT_AZURE) == (
        "entrepot.toml, line 1: deployments[0]: azure's address is https://{resource}.openai.azure.com/openai/v1, where "
        "resource is the name of your Azure resource: "
        'write address = { resource = "…" }, or set AZURE_RESOURCE'
    )


def test_a_blank_that_is_none_is_a_slip_of_the_pen(tmp_path: Path) -> None:
    said = refuse(tmp_path, AT_AZURE + "address = { resorce = 'acme' }\n")
    assert (
        "line 4: deployments[0].address.resorce: azure's address has no 'resorce' in it; did you mean 'resource'?"
        in said
    )


@pytest.mark.parametrize("value", ["acme.example/x?", "acme/../..", "a b", "@evil.example", "-", "模型", "acme."])
def test_what_is_no_word_cannot_turn_an_address_into_anothers(tmp_path: Path, value: str) -> None:
    said = refuse(tmp_path, AT_AZURE + f"address = {{ resource = '{value}' }}\n")
    assert f"deployments[0].address.resource: resource = '{value}' is not a word that stands in an address" in said


def test_a_key_pasted_there_is_not_repeated(tmp_path: Path) -> None:
    said = refuse(tmp_path, AT_AZURE + "address = { resource = 'sk-proj-abcdefghijklmnop/' }\n")
    assert "abcdefgh" not in said


@pytest.mark.parametrize(
    "table",
    [
        "provider = 'openai'\nmodel = 'gpt-large'\naddress = { resource = 'x' }",
        "provider = 'azure'\nmodel = 'gpt-large'\nbase_url = 'https://acme.openai.azure.com/openai/v1'\n"
        "address = { resource = 'x' }",
    ],
)
def test_where_nothing_is_left_to_fill_in_nothing_is_filled_in(tmp_path: Path, table: str) -> None:
    assert ".address: " in refuse(tmp_path, f"[[deployments]]\n{table}\n")


def test_a_whole_address_needs_nothing_filled_in(tmp_path: Path) -> None:
    (deployment,) = load(tmp_path, AT_AZURE + "base_url = 'https://gate.acme.example/v1?api-version=1'\n").deployments
    assert deployment.base_url == "https://gate.acme.example/v1?api-version=1"
