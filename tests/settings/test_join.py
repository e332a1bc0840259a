from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.catalog.schema import Deployment
from tests.settings.toml import load


def join_one(directory: Path, table: str, environ: dict[str, str] | None = None) -> tuple[Deployment, tuple[str, ...]]:
    """The one deployment of a file, and the warnings about it; the route's own is not about it."""
    loaded = load(directory, f"[[deployments]]\n{table}\n", environ)
    warnings = tuple(warning for warning in loaded.warnings if not warning.startswith("route"))
    return loaded.deployments[0], warnings


def test_what_the_catalog_knows_is_filled_in(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'deepseek'\nmodel = 'deepseek-flash'")
    assert joined.id == "deepseek/deepseek-flash"
    assert (joined.maker_country, joined.provider_country, joined.region) == ("CN", "CN", "CN")
    assert joined.open_weights is True
    assert joined.price is not None
    assert (joined.price.input_per_mtok, joined.price.currency) == (Decimal(2), "CNY")
    assert joined.on_premises is False


def test_the_region_that_is_named_gives_address_and_place(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'openai'\nmodel = 'gpt-small'\nregion = 'eu'")
    assert (joined.base_url, joined.region) == ("https://eu.api.openai.com/v1", "EU")
    assert joined.upstream_name == "gpt-small-2026"


def test_the_key_is_read_from_the_first_usual_variable_that_is_set(tmp_path: Path) -> None:
    table = "provider = 'deepseek'\nmodel = 'deepseek-flash'"
    assert join_one(tmp_path, table)[0].secret == "env:DEEPSEEK_API_KEY"
    assert join_one(tmp_path, table, {"DEEPSEEK_KEY": "x"})[0].secret == "env:DEEPSEEK_KEY"


def test_a_key_file_is_found_from_the_settings_file(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'openai'\nmodel = 'gpt-small'\nkey = 'file:keys/openai'")
    assert joined.secret == f"file:{tmp_path}/keys/openai"


def test_the_operators_price_is_theirs_and_dated(tmp_path: Path) -> None:
    table = "provider = 'openai'\nmodel = 'gpt-small'\nprice = { input_per_mtok = 0.07, output_per_mtok = 1"
    joined, _ = join_one(tmp_path, table + ", as_of = 2026-10-01 }")
    assert joined.price is not None
    assert (joined.price.input_per_mtok, joined.price.source) == (Decimal("0.07"), "operator")
    assert joined.price.as_of == "2026-10-01"
    undated, _ = join_one(tmp_path, table + " }")
    assert undated.price is not None
    assert len(undated.price.as_of) == len("2026-10-01")


def test_an_address_of_ones_own_is_of_unknown_region_until_the_file_says_it(tmp_path: Path) -> None:
    table = "provider = 'openai'\nmodel = 'gpt-small'\nbase_url = 'https://egress.example.com/v1'"
    assert join_one(tmp_path, table)[0].region == "unknown"
    assert join_one(tmp_path, table + "\nregion = 'DE'")[0].region == "DE"
    assert join_one(tmp_path, table + "\nregion = 'eu'")[0].region == "EU"


def test_the_catalogs_own_address_written_out_is_recognized(tmp_path: Path) -> None:
    table = "provider = 'openai'\nmodel = 'gpt-small'\nbase_url = 'https://eu.api.openai.com/v1/'"
    assert join_one(tmp_path, table)[0].region == "EU"


def test_a_model_unknown_to_the_catalog_has_the_facts_of_the_file_and_no_others(tmp_path: Path) -> None:
    joined, _ = join_one(
        tmp_path,
        """provider = "内部平台"
model = "行业模型-7b"
base_url = "http://10.1.2.3:9000/v1"
on_premises = true
maker = "自研"
maker_country = "CN"
open_weights = false
capabilities = ["tools"]
accelerator = "ascend"
context_tokens = 32768""",
    )
    assert joined.id == "内部平台/行业模型-7b"
    assert (joined.maker, joined.maker_country, joined.provider_country) == ("自研", "CN", "LOCAL")
    assert (joined.region, joined.on_premises, joined.accelerator) == ("LOCAL", True, "ascend")
    assert joined.capabilities == frozenset({"tools"})
    assert (joined.auth, joined.secret, joined.licence, joined.price) == ("none", None, None, None)


def test_what_nobody_states_stays_unknown(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'mine'\nmodel = 'm'\nbase_url = 'https://models.example.com/v1'")
    assert (joined.maker, joined.maker_country, joined.provider_country) == ("unknown", "unknown", "unknown")
    assert (joined.region, joined.on_premises, joined.open_weights) == ("unknown", False, None)


def test_a_known_model_at_an_unknown_provider_keeps_the_models_facts(tmp_path: Path) -> None:
    joined, _ = join_one(
        tmp_path, "provider = 'mine'\nmodel = 'qwen3-8b'\nbase_url = 'https://h.example/v1'\nkey = 'env:K'"
    )
    assert (joined.maker, joined.maker_country, joined.open_weights) == ("alibaba", "CN", True)
    assert (joined.auth, joined.secret) == ("bearer", "env:K")


def test_a_model_newer_than_the_catalog_needs_its_maker_named(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'openai'\nmodel = 'gpt-next'\nmaker = 'openai'\nmaker_country = 'US'")
    assert (joined.model, joined.upstream_name, joined.region) == ("gpt-next", "gpt-next", "GLOBAL")
    assert joined.price is None


def test_a_local_server_may_have_any_model(tmp_path: Path) -> None:
    joined, warnings = join_one(tmp_path, "provider = 'ollama'\nmodel = 'qwen3:8b'")
    assert (joined.region, joined.on_premises, joined.provider_country) == ("LOCAL", True, "LOCAL")
    assert joined.base_url == "http://127.0.0.1:11434"
    assert warnings == ()


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "qwen3-coder:cloud"])
def test_a_model_that_ollama_hands_on_to_a_cloud_is_not_on_premises(tmp_path: Path, model: str) -> None:
    joined, warnings = join_one(tmp_path, f"provider = 'ollama'\nmodel = '{model}'")
    assert (joined.region, joined.on_premises, joined.provider_country) == ("unknown", False, "unknown")
    assert "hands" in warnings[0]


@pytest.mark.parametrize(
    ("address", "own"),
    [("http://gpu-box:8000/v1", True), ("http://192.168.1.9/v1", True), ("https://vllm.example.com/v1", False)],
)
def test_a_server_is_on_premises_only_if_its_address_can_be_nobody_elses(
    tmp_path: Path, address: str, own: bool
) -> None:
    joined, warnings = join_one(tmp_path, f"provider = 'vllm'\nmodel = 'm'\nbase_url = '{address}'")
    assert joined.on_premises is own
    assert joined.region == ("LOCAL" if own else "unknown")
    assert bool(warnings) is not own


def test_the_files_word_on_premises_is_final(tmp_path: Path) -> None:
    table = "provider = 'vllm'\nmodel = 'm'\nbase_url = 'https://vllm.example.com/v1'\non_premises = true"
    joined, warnings = join_one(tmp_path, table)
    assert (joined.on_premises, joined.region, warnings) == (True, "LOCAL", ())


def test_a_local_server_with_a_key_is_sent_it(tmp_path: Path) -> None:
    joined, _ = join_one(tmp_path, "provider = 'vllm'\nmodel = 'm'\nkey = 'env:VLLM_API_KEY'")
    assert (joined.auth, joined.secret) == ("bearer", "env:VLLM_API_KEY")


def test_quirk_61_an_address_pasted_with_its_call_is_read_without_it_and_said(tmp_path: Path) -> None:
    table = "[[deployments]]\nprovider = 'mine'\nmodel = '通义'\nbase_url = 'http://gpu:8000/v1/chat/completions'\n"
    settings = load(tmp_path, table)
    assert settings.deployments[0].base_url == "http://gpu:8000/v1"
    assert settings.warnings[0] == (
        "mine/通义: its base_url ends in the call itself, which is added anyway; read as http://gpu:8000/v1"
    )
