from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.catalog.load import load_catalog
from entrepot.catalog.pricing import ExchangeRates, Money, Tariff, format_usd
from entrepot.catalog.schema import Price, PriceTier
from entrepot.errors import CatalogError

RATES = ExchangeRates(usd_per_cny=Decimal("0.148998"), as_of="2026-09-04", source="a note")
CATALOG = load_catalog()
SHIPPED = [offer.price for provider in CATALOG.providers for offer in provider.offers if offer.price is not None]
KINDS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def price(given: str = "2", output: str = "10", **more: Any) -> Price:
    return Price(Decimal(given), Decimal(output), source="a page", as_of="2026-11-01", **more)


def usages(most: int = 2_000_000) -> st.SearchStrategy[Usage]:
    return st.builds(Usage, *(st.integers(0, most) for _ in KINDS))


def cost(price: Price, **tokens: Any) -> Money:
    return Tariff(price, RATES).cost(Usage(**tokens))


def test_a_million_tokens_cost_the_price() -> None:
    assert cost(price("2", "10"), input_tokens=1_000_000, output_tokens=1_000_000) == (
        12_000_000_000,
        "USD",
        12_000_000_000,
    )


def test_one_token_of_the_finest_price_is_exact() -> None:
    assert cost(price("0.000001", "0"), input_tokens=1_000_000).nano == 1_000
    assert cost(price("0.001", "0"), input_tokens=1).nano == 1


def test_every_kind_of_token_has_its_own_price() -> None:
    full = price(
        "2",
        "10",
        cache_read_per_mtok=Decimal("0.2"),
        cache_write_per_mtok=Decimal("2.5"),
        reasoning_per_mtok=Decimal(12),
    )
    assert [cost(full, **{kind: 1_000}).nano for kind in KINDS] == [
        2_000_000,
        200_000,
        2_500_000,
        10_000_000,
        12_000_000,
    ]


def test_cached_tokens_cost_as_input_and_reasoning_as_output_where_no_price_is_stated() -> None:
    assert [cost(price("2", "10"), **{kind: 1_000}).nano for kind in KINDS] == [
        2_000_000,
        2_000_000,
        2_000_000,
        10_000_000,
        10_000_000,
    ]


def test_free_is_zero_and_not_unknown() -> None:
    assert cost(price("0", "0"), input_tokens=10**9).nano == 0


def test_what_costs_nothing_for_any_tokens_is_free() -> None:
    tier = PriceTier(1000, Decimal(0), Decimal(1))
    assert Tariff(price("0", "0"), RATES).is_free
    assert not Tariff(price("0", "0", tiers=(tier,)), RATES).is_free
    assert not Tariff(price("0", "0", reasoning_per_mtok=Decimal(1)), RATES).is_free


def test_half_a_nano_dollar_is_rounded_up_and_less_is_dropped() -> None:
    assert cost(price("0.0005", "0"), input_tokens=1).nano == 1
    assert cost(price("0.000499", "0"), input_tokens=1).nano == 0
    assert cost(price("0.0005", "0"), input_tokens=3).nano == 2


def test_yuan_are_kept_as_yuan_and_shown_in_dollars() -> None:
    assert cost(price("2", "8", currency="CNY"), input_tokens=1_000_000, output_tokens=500_000) == (
        6_000_000_000,
        "CNY",
        893_988_000,
    )


def test_dollars_of_yuan_are_rounded_once() -> None:
    # 3 tokens at 0.0005 CNY per million: 1 500 pico-yuan are 2 nano-yuan, and 223.497 pico-dollars are no nano-dollar.
    assert cost(price("0.0005", "0", currency="CNY"), input_tokens=3) == (2, "CNY", 0)


def test_a_request_beyond_the_cliff_is_billed_whole_at_its_tier() -> None:
    tiered = price("2", "10", tiers=(PriceTier(272_000, Decimal(4), Decimal(15), cache_read_per_mtok=Decimal("0.4")),))
    assert cost(tiered, input_tokens=272_000).nano == 544_000_000
    assert cost(tiered, input_tokens=272_001).nano == 1_088_004_000
    assert cost(tiered, input_tokens=272_001, output_tokens=1_000).nano == 1_088_004_000 + 15_000_000


def test_cached_tokens_count_towards_the_cliff() -> None:
    tiered = price("2", "10", tiers=(PriceTier(1_000, Decimal(4), Decimal(20)),))
    assert cost(tiered, input_tokens=1, cache_read_tokens=1_000, output_tokens=1).nano == 4_000 * 1_001 + 20_000


def test_the_highest_tier_that_is_passed_counts_in_whatever_order_they_are_given() -> None:
    tiers = (PriceTier(100, Decimal(2), Decimal(2)), PriceTier(10, Decimal(1), Decimal(1)))
    tariff = Tariff(price("0", "0", tiers=tiers), RATES)
    assert [tariff.rates(tokens).input for tokens in (10, 11, 100, 101)] == [0, 1_000_000, 1_000_000, 2_000_000]


def test_estimates_are_in_dollars_per_token() -> None:
    assert Tariff(price("2", "10"), RATES).usd_per_token(0) == pytest.approx((2e-6, 10e-6))
    assert Tariff(price("2", "10", currency="CNY"), RATES).usd_per_token(0) == pytest.approx((2.97996e-7, 1.48998e-6))


@pytest.mark.parametrize("bad", ["0.1234567", "-1", "-0.000001", "0.00000001"])
@pytest.mark.parametrize("kind", ["input_per_mtok", "output_per_mtok", "cache_read_per_mtok", "reasoning_per_mtok"])
def test_a_price_of_seven_decimals_or_below_zero_is_refused(bad: str, kind: str) -> None:
    with pytest.raises(CatalogError, match="not negative and have at most six decimals"):
        Tariff(msgspec.structs.replace(price(), **{kind: Decimal(bad)}), RATES)


def test_a_tier_is_held_to_the_same() -> None:
    with pytest.raises(CatalogError, match="at most six decimals"):
        Tariff(price(tiers=(PriceTier(10, Decimal("0.0000001"), Decimal(1)),)), RATES)


@given(usage=usages(), shipped=st.sampled_from(SHIPPED))
def test_the_sum_is_that_of_exact_fractions(usage: Usage, shipped: Price) -> None:
    tiers = [tier for tier in shipped.tiers if usage.all_input > tier.input_tokens_above]
    rates: Price | PriceTier = max(tiers, key=lambda tier: tier.input_tokens_above) if tiers else shipped
    read = rates.input_per_mtok if rates.cache_read_per_mtok is None else rates.cache_read_per_mtok
    written = rates.input_per_mtok if rates.cache_write_per_mtok is None else rates.cache_write_per_mtok
    thought = rates.output_per_mtok if rates.reasoning_per_mtok is None else rates.reasoning_per_mtok
    per_mtok = (rates.input_per_mtok, read, written, rates.output_per_mtok, thought)
    units = sum(Fraction(rate) * getattr(usage, kind) / 10**6 for rate, kind in zip(per_mtok, KINDS, strict=True))
    money = Tariff(shipped, RATES).cost(usage)
    assert abs(Fraction(money.nano) - units * 10**9) <= Fraction(1, 2)
    usd = units * Fraction(RATES.usd_per_cny) if shipped.currency == "CNY" else units
    assert abs(Fraction(money.nano_usd) - usd * 10**9) <= Fraction(1, 2)


@given(usage=usages(), more=st.integers(1, 500_000), kind=st.sampled_from(KINDS), shipped=st.sampled_from(SHIPPED))
def test_more_tokens_never_cost_less(usage: Usage, more: int, kind: str, shipped: Price) -> None:
    tariff = Tariff(shipped, RATES)
    larger = msgspec.structs.replace(usage, **{kind: getattr(usage, kind) + more})
    assert tariff.cost(larger).nano >= tariff.cost(usage).nano
    assert tariff.cost(larger).nano_usd >= tariff.cost(usage).nano_usd


@pytest.mark.parametrize(
    ("nano", "digits", "shown"),
    [(0, 6, "0.000000"), (1_234_567_890, 6, "1.234568"), (12_000_000_000, 2, "12.00"), (10**20, 2, "100000000000.00")],
)
def test_dollars_are_shown_without_passing_through_a_float(nano: int, digits: int, shown: str) -> None:
    assert format_usd(nano, digits) == shown
