"""Our prices against those of the library that they name as their source."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from entrepot.canonical.response import Usage
from entrepot.catalog.load import load_catalog
from entrepot.catalog.pricing import Tariff

genai_prices = pytest.importorskip("genai_prices", reason="genai-prices is not installed")

CATALOG = load_catalog()
NOW = datetime.now(UTC)
LENGTHS = (1_000, 250_000, 300_000, 600_000)
SHEETS = {
    "anthropic": "anthropic",
    "google-gemini": "google",
    "openai": "openai",
    "xai": "x-ai",
    "moonshot": "moonshotai",
    "minimax": "minimax",
    "zai": "zai",
    "groq": "groq",
    "cerebras": "cerebras",
    "together": "together",
    "openrouter": "openrouter",
    "fireworks": "fireworks",
    "meta": "meta",
}
OFFERS = [
    (provider.id, offer.upstream_name)
    for provider in CATALOG.providers
    if provider.id in SHEETS
    for offer in provider.offers
    if offer.price is not None and offer.price.source.startswith("genai-prices")
]


def theirs(provider: str, name: str, tokens: Usage) -> Decimal:
    usage = genai_prices.Usage(
        input_tokens=tokens.all_input,
        cache_read_tokens=tokens.cache_read_tokens,
        output_tokens=tokens.all_output,
    )
    given: dict[str, Any] = {"provider_id": SHEETS[provider], "genai_request_timestamp": NOW}
    total: Decimal = genai_prices.calc_price(usage, name, **given).total_price
    return total


@pytest.mark.parametrize(("provider", "name"), sorted(set(OFFERS)))
def test_a_price_that_names_the_library_is_the_librarys(provider: str, name: str) -> None:
    offer = next(each for each in CATALOG.provider(provider).offers if each.upstream_name == name)
    assert offer.price is not None
    tariff = Tariff(offer.price, CATALOG.exchange_rates)
    # the library has a price for prompts that Anthropic refuses since 2026-04-30
    longest = 200_000 if name == "claude-sonnet-4-5" else max(LENGTHS)
    for length in (each for each in LENGTHS if each <= longest):
        for tokens in (Usage(length, output_tokens=1_000), Usage(1_000, cache_read_tokens=length - 1_000)):
            money = tariff.cost(tokens, NOW.timestamp())
            assert money is not None
            assert Decimal(money.nano).scaleb(-9) == pytest.approx(theirs(provider, name, tokens), abs=Decimal("1e-9"))


def test_there_are_such_prices() -> None:
    assert len(OFFERS) > 100


def test_the_shipped_table_is_what_the_library_compiles_to() -> None:
    from tools.compile_prices import compile_prices  # noqa: PLC0415 - it imports the library, which may be absent

    compiled = compile_prices()
    shipped = CATALOG.listed_prices
    if compiled["source"] == shipped.source:
        assert compiled["prices"] == shipped.prices
    else:
        assert compiled["prices"].keys() == shipped.prices.keys()
