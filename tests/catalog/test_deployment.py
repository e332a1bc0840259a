from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.catalog.deployment import blanks_in, build_deployment, leaves_the_machine
from entrepot.catalog.load import load_catalog
from entrepot.catalog.lookup import Catalog
from entrepot.catalog.price import Price
from entrepot.errors import CatalogError
from tests.catalog.made_up import PROVIDER, write_catalog

CATALOG = load_catalog()


def test_facts_of_model_maker_and_provider_are_joined() -> None:
    made = build_deployment(CATALOG, "together", "deepseek-flash", secret="env:TOGETHER_API_KEY")
    assert (made.id, made.model, made.maker, made.maker_country) == (
        "together/deepseek-v4.1-flash",
        "deepseek-v4.1-flash",
        "deepseek",
        "CN",
    )
    assert (made.provider, made.provider_country, made.region) == ("together", "US", "GLOBAL")
    assert (made.base_url, made.dialect, made.auth) == ("https://api.together.ai/v1", "openai-chat", "bearer")
    assert (made.secret, made.open_weights, made.licence, made.on_premises) == (
        "env:TOGETHER_API_KEY",
        True,
        "MIT",
        False,
    )
    assert made.price == CATALOG.price_of("together", "deepseek-v4.1-flash")
    assert made.upstream_name == CATALOG.offers("together", "deepseek-v4.1-flash")[0].upstream_name


def test_every_offer_at_every_address_makes_a_deployment() -> None:
    count = 0
    for provider in CATALOG.providers:
        blanks = {blank.name: "acme" for blank in provider.blanks}
        for offer in provider.offers:
            for region in offer.regions or [region.name for region in provider.regions]:
                catalogued = CATALOG.region(provider.id, offer.model, region).base_url
                given = "https://mine.example/v1" if blanks_in(catalogued) and not blanks else None
                made = build_deployment(CATALOG, provider.id, offer.model, region, base_url=given, blanks=blanks)
                assert made.price == CATALOG.price_of(provider.id, offer.model, region)
                assert made.upstream_name == offer.upstream_name
                assert blanks_in(made.base_url) == []
                count += 1
    assert count > 280


def test_a_region_has_its_own_address_price_and_place() -> None:
    anywhere = build_deployment(CATALOG, "openai", "gpt-6-sol")
    europe = build_deployment(CATALOG, "openai", "gpt-6-sol", "eu")
    assert (anywhere.base_url, anywhere.region) == ("https://api.openai.com/v1", "GLOBAL")
    assert (europe.base_url, europe.region) == ("https://eu.api.openai.com/v1", "EU")
    assert anywhere.price is not None
    assert europe.price is not None
    assert europe.price.input_per_mtok == anywhere.price.input_per_mtok * Decimal("1.1")


def test_what_is_given_wins_over_the_catalog() -> None:
    mine = Price(input_per_mtok=Decimal(1), output_per_mtok=Decimal(2), source="our contract", as_of="2026-11-01")
    made = build_deployment(
        CATALOG, "openai", "gpt-6-sol", id="内部/最好", upstream_name="ft:gpt-6-sol:acme", price=mine, accelerator="tpu"
    )
    assert (made.id, made.upstream_name, made.price, made.accelerator) == (
        "内部/最好",
        "ft:gpt-6-sol:acme",
        mine,
        "tpu",
    )


def test_where_an_address_of_ones_own_processes_is_unknown() -> None:
    made = build_deployment(CATALOG, "openai", "gpt-6-sol", base_url="https://proxy.example/v1/")
    assert (made.base_url, made.region) == ("https://proxy.example/v1", "unknown")


def test_an_address_of_the_catalog_is_known_however_it_is_given() -> None:
    assert build_deployment(CATALOG, "openai", "gpt-6-sol", base_url="https://eu.api.openai.com/v1/").region == "EU"


def test_an_address_for_each_customer_must_be_given_whole_or_by_its_blanks() -> None:
    with pytest.raises(
        CatalogError, match=r"'azure-openai' has an address for each customer, .*: give address = \{ resource"
    ):
        build_deployment(CATALOG, "azure-openai", "gpt-6-sol", upstream_name="my-deployment")
    with pytest.raises(CatalogError, match=r"'openai-compatible' has an address for each customer, .*: give base_url"):
        build_deployment(CATALOG, "openai-compatible", "gpt-6-sol", upstream_name="x")
    base_url = "https://me.openai.azure.com/openai/v1"
    whole = build_deployment(CATALOG, "azure-openai", "gpt-6-sol", upstream_name="my-deployment", base_url=base_url)
    assert (whole.base_url, whole.region, whole.upstream_name) == (base_url, "unknown", "my-deployment")
    filled = build_deployment(CATALOG, "azure-openai", "gpt-5", "data-zone-eu", blanks={"resource": "me"})
    assert (filled.base_url, filled.region) == (base_url, "EU")


def test_ones_own_machines_serve_any_model_at_no_known_price() -> None:
    made = build_deployment(CATALOG, "ollama", "某个模型:7b")
    assert (made.model, made.upstream_name, made.maker, made.maker_country) == (
        "某个模型:7b",
        "某个模型:7b",
        "unknown",
        "unknown",
    )
    assert (made.on_premises, made.region, made.provider_country, made.auth) == (True, "LOCAL", "LOCAL", "none")
    assert (made.price, made.open_weights, made.capabilities) == (None, None, None)


def test_a_known_model_on_ones_own_machines_keeps_its_facts() -> None:
    made = build_deployment(CATALOG, "vllm", "deepseek-ai/DeepSeek-V4.1-Flash", secret="env:VLLM_API_KEY")
    assert (made.model, made.upstream_name) == ("deepseek-v4.1-flash", "deepseek-ai/DeepSeek-V4.1-Flash")
    assert (made.maker, made.open_weights, made.auth) == ("deepseek", True, "bearer")


@pytest.mark.parametrize("name", ["gpt-oss:120b-cloud", "kimi-k3:cloud"])
def test_a_model_that_a_local_server_hands_on_is_not_on_premises(name: str) -> None:
    made = build_deployment(CATALOG, "ollama", name)
    assert leaves_the_machine(name)
    assert (made.on_premises, made.region, made.provider_country) == (False, "GLOBAL", "unknown")


def test_a_model_that_nobody_knows_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(
        CatalogError, match=r"no model 'gpt-6-soll' in the catalog; did you mean 'gpt-6-sol'.*upstream_name"
    ):
        build_deployment(CATALOG, "openai", "gpt-6-soll")


def test_a_model_that_nobody_knows_is_taken_with_its_upstream_name() -> None:
    made = build_deployment(CATALOG, "openai", "gpt-7", upstream_name="gpt-7-2027-01-01")
    assert (made.model, made.maker, made.price, made.open_weights) == ("gpt-7", "unknown", None, None)


def test_a_model_that_a_provider_does_not_offer_is_refused() -> None:
    with pytest.raises(
        CatalogError, match="provider 'openai' is not known to offer 'deepseek-flash' in region 'global'"
    ):
        build_deployment(CATALOG, "openai", "deepseek-flash")


def test_a_region_that_lacks_the_model_is_refused_with_those_that_have_it(tmp_path: Path) -> None:
    catalog = load_catalog([write_catalog(tmp_path)])
    with pytest.raises(CatalogError, match="to offer 'acme-large' in region 'anywhere'; it does in region 'paris'"):
        build_deployment(catalog, "acme-cloud", "acme-large", "anywhere")


def test_what_an_offer_can_do_may_be_less_than_the_model() -> None:
    made = build_deployment(CATALOG, "anthropic", CATALOG.provider("anthropic").offers[0].model)
    assert made.capabilities == frozenset[str]({"tools", "images", "files", "json", "json_schema"})


def with_provider(directory: Path, changed: str) -> Catalog:
    return load_catalog([write_catalog(directory, provider=changed)])


SPOKEN = """\
[[regions]]
name = "lyon"
base_url = "https://lyon.acme.example/anthropic"
processed_in = "FR"
dialect = "anthropic-messages"
auth = "x-api-key"
quirks = ["no_image_urls"]

[[offers]]
"""


def test_a_region_of_another_dialect_has_its_own_quirks_and_none_of_the_providers(tmp_path: Path) -> None:
    provider = PROVIDER.replace('auth = "bearer"', 'auth = "bearer"\nquirks = ["no_developer_role"]')
    provider = provider.replace("[[offers]]\n", SPOKEN).replace('regions = ["paris"]', 'quirks = ["no_json_schema"]')
    catalog = with_provider(tmp_path, provider)
    paris = build_deployment(catalog, "acme-cloud", "acme-large")
    lyon = build_deployment(catalog, "acme-cloud", "acme-large", "lyon")
    assert (paris.dialect, paris.auth) == ("openai-chat", "bearer")
    assert paris.quirks == {"no_developer_role", "no_json_schema"}
    assert (lyon.dialect, lyon.auth) == ("anthropic-messages", "x-api-key")
    assert lyon.quirks == {"no_image_urls"}


def test_an_offer_reached_by_another_dialect_has_its_own_quirks(tmp_path: Path) -> None:
    provider = PROVIDER.replace('auth = "bearer"', 'auth = "bearer"\nquirks = ["no_developer_role"]')
    provider = provider.replace('regions = ["paris"]', 'dialect = "gemini-generate"\nquirks = ["no_call_ids"]')
    made = build_deployment(with_provider(tmp_path, provider), "acme-cloud", "acme-large")
    assert made.dialect == "gemini-generate"
    assert made.quirks == {"no_call_ids"}


def test_without_a_key_a_cloud_is_opened_by_its_own_credentials_in_the_regions_scope(tmp_path: Path) -> None:
    provider = PROVIDER.replace('auth = "bearer"', 'auth = "bearer"\ncloud = "aws"\ncloud_scope = "{region}/bedrock"')
    catalog = with_provider(tmp_path, provider)
    without = build_deployment(catalog, "acme-cloud", "acme-large")
    assert (without.auth, without.auth_scope, without.secret) == ("aws", "paris/bedrock", None)
    keyed = build_deployment(catalog, "acme-cloud", "acme-large", secret="env:K")
    assert (keyed.auth, keyed.auth_scope, keyed.secret) == ("bearer", None, "env:K")


def test_a_region_that_names_no_address_has_the_providers_with_its_name_in_it(tmp_path: Path) -> None:
    provider = PROVIDER.replace('auth = "bearer"', 'auth = "bearer"\nbase_url = "https://{region}.acme.test/v1"')
    provider = provider.replace('base_url = "https://paris.acme.example/v1"\n', "")
    catalog = with_provider(tmp_path, provider)
    assert build_deployment(catalog, "acme-cloud", "acme-large").base_url == "https://paris.acme.test/v1"
    anywhere = build_deployment(catalog, "acme-cloud", "acme-large", "anywhere", upstream_name="x")
    assert anywhere.base_url == "https://acme.example/v1"


def test_what_an_address_leaves_to_each_customer_is_filled_in_or_asked_for(tmp_path: Path) -> None:
    blank = '[[blanks]]\nname = "town"\nwhat = "your town"\n\n[prices]'
    provider = PROVIDER.replace("[prices]", blank).replace("https://paris.", "https://{town}.{model}.")
    catalog = with_provider(tmp_path, provider)
    made = build_deployment(catalog, "acme-cloud", "acme-large", blanks={"town": "lille"})
    assert made.base_url == "https://lille.{model}.acme.example/v1"
    with pytest.raises(CatalogError, match=r'give address = \{ town = "…" \}; town is your town'):
        build_deployment(catalog, "acme-cloud", "acme-large")
