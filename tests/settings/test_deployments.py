from __future__ import annotations

from pathlib import Path

import pytest

from tests.settings.toml import ONE_DEPLOYMENT, load, refuse


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (
            "provider = 'mine'\nmodel = 'm'",
            "[0].provider: the catalog knows no provider 'mine'; known: azure, deepseek",
        ),
        ("provider = 'openai-compatible'\nmodel = 'm'", "'base_url' is missing"),
        ("provider = 'openai'\nmodel = 'qwen3-8b'", "the catalog knows no model 'qwen3-8b' at openai"),
        (
            "provider = 'openai'\nmodel = 'gpt-large'\nregion = 'eur'",
            "[0].region: openai has no region 'eur'; did you mean 'eu'?",
        ),
        (
            "provider = 'mine'\nmodel = 'm'\nbase_url = 'https://h/v1'\nregion = 'UK'",
            "[0].region: 'UK' is neither a country's ISO 3166 code nor EU, GLOBAL or LOCAL; did you mean 'GB'?",
        ),
        ("provider = 'openai'\nmodel = 'gpt-large'\nbase_url = 'api.openai.com'", "[0].base_url: not an address"),
        (
            "provider = 'openai'\nmodel = 'gpt-large'\nprice = { input_per_mtok = -1, output_per_mtok = 1 }",
            "[0].price: a price of -1 per million tokens",
        ),
        (
            "provider = 'openai'\nmodel = 'gpt-large'\nprice = { input_per_mtok = 0.1234567, output_per_mtok = 1 }",
            "at most six decimals",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, table: str, said: str) -> None:
    assert said in refuse(tmp_path, f"[[deployments]]\n{table}\n")


def test_a_provider_key_in_the_file_is_refused_and_not_repeated(tmp_path: Path) -> None:
    said = refuse(tmp_path, ONE_DEPLOYMENT + "key = 'sk-proj-abcdefghijklmnop'\n")
    assert "line 4: deployments[0].key: write where the secret is found, env:NAME or file:PATH" in said
    assert "abcdefgh" not in said


def test_a_password_in_an_address_is_refused_and_not_repeated(tmp_path: Path) -> None:
    said = refuse(tmp_path, ONE_DEPLOYMENT + "base_url = 'https://me:hunter2@proxy/v1'\n")
    assert "holds a password" in said
    assert "hunter2" not in said


def test_a_key_pasted_where_a_provider_belongs_is_not_repeated(tmp_path: Path) -> None:
    said = refuse(tmp_path, "[[deployments]]\nprovider = 'sk-proj-abcdefghijklmnop'\nmodel = 'm'\n")
    assert "abcdefgh" not in said
    assert "a value of 24 characters" in said


def test_a_key_is_not_sent_in_the_clear_over_a_way_that_is_not_ones_own(tmp_path: Path) -> None:
    table = (
        "[[deployments]]\nprovider = 'mine'\nmodel = 'm'\nkey = 'env:K'\nbase_url = 'http://models.example.com/v1'\n"
    )
    assert "line 5: deployments[0].base_url: http:// would send the key in the clear" in refuse(tmp_path, table)
    assert load(tmp_path, table + "on_premises = true\n").deployments
    assert load(tmp_path, table.replace("models.example.com", "gpu-box")).deployments
    assert load(tmp_path, table.replace("key = 'env:K'\n", "")).deployments


def test_two_deployments_of_one_id_are_refused(tmp_path: Path) -> None:
    said = refuse(tmp_path, ONE_DEPLOYMENT + "region = 'eu'\n" + ONE_DEPLOYMENT)
    assert "line 5: deployments[1]: 'openai/gpt-large' names two deployments; give one of them an id" in said


def test_deployments_keep_the_order_of_the_file(tmp_path: Path) -> None:
    document = "".join(
        f"[[deployments]]\nprovider = 'openai'\nmodel = '{model}'\n"
        for model in ("gpt-small", "gpt-large", "gpt-middle")
    )
    models = [deployment.model for deployment in load(tmp_path, document).deployments]
    assert models == ["gpt-small", "gpt-large", "gpt-middle"]
