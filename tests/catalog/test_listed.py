from __future__ import annotations

import subprocess
import sys

import pytest

from entrepot.canonical.response import Usage
from entrepot.catalog.deployment import build_deployment
from entrepot.catalog.listed import ListedPrices
from entrepot.catalog.load import load_catalog
from entrepot.catalog.pricing import Tariff
from entrepot.errors import CatalogError

CATALOG = load_catalog()
EVERY = [(provider, name) for provider, listed in CATALOG.listed_prices.prices.items() for name in listed]


def test_every_listed_price_compiles_and_belongs_to_a_provider_of_ours() -> None:
    for provider, name in EVERY:
        price = CATALOG.listed_prices.find(provider, name.upper())
        assert price is not None
        assert price.source.startswith("genai-prices ")
        assert CATALOG.provider(provider).id == provider
        Tariff(price, CATALOG.exchange_rates)
    assert len(EVERY) > 1000


def test_a_model_that_no_offer_has_is_priced_by_its_name_at_the_provider() -> None:
    made = build_deployment(CATALOG, "openai", "gpt-4-turbo", upstream_name="gpt-4-turbo")
    assert made.price is not None
    assert made.price.source.startswith("genai-prices")
    money = Tariff(made.price, CATALOG.exchange_rates).cost(Usage(1_000_000, output_tokens=1_000_000), 0.0)
    assert money is not None
    assert money.nano_usd == 40_000_000_000


def test_our_own_price_wins_over_the_listed_one() -> None:
    made = build_deployment(CATALOG, "openai", "gpt-6-sol")
    assert made.price == CATALOG.price_of("openai", "gpt-6-sol")


def test_another_region_another_address_and_another_name_stay_unknown() -> None:
    name = "gpt-4-turbo"
    assert build_deployment(CATALOG, "openai", name, "eu", upstream_name=name).price is None
    assert build_deployment(CATALOG, "openai", name, upstream_name=name, base_url="https://p.example/v1").price is None
    assert build_deployment(CATALOG, "openai", name, upstream_name="ft:gpt-4-turbo:acme").price is None


@pytest.mark.parametrize("provider", ["deepseek", "zhipu", "amazon-bedrock", "azure-openai", "google-vertex"])
def test_a_sheet_that_is_wrong_for_a_provider_is_not_taken(provider: str) -> None:
    assert provider not in CATALOG.listed_prices.prices


def test_a_broken_table_is_named() -> None:
    table = ListedPrices("s", "2026-11-21", {"openai": {"x": {"input_per_mtok": "1"}}})
    with pytest.raises(CatalogError, match=r"listprices\.json: 'x' at openai"):
        table.find("openai", "x")


def test_the_gateway_does_not_import_the_library_that_the_table_is_compiled_from() -> None:
    code = "import sys, entrepot.app; print('genai_prices' in sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert shown.stdout.strip() == "False"
