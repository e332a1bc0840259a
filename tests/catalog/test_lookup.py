from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path

import pytest

from entrepot.catalog.load import load_catalog
from entrepot.catalog.price import Price
from entrepot.errors import CatalogError
from tests.catalog.made_up import MAKER, PROVIDER, write_catalog

CATALOG = load_catalog()


def amounts(price: Price | None) -> tuple[str, ...]:
    """A price's currency and its amounts for input, cached input, cache write and output, as plain numbers."""
    assert price is not None
    kinds = (price.input_per_mtok, price.cache_read_per_mtok, price.cache_write_per_mtok, price.output_per_mtok)
    return (price.currency, *("-" if amount is None else f"{amount.normalize():f}" for amount in kinds))


# Copied by hand from the price pages named in each provider's file.
KNOWN_PRICES = [
    ("deepseek", "deepseek-flash", None, ("CNY", "1", "0.02", "-", "4")),
    ("deepseek", "deepseek-v4-pro", None, ("CNY", "4.5", "0.15", "-", "13.5")),
    ("openai", "gpt-6-sol", None, ("USD", "2", "0.2", "2.5", "10")),
    ("openai", "gpt-6-sol", "eu", ("USD", "2.2", "0.22", "2.75", "11")),
    ("openai", "gpt-5.5-pro", "eu", ("USD", "33", "-", "-", "198")),
    ("openai", "gpt-5.1", "eu", ("USD", "1.25", "0.125", "-", "10")),
    ("alibaba", "qwen3.8-max", "singapore", ("USD", "2", "0.25", "-", "6")),
    ("zhipu", "glm-5.3", None, ("CNY", "8", "2", "-", "28")),
    ("baidu-qianfan", "ernie-5.1", None, ("CNY", "4", "-", "-", "18")),
    ("volcengine-ark", "doubao-seed-2-1-pro-260915", None, ("CNY", "6", "1.2", "-", "30")),
]


@pytest.mark.parametrize(("provider", "model", "region", "expected"), KNOWN_PRICES)
def test_well_known_prices_are_those_of_their_pages(
    provider: str, model: str, region: str | None, expected: tuple[str, ...]
) -> None:
    assert amounts(CATALOG.price_of(provider, model, region)) == expected


def test_a_long_input_has_the_price_of_its_tier() -> None:
    price = CATALOG.price_of("openai", "gpt-6-sol")
    assert price is not None
    (tier,) = price.tiers
    kinds = (tier.input_per_mtok, tier.cache_read_per_mtok, tier.cache_write_per_mtok, tier.output_per_mtok)
    assert (tier.input_tokens_above, *kinds) == (272_000, Decimal(4), Decimal("0.4"), Decimal(5), Decimal(15))


def test_a_price_that_no_page_states_is_unknown() -> None:
    assert CATALOG.price_of("alibaba", "qwen3.8-max", "beijing") is None
    assert CATALOG.price_of("huggingface", "deepseek-v4-pro-0813") is None


def test_every_price_and_score_has_its_page_and_day() -> None:
    scores = [score for model in CATALOG.models for score in model.scores]
    prices = [offer.price for provider in CATALOG.providers for offer in provider.offers if offer.price is not None]
    assert len(prices) > 200
    assert len(scores) > 100
    assert all(price.source and len(price.as_of) == 10 for price in prices)
    assert all(score.source and len(score.as_of) == 10 for score in scores)


def test_every_model_of_the_outcome_matrices_is_known(outcomes_dir: Path) -> None:
    with (outcomes_dir / "prices.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows
    for row in rows:
        model = CATALOG.model(row["model"])
        assert CATALOG.maker(model.maker).country == row["maker_country"], row["model"]
        assert model.open_weights is (row["open_weights"].lower() in {"true", "yes", "1"}), row["model"]


def test_weights_are_offered_by_others_than_their_maker() -> None:
    hosts = {p.id for p in CATALOG.providers if CATALOG.offers(p.id, "deepseek-v4.1-flash")}
    assert {"deepseek", "mistral", "together"} <= hosts


def test_the_us_address_of_a_provider_is_not_taken_for_processing_there() -> None:
    provider = CATALOG.provider("openai")
    assert {region.name: region.processed_in for region in provider.regions}["global"] == "GLOBAL"
    assert {region.processed_in for region in CATALOG.provider("alibaba").regions} >= {"CN", "GLOBAL"}


def test_the_providers_that_people_ask_for_are_there() -> None:
    expected = (
        "openai azure-openai anthropic google-gemini meta alibaba deepseek baidu-qianfan moonshot moonshot-cn zai zhipu "
        "volcengine-ark byteplus tencent-tokenhub tencent-intl baichuan minimax minimax-cn mistral xai groq openrouter "
        "siliconflow siliconflow-cn together huggingface ollama vllm sglang llama-cpp lm-studio tgi"
    )
    assert set(expected.split()) <= {provider.id for provider in CATALOG.providers}


def test_local_servers_are_looked_for_at_their_usual_ports_but_not_at_ours() -> None:
    ports = {provider.id: provider.probe_port for provider in CATALOG.providers if provider.probe_port is not None}
    assert ports == {"ollama": 11434, "vllm": 8000, "sglang": 30000, "lm-studio": 1234}


def test_models_are_found_by_any_name_in_any_case(tmp_path: Path) -> None:
    catalog = load_catalog([write_catalog(tmp_path)])
    for name in ("acme-large", "ACME/large", "顶点大模型", "acme-large:latest"):
        assert catalog.model(name).id == "acme-large"


def test_a_wrong_name_is_told_the_nearest_right_one() -> None:
    with pytest.raises(CatalogError, match="no model 'gpt-6-soll' in the catalog; did you mean 'gpt-6-sol'"):
        CATALOG.model("gpt-6-soll")
    with pytest.raises(CatalogError, match="no maker 'antropic' in the catalog; did you mean 'anthropic'"):
        CATALOG.maker("antropic")
    with pytest.raises(CatalogError, match="no provider 'mistrall' in the catalog; did you mean 'mistral'"):
        CATALOG.provider("mistrall")
    with pytest.raises(CatalogError, match="provider 'openai' has no region 'uss'"):
        CATALOG.region("openai", "gpt-6-sol", "uss")
    assert CATALOG.find_model("不存在") is None


def test_the_first_address_that_offers_a_model_is_taken(tmp_path: Path) -> None:
    provider = PROVIDER.replace('regions = ["paris"]', 'regions = ["anywhere"]')
    catalog = load_catalog([write_catalog(tmp_path, maker=MAKER, provider=provider)])
    assert catalog.region("acme-cloud", "acme-large").name == "anywhere"
    assert catalog.region("acme-cloud", "acme-large", "Paris").name == "paris"
    assert catalog.region("acme-cloud", "gpt-6-sol").name == "paris"


def test_an_offer_holds_in_its_regions_alone(tmp_path: Path) -> None:
    catalog = load_catalog([write_catalog(tmp_path)])
    assert catalog.price_of("acme-cloud", "acme-large", "paris") is not None
    assert catalog.offer("acme-cloud", "acme-large", "anywhere") is None
    assert catalog.price_of("acme-cloud", "acme-large", "anywhere") is None
    assert catalog.offers("acme-cloud", "absent") == ()
