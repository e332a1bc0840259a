from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrepot.canonical.response import Usage
from entrepot.catalog.load import load_catalog
from entrepot.catalog.price import Price, PriceChange, PriceService, PriceTier, PriceWindow, dearer
from entrepot.catalog.pricing import ExchangeRates, Money, Tariff, format_usd
from entrepot.errors import CatalogError

RATES = ExchangeRates(usd_per_cny=Decimal("0.148998"), as_of="2026-09-04", source="a note")
CATALOG = load_catalog()
SHIPPED = [offer.price for provider in CATALOG.providers for offer in provider.offers if offer.price is not None]
KINDS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def price(given: str = "2", output: str = "10", **more: Any) -> Price:
    return Price(
        input_per_mtok=Decimal(given), output_per_mtok=Decimal(output), source="a page", as_of="2026-11-01", **more
    )


def usages(most: int = 2_000_000) -> st.SearchStrategy[Usage]:
    return st.builds(Usage, *(st.integers(0, most) for _ in KINDS))


def billed(tariff: Tariff, usage: Usage, at_s: float = 0.0) -> Money:
    money = tariff.cost(usage, at_s)
    assert money is not None
    return money


def at(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def input_rate(tariff: Tariff, input_tokens: int = 0, at_s: float = 0.0, **asked: Any) -> int:
    rates = tariff.rates(input_tokens, at_s, **asked)
    assert rates is not None
    return rates.input


def cost(price: Price, **tokens: Any) -> Money:
    return billed(Tariff(price, RATES), Usage(**tokens))


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
    tier = PriceTier(input_tokens_above=1000, input_per_mtok=Decimal(0), output_per_mtok=Decimal(1))
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
    tiered = price(
        "2",
        "10",
        tiers=(
            PriceTier(
                input_tokens_above=272_000,
                input_per_mtok=Decimal(4),
                output_per_mtok=Decimal(15),
                cache_read_per_mtok=Decimal("0.4"),
            ),
        ),
    )
    assert cost(tiered, input_tokens=272_000).nano == 544_000_000
    assert cost(tiered, input_tokens=272_001).nano == 1_088_004_000
    assert cost(tiered, input_tokens=272_001, output_tokens=1_000).nano == 1_088_004_000 + 15_000_000


def test_cached_tokens_count_towards_the_cliff() -> None:
    tiered = price(
        "2", "10", tiers=(PriceTier(input_tokens_above=1_000, input_per_mtok=Decimal(4), output_per_mtok=Decimal(20)),)
    )
    assert cost(tiered, input_tokens=1, cache_read_tokens=1_000, output_tokens=1).nano == 4_000 * 1_001 + 20_000


def test_the_highest_tier_that_is_passed_counts_in_whatever_order_they_are_given() -> None:
    tiers = (
        PriceTier(input_tokens_above=100, input_per_mtok=Decimal(2), output_per_mtok=Decimal(2)),
        PriceTier(input_tokens_above=10, input_per_mtok=Decimal(1), output_per_mtok=Decimal(1)),
    )
    tariff = Tariff(price("0", "0", tiers=tiers), RATES)
    assert [input_rate(tariff, tokens) for tokens in (10, 11, 100, 101)] == [0, 1_000_000, 1_000_000, 2_000_000]


def test_estimates_are_in_dollars_per_token() -> None:
    assert Tariff(price("2", "10"), RATES).usd_per_token(0, 0.0) == pytest.approx((2e-6, 10e-6))
    assert Tariff(price("2", "10", currency="CNY"), RATES).usd_per_token(0, 0.0) == pytest.approx(
        (2.97996e-7, 1.48998e-6)
    )


@pytest.mark.parametrize("bad", ["0.1234567", "-1", "-0.000001", "0.00000001"])
@pytest.mark.parametrize("kind", ["input_per_mtok", "output_per_mtok", "cache_read_per_mtok", "reasoning_per_mtok"])
def test_a_price_of_seven_decimals_or_below_zero_is_refused(bad: str, kind: str) -> None:
    with pytest.raises(CatalogError, match="not negative and have at most six decimals"):
        Tariff(msgspec.structs.replace(price(), **{kind: Decimal(bad)}), RATES)


def test_a_tier_is_held_to_the_same() -> None:
    with pytest.raises(CatalogError, match="at most six decimals"):
        Tariff(
            price(
                tiers=(
                    PriceTier(input_tokens_above=10, input_per_mtok=Decimal("0.0000001"), output_per_mtok=Decimal(1)),
                )
            ),
            RATES,
        )


@given(usage=usages(), shipped=st.sampled_from(SHIPPED))
def test_the_sum_is_that_of_exact_fractions(usage: Usage, shipped: Price) -> None:
    tiers = [tier for tier in shipped.tiers if usage.all_input > tier.input_tokens_above]
    rates: Price | PriceTier = max(tiers, key=lambda tier: tier.input_tokens_above) if tiers else shipped
    read = rates.input_per_mtok if rates.cache_read_per_mtok is None else rates.cache_read_per_mtok
    written = rates.input_per_mtok if rates.cache_write_per_mtok is None else rates.cache_write_per_mtok
    thought = rates.output_per_mtok if rates.reasoning_per_mtok is None else rates.reasoning_per_mtok
    per_mtok = (rates.input_per_mtok, read, written, rates.output_per_mtok, thought)
    units = sum(Fraction(rate) * getattr(usage, kind) / 10**6 for rate, kind in zip(per_mtok, KINDS, strict=True))
    money = billed(Tariff(shipped, RATES), usage)
    assert abs(Fraction(money.nano) - units * 10**9) <= Fraction(1, 2)
    usd = units * Fraction(RATES.usd_per_cny) if shipped.currency == "CNY" else units
    assert abs(Fraction(money.nano_usd) - usd * 10**9) <= Fraction(1, 2)


@given(usage=usages(), more=st.integers(1, 500_000), kind=st.sampled_from(KINDS), shipped=st.sampled_from(SHIPPED))
def test_more_tokens_never_cost_less(usage: Usage, more: int, kind: str, shipped: Price) -> None:
    tariff = Tariff(shipped, RATES)
    larger = msgspec.structs.replace(usage, **{kind: getattr(usage, kind) + more})
    assert billed(tariff, larger).nano >= billed(tariff, usage).nano
    assert billed(tariff, larger).nano_usd >= billed(tariff, usage).nano_usd


@pytest.mark.parametrize(
    ("nano", "digits", "shown"),
    [(0, 6, "0.000000"), (1_234_567_890, 6, "1.234568"), (12_000_000_000, 2, "12.00"), (10**20, 2, "100000000000.00")],
)
def test_dollars_are_shown_without_passing_through_a_float(nano: int, digits: int, shown: str) -> None:
    assert format_usd(nano, digits) == shown


PEAK = PriceWindow(
    Decimal(2), ("09:00-12:00", "14:00-18:00"), utc_offset_hours=8, weekdays=(1, 2, 3, 4, 5), except_holidays="CN"
)


@pytest.mark.parametrize(
    ("utc", "rate"),
    [
        ("2026-11-23T00:59:59", 1_000_000),  # Monday, 08:59:59 in Beijing
        ("2026-11-23T01:00:00", 2_000_000),
        ("2026-11-23T03:59:59", 2_000_000),
        ("2026-11-23T04:00:00", 1_000_000),
        ("2026-11-23T06:00:00", 2_000_000),
        ("2026-11-23T10:00:00", 1_000_000),
        ("2026-11-21T02:00:00", 1_000_000),  # a Saturday
        ("2026-10-05T02:00:00", 1_000_000),  # a Monday of the National Day holidays
        ("2026-10-10T02:00:00", 1_000_000),  # a Saturday that is worked, but no weekday
        ("2026-10-08T02:00:00", 2_000_000),  # the Thursday after them
        ("2026-02-16T02:00:00", 1_000_000),  # Spring Festival's eve
    ],
)
def test_peak_hours_are_of_the_providers_clock_weekdays_and_no_holidays(utc: str, rate: int) -> None:
    assert input_rate(Tariff(price("1", "4", windows=(PEAK,)), RATES), at_s=at(utc)) == rate


def test_a_price_changes_on_its_day_at_midnight_utc() -> None:
    later = PriceChange(
        starts_on="2026-12-01",
        input_per_mtok=Decimal(4),
        output_per_mtok=Decimal(20),
        tiers=(PriceTier(input_tokens_above=100, input_per_mtok=Decimal(8), output_per_mtok=Decimal(30)),),
    )
    tariff = Tariff(price("2", "10", changes=(later,), services=(PriceService("flex", Decimal("0.5")),)), RATES)
    assert input_rate(tariff, at_s=at("2026-11-30T23:59:59")) == 2_000_000
    assert input_rate(tariff, at_s=at("2026-12-01T00:00:00")) == 4_000_000
    assert input_rate(tariff, 101, at("2027-01-01T00:00:00")) == 8_000_000
    # what held before holds no more, its services included
    assert tariff.rates(0, at("2027-01-01T00:00:00"), service="flex") is None


def test_a_service_that_was_billed_costs_its_factor_and_an_unknown_one_is_unknown() -> None:
    tariff = Tariff(
        price("2", "10", services=(PriceService("flex", Decimal("0.5")), PriceService("priority", Decimal(2)))), RATES
    )
    tokens = Usage(input_tokens=1_000_000)
    assert billed(tariff, msgspec.structs.replace(tokens, service_tier="flex")).nano_usd == 1_000_000_000
    assert billed(tariff, msgspec.structs.replace(tokens, service_tier="priority")).nano_usd == 4_000_000_000
    assert billed(tariff, msgspec.structs.replace(tokens, service_tier="default")).nano_usd == 2_000_000_000
    assert tariff.cost(msgspec.structs.replace(tokens, service_tier="scale"), 0.0) is None


def test_bands_are_tiers_one_above_the_other_and_may_count_the_output_too() -> None:
    bands = (
        PriceTier(input_tokens_above=32_000, input_per_mtok=Decimal(3), output_per_mtok=Decimal(3)),
        PriceTier(
            input_tokens_above=32_000, input_per_mtok=Decimal(5), output_per_mtok=Decimal(5), output_tokens_above=200
        ),
    )
    tariff = Tariff(price("1", "1", tiers=bands), RATES)
    assert input_rate(tariff, 32_000, output_tokens=900) == 1_000_000
    assert input_rate(tariff, 32_001, output_tokens=200) == 3_000_000
    assert input_rate(tariff, 32_001, output_tokens=201) == 5_000_000


def test_a_region_costs_its_factor_exactly() -> None:
    there = dearer(price("0.05", "1", windows=(PEAK,)), Decimal("1.1"))
    tariff = Tariff(there, RATES)
    assert there.source == "a page, x 1.1"
    assert input_rate(tariff) == 55_000
    assert input_rate(tariff, at_s=at("2026-11-23T01:00:00")) == 110_000


def test_an_hours_cache_write_and_sound_have_prices_of_their_own() -> None:
    full = price(
        "4",
        "20",
        cache_write_per_mtok=Decimal(5),
        cache_write_1h_per_mtok=Decimal(8),
        audio_input_per_mtok=Decimal(40),
        audio_output_per_mtok=Decimal(80),
    )
    assert cost(full, cache_write_tokens=1_000, cache_write_1h_tokens=400).nano == 600 * 5_000 + 400 * 8_000
    assert cost(full, input_tokens=1_000, audio_input_tokens=300).nano == 700 * 4_000 + 300 * 40_000
    assert cost(full, output_tokens=1_000, audio_output_tokens=1_000).nano == 80_000_000
    plain = price("4", "20", cache_write_per_mtok=Decimal(5))
    assert cost(plain, cache_write_tokens=1_000, cache_write_1h_tokens=400).nano == 5_000_000
    assert cost(plain, input_tokens=10, audio_input_tokens=99).nano == 40_000


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"windows": (PriceWindow(Decimal(2), ("9-12",)),)}, "'9' is no time of day"),
        ({"windows": (PriceWindow(Decimal(2), ("12:00-09:00",)),)}, "the earlier first"),
        ({"windows": (PriceWindow(Decimal(2), ("09:00-25:00",)),)}, "'25:00' is no time of day"),
        ({"windows": (PriceWindow(Decimal(2), ("09:00-12:00",), weekdays=(0,)),)}, "from 1 .Monday. to 7"),
        ({"windows": (PriceWindow(Decimal(2), ("09:00-12:00",), except_holidays="XX"),)}, "holidays known"),
        ({"windows": (PriceWindow(Decimal(2), ("09:00-12:00",), utc_offset_hours=15),)}, "from -12 to 14"),
        (
            {"changes": (PriceChange(starts_on="2026-13-01", input_per_mtok=Decimal(1), output_per_mtok=Decimal(1)),)},
            "is not a date",
        ),
        (
            {
                "changes": tuple(
                    PriceChange(starts_on=day, input_per_mtok=Decimal(1), output_per_mtok=Decimal(1))
                    for day in ("2027-01-01", "2026-01-01")
                )
            },
            "in order of starts_on",
        ),
        ({"services": (PriceService("flex", Decimal(-1)),)}, "flex = -1: a factor"),
        ({"services": (PriceService("flex", Decimal("0.0000001")),)}, "at most six decimals"),
        ({"services": (PriceService("flex", Decimal("NaN")),)}, "flex = NaN"),
    ],
)
def test_a_price_that_makes_no_sense_is_refused_with_its_reason(more: dict[str, Any], said: str) -> None:
    with pytest.raises(CatalogError, match=said):
        Tariff(price("2", "10", **more), RATES)


def test_an_input_longer_than_any_stated_price_costs_an_unknown_amount_and_is_never_free() -> None:
    known = Tariff(price("4", "18", input_tokens_up_to=32_000), RATES)
    assert billed(known, Usage(32_000)).nano == 128_000_000
    assert known.cost(Usage(32_001), 0.0) is None
    assert known.usd_per_token(32_001, 0.0) == known.usd_per_token(0, 0.0)
    assert not Tariff(price("0", "0", input_tokens_up_to=32_000), RATES).is_free
    ernie = CATALOG.price_of("baidu-qianfan", "ernie-5.1")
    assert ernie is not None
    assert Tariff(ernie, RATES).cost(Usage(32_001), 0.0) is None


def test_a_service_is_priced_up_to_the_length_that_its_page_has() -> None:
    listed = CATALOG.price_of("openai", "gpt-5.5")
    assert listed is not None
    tariff = Tariff(listed, RATES)
    assert billed(tariff, Usage(272_000, service_tier="priority")).nano == 272_000 * 12_500
    assert tariff.cost(Usage(272_001, service_tier="priority"), 0.0) is None
    assert billed(tariff, Usage(272_001, service_tier="flex")).nano == 272_001 * 5_000


@pytest.mark.parametrize(
    ("utc", "yuan"),
    [
        ("2026-11-23T01:00:00", 2),  # Monday, 09:00 in Beijing
        ("2026-11-23T04:00:00", 1),  # 12:00: the noon break
        ("2026-11-22T01:00:00", 1),  # Sunday at the same hour
        ("2026-10-01T01:00:00", 1),  # National Day, a Thursday
    ],
)
def test_deepseek_costs_half_at_weekends_and_on_holidays_and_not_only_at_night(utc: str, yuan: int) -> None:
    listed = CATALOG.price_of("deepseek", "deepseek-v4.1-flash")
    assert listed is not None
    assert billed(Tariff(listed, RATES), Usage(1_000_000), at(utc)).nano == yuan * 1_000_000_000


@pytest.mark.parametrize("provider", ["google-gemini", "google-vertex"])
def test_gemini_doubles_on_its_announced_day_without_a_new_release_of_ours(provider: str) -> None:
    listed = CATALOG.price_of(provider, "gemini-4-argon")
    assert listed is not None
    tariff = Tariff(listed, RATES)
    assert input_rate(tariff, at_s=at("2026-11-30T23:59:59")) == 2_000_000
    assert input_rate(tariff, at_s=at("2026-12-01T00:00:00")) == 4_000_000


def test_an_hours_cache_write_at_anthropic_costs_twice_the_input_in_every_tier() -> None:
    provider = CATALOG.provider("anthropic")
    prices = [offer.price for offer in provider.offers if offer.price is not None]
    every: list[Price | PriceTier] = [*prices, *(tier for price in prices for tier in price.tiers)]
    for each in every:
        assert each.cache_write_1h_per_mtok == 2 * each.input_per_mtok
    assert len(prices) > 10


def test_what_a_cached_token_costs_is_known_before_the_call() -> None:
    cached = Tariff(price("2", "10", cache_read_per_mtok=Decimal("0.2"), cache_write_per_mtok=Decimal("2.5")), RATES)
    assert cached.usd_per_input_token(0, 0.0) == pytest.approx((2e-6, 0.2e-6, 2.5e-6))
    assert Tariff(price("2", "10"), RATES).usd_per_input_token(0, 0.0) == pytest.approx((2e-6, 2e-6, 2e-6))


@given(
    st.lists(st.tuples(st.integers(0, 300_000), st.sampled_from((None, "auto", "default", "fast", "slow"))), max_size=8)
)
def test_the_worst_case_is_the_same_whatever_was_asked_before(asked: list[tuple[int, str | None]]) -> None:
    services = (PriceService("fast", Decimal(2), 100_000), PriceService("slow", Decimal("0.5")))
    for stated in (price(), price(services=services), price(services=services[1:])):
        tariff = Tariff(stated, RATES)
        for tokens, service in asked:
            worst = tariff.worst_nano_usd(tokens, 1000, 0.0, service=service)
            assert worst == Tariff(stated, RATES).worst_nano_usd(tokens, 1000, 0.0, service=service)
